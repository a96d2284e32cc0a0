"""Commands about a host."""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING

from control.commands.command import (
    DRY_RUN,
    FORCE,
    GROUP,
    HOST,
    REASON,
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
from control.commands.wording import attribute, read_duration
from director.access import Access

if TYPE_CHECKING:
    from director.messages import Actor


def host_add(hub: Hub, args: Args, actor: Actor) -> Document:
    """A host more, which gets its share from now on."""
    from director.config.model import Host
    from director.messages import HostAdd

    host = Host(
        name=args["host"],
        ip=attribute("host", "ip", args["ip"]),
        weight=1.0 if args["weight"] is None else attribute("host", "weight", args["weight"]),
        maxconn=None if args["maxconn"] is None else attribute("host", "maxconn", args["maxconn"]),
        backup=args["backup"],
    )
    return changed(hub, HostAdd(args["service"], args["group"], host), actor, args)


def host_del(hub: Hub, args: Args, actor: Actor) -> Outcome:
    """A host less; its connections stay to their end, or are drained."""
    from director.messages import HostDelete

    path = args["service"], args["group"], args["host"]
    return ordered(hub, HostDelete(*path, graced(args), hub.out(*path[:2])), actor, args, *path)


def host_del_all(hub: Hub, args: Args, actor: Actor) -> Outcome:
    """A group's hosts, all."""
    from director.messages import HostDeleteAll

    path = args["service"], args["group"]
    return ordered(hub, HostDeleteAll(*path, graced(args)), actor, args, *path)


def host_down(hub: Hub, args: Args, actor: Actor) -> Document:
    """The host gets nothing new until host-up, or for a time."""
    from director.messages import Grace, HostDown

    grace = Grace(0.0) if args["close"] else None
    path = args["service"], args["group"], args["host"]
    order = HostDown(*path, args["reason"] or "", _until(args["for"]), grace, hub.out(*path[:2]))
    return changed(hub, order, actor, args)


def _until(span: str | None) -> float | None:
    if span is None:
        return None
    return inf if span == "none" else time.time() + read_duration("--for", span)


def host_up(hub: Hub, args: Args, actor: Actor) -> Document:
    """Takes back host-down and host-drain."""
    from director.messages import HostUp

    return changed(hub, HostUp(args["service"], args["group"], args["host"]), actor, args)


def host_weight(hub: Hub, args: Args, actor: Actor) -> Document:
    """Its share of new connections."""
    from director.messages import HostWeight

    number = args["weight"].removesuffix("%")
    weight = attribute("host", "weight", number)
    path = args["service"], args["group"], args["host"]
    return changed(hub, HostWeight(*path, weight, hub.out(*path[:2]), number != args["weight"]), actor, args)


def host_maxconn(hub: Hub, args: Args, actor: Actor) -> Document:
    """The most connections it may have."""
    from director.messages import HostMaxconn

    maxconn = attribute("host", "maxconn", args["maxconn"])
    return changed(hub, HostMaxconn(args["service"], args["group"], args["host"], maxconn), actor, args)


NEW_HOST = Argument("host", "NAME", Names.VALUE)
ADDRESS = Argument("ip", "IP:PORT", Names.VALUE)
WEIGHT = Argument("weight", "N", Names.VALUE)
MAXCONN = Argument("maxconn", "N", Names.VALUE)
NAMED = (SERVICE, GROUP, HOST)

ROWS: tuple[Command, ...] = (
    Command(
        "host-add",
        Section.HOST,
        "add a host to a group",
        host_add,
        (SERVICE, GROUP, NEW_HOST, ADDRESS),
        (
            Option("weight", "its share of new connections (1)", metavar="N"),
            Option("maxconn", "the most connections it may have", metavar="N"),
            Option("backup", "only when all others are down"),
            DRY_RUN,
        ),
        Access.FULL,
    ),
    Command(
        "host-del",
        Section.HOST,
        "remove a host; its connections stay to their end unless told otherwise",
        host_del,
        NAMED,
        (*GRACE, FORCE, DRY_RUN),
        Access.FULL,
        patience=PATIENCE,
    ),
    Command(
        "host-del-all",
        Section.HOST,
        "remove all hosts of a group",
        host_del_all,
        (SERVICE, GROUP),
        (*GRACE, FORCE, DRY_RUN),
        Access.FULL,
        patience=PATIENCE,
    ),
    Command(
        "host-down",
        Section.HOST,
        "give a host nothing new; connections in progress stay unless told otherwise",
        host_down,
        NAMED,
        (
            Option("for", "then it is up again by itself, also after a restart; `none` is for good", metavar="TIME"),
            Option("close", "close its connections at once"),
            REASON,
            FORCE,
            DRY_RUN,
        ),
        Access.FULL,
    ),
    Command(
        "host-up",
        Section.HOST,
        "use a host again after host-down or host-drain",
        host_up,
        NAMED,
        (DRY_RUN,),
        access=Access.FULL,
    ),
    Command(
        "host-weight",
        Section.HOST,
        "give a host another share of new connections; 0 is none, `50%` half of what the config file says",
        host_weight,
        (*NAMED, WEIGHT),
        (FORCE, DRY_RUN),
        Access.FULL,
    ),
    Command(
        "host-maxconn",
        Section.HOST,
        "limit a host's connections; `none` is no limit",
        host_maxconn,
        (*NAMED, MAXCONN),
        (DRY_RUN,),
        Access.FULL,
    ),
)
