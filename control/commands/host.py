"""Commands about a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from control.commands.command import FORCE, GROUP, HOST, REASON, SERVICE, Args, Command, Document, Hub, Section
from control.commands.ordering import ordered
from director.config.model import Access

if TYPE_CHECKING:
    from director.messages import Actor


def host_down(hub: Hub, args: Args, actor: Actor) -> Document:
    """The host gets nothing new until host-up."""
    from director.messages import HostDown

    order = HostDown(args["service"], args["group"], args["host"], args["reason"] or "")
    return ordered(hub, order, actor, force=args["force"])


def host_up(hub: Hub, args: Args, actor: Actor) -> Document:
    """Takes back host-down."""
    from director.messages import HostUp

    return ordered(hub, HostUp(args["service"], args["group"], args["host"]), actor)


ROWS: tuple[Command, ...] = (
    Command(
        "host-down",
        Section.HOST,
        "give a host nothing new; connections in progress stay",
        host_down,
        (SERVICE, GROUP, HOST),
        (REASON, FORCE),
        Access.FULL,
    ),
    Command(
        "host-up",
        Section.HOST,
        "use a host again after host-down",
        host_up,
        (SERVICE, GROUP, HOST),
        access=Access.FULL,
    ),
)
