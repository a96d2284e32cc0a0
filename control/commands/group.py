"""Commands about a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from control.commands.command import FORCE, GROUP, SERVICE, Args, Command, Document, Hub, Section
from control.commands.ordering import ordered
from director.config.model import Access

if TYPE_CHECKING:
    from director.messages import Actor


def group_enable(hub: Hub, args: Args, actor: Actor) -> Document:
    """New connections of the service go to this group."""
    from director.messages import GroupEnable

    return ordered(hub, GroupEnable(args["service"], args["group"]), actor, force=args["force"])


ROWS: tuple[Command, ...] = (
    Command(
        "group-enable",
        Section.GROUP,
        "send a service's new connections to this group",
        group_enable,
        (SERVICE, GROUP),
        (FORCE,),
        Access.FULL,
    ),
)
