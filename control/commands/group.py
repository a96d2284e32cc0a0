"""Commands about a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from control.commands.command import (
    DRY_RUN,
    FORCE,
    GROUP,
    SERVICE,
    Args,
    Argument,
    Command,
    Document,
    Hub,
    Names,
    Option,
    Section,
)
from control.commands.drain import GRACE, PATIENCE, Outcome, graced, ordered
from control.commands.ordering import changed
from director.access import Access

if TYPE_CHECKING:
    from director.messages import Actor


def group_add(hub: Hub, args: Args, actor: Actor) -> Document:
    """A group without hosts; the first of a service is enabled."""
    from director.config.model import Group
    from director.messages import GroupAdd

    group = Group(name=args["group"], scheduler=args["scheduler"])
    return changed(hub, GroupAdd(args["service"], group), actor, args)


def group_del(hub: Hub, args: Args, actor: Actor) -> Outcome:
    """A group less, with its hosts; connections stay to their end, or are drained."""
    from director.messages import GroupDelete

    path = args["service"], args["group"]
    return ordered(hub, GroupDelete(*path, graced(args)), actor, args, *path)


def group_enable(hub: Hub, args: Args, actor: Actor) -> Outcome:
    """New connections of the service go to this group; those of the group before stay, or are drained."""
    from director.messages import Grace, GroupEnable

    grace, config = graced(args), hub.running.config
    service = next((service for service in config.services if service.name == args["service"]), None)
    if args["drain"] and grace is None and service is not None:
        within = config.drain_timeout if service.drain_within is None else service.drain_within
        grace = Grace(within, service.drain_rate)
    before = "" if service is None else service.enabled
    order = GroupEnable(args["service"], args["group"], grace, hub.out(args["service"], args["group"]))
    return ordered(hub, order, actor, args, args["service"], before)


def group_scheduler(hub: Hub, args: Args, actor: Actor) -> Document:
    """The group chooses hosts in another way from now on, or by one that failed again; connections stay."""
    from director.messages import ChangeScheduler

    path = args["service"], args["group"]
    again = hub.fallbacks.has_failed(*path)
    return changed(hub, ChangeScheduler(*path, args["scheduler"], again), actor, args)


DRAIN = Option("drain", "have the connections of the group before end within drain-within, else drain-timeout")
NEW_GROUP = Argument("group", "GRP", Names.VALUE)
SCHEDULER = Argument("scheduler", "SCHEDULER", Names.SCHEDULER)

ROWS: tuple[Command, ...] = (
    Command(
        "group-add",
        Section.GROUP,
        "add a group to a service",
        group_add,
        (SERVICE, NEW_GROUP, SCHEDULER),
        (DRY_RUN,),
        Access.FULL,
    ),
    Command(
        "group-del",
        Section.GROUP,
        "remove a group and its hosts; connections stay to their end unless told otherwise",
        group_del,
        (SERVICE, GROUP),
        (*GRACE, FORCE, DRY_RUN),
        Access.FULL,
        patience=PATIENCE,
    ),
    Command(
        "group-enable",
        Section.GROUP,
        "send a service's new connections to this group",
        group_enable,
        (SERVICE, GROUP),
        (DRAIN, *GRACE, FORCE, DRY_RUN),
        Access.FULL,
        patience=PATIENCE,
    ),
    Command(
        "group-scheduler",
        Section.GROUP,
        "choose the group's hosts by another scheduler; connections stay",
        group_scheduler,
        (SERVICE, GROUP, SCHEDULER),
        (DRY_RUN,),
        access=Access.FULL,
    ),
)
