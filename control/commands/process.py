"""Commands about the daemon as a whole."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from control.commands.command import Args, Command, CommandError, Document, ErrorKind, Hub, Section
from control.commands.ordering import ordered
from director.config.model import Access
from director.errors import Exit

if TYPE_CHECKING:
    from director.messages import Actor


def reload(hub: Hub, args: Args, actor: Actor) -> Document:
    """The config file is read again, and what differs applied."""
    from director.messages import Reload

    return ordered(hub, Reload(), actor)


def upgrade(hub: Hub, args: Args, actor: Actor) -> Generator[Document, None, Document]:
    """A line for each stage; the last when the new generation is the daemon, or the old one still is."""
    from director.messages import Progress, Upgrade

    answer = None
    for piece in hub.follow(Upgrade(), actor):
        if isinstance(piece, Progress):
            yield {"lines": [piece.line]}
        else:
            answer = piece
    assert answer is not None
    if answer.exit:
        kind = ErrorKind.ROLLED_BACK if answer.exit == Exit.UPGRADE_ROLLED_BACK else ErrorKind.NOT_UPGRADED
        raise CommandError(kind, "\n".join(answer.lines))
    return {"lines": list(answer.lines)}


def stop(hub: Hub, args: Args, actor: Actor) -> Document:
    """Answered when the daemon begins to stop, not when it is gone. `open`: connections at that time."""
    from director.messages import StopDaemon

    open_connections = sum(worker["open"] for worker in hub.stats()["workers"])
    return ordered(hub, StopDaemon(), actor) | {"open": open_connections}


ROWS: tuple[Command, ...] = (
    Command(
        "reload", Section.PROCESS, "apply what changed in the config file", reload, access=Access.FULL, patience=60.0
    ),
    Command(
        "upgrade",
        Section.PROCESS,
        "replace every process by the code and config now on disk",
        upgrade,
        access=Access.FULL,
        patience=600.0,
    ),
    Command("stop", Section.PROCESS, "end the daemon gracefully", stop, access=Access.FULL),
)
