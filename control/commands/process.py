"""Commands about the daemon as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from control.commands.command import Args, Command, Document, Hub, Section
from control.commands.ordering import ordered
from director.config.model import Access

if TYPE_CHECKING:
    from director.messages import Actor


def reload(hub: Hub, args: Args, actor: Actor) -> Document:
    """The config file is read again, and what differs applied."""
    from director.messages import Reload

    return ordered(hub, Reload(), actor)


def stop(hub: Hub, args: Args, actor: Actor) -> Document:
    """Answered when the daemon begins to stop, not when it is gone. `open`: connections at that time."""
    from director.messages import StopDaemon

    open_connections = sum(worker["open"] for worker in hub.stats()["workers"])
    return ordered(hub, StopDaemon(), actor) | {"open": open_connections}


ROWS: tuple[Command, ...] = (
    Command(
        "reload", Section.PROCESS, "apply what changed in the config file", reload, access=Access.FULL, patience=60.0
    ),
    Command("stop", Section.PROCESS, "end the daemon gracefully", stop, access=Access.FULL),
)
