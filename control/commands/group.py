"""Commands about a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from control.commands.command import FORCE, GROUP, SERVICE, Args, Argument, Command, Document, Hub, Names, Section
from control.commands.ordering import ordered
from director.config.model import Access

if TYPE_CHECKING:
    from director.messages import Actor


def group_enable(hub: Hub, args: Args, actor: Actor) -> Document:
    """New connections of the service go to this group."""
    from director.messages import GroupEnable

    return ordered(hub, GroupEnable(args["service"], args["group"]), actor, force=args["force"])


def group_scheduler(hub: Hub, args: Args, actor: Actor) -> Document:
    """The group chooses hosts in another way from now on, in all workers; connections stay."""
    from director.messages import ChangeScheduler

    return ordered(hub, ChangeScheduler(args["service"], args["group"], args["scheduler"]), actor)


SCHEDULER = Argument("scheduler", "SCHEDULER", Names.SCHEDULER)

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
    Command(
        "group-scheduler",
        Section.GROUP,
        "choose the group's hosts by another scheduler; connections stay",
        group_scheduler,
        (SERVICE, GROUP, SCHEDULER),
        access=Access.FULL,
    ),
)
