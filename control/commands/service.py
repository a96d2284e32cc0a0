"""Commands about a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from control.commands.command import (
    DRY_RUN,
    FORCE,
    SERVICE,
    Args,
    Argument,
    Command,
    Document,
    Hub,
    Names,
    Section,
)
from control.commands.drain import GRACE, PATIENCE, Outcome, graced, ordered
from control.commands.ordering import changed
from control.commands.wording import attribute
from director.access import Access

if TYPE_CHECKING:
    from director.messages import Actor


def service_add(hub: Hub, args: Args, actor: Actor) -> Document:
    """A service with one listener and one group without hosts."""
    from director.config.model import Group, Listen, Service
    from director.messages import ServiceAdd

    group = Group(name=args["group"] or "main", scheduler=args["scheduler"] or "roundrobin")
    listen = Listen(ip=attribute("listen", "ip", args["ip"]))
    service = Service(name=args["service"], listens=(listen,), groups=(group,), enabled=group.name)
    return changed(hub, ServiceAdd(service), actor, args)


def service_del(hub: Hub, args: Args, actor: Actor) -> Outcome:
    """A service less; its connections stay to their end, or are drained."""
    from director.messages import ServiceDelete

    name, grace = args["service"], graced(args)
    open_ = dict(hub.open_connections()).get(name, 0)
    # Who says what is to become of connections knows that there are some.
    return ordered(hub, ServiceDelete(name, open_ if grace is None else 0, grace), actor, args, name)


def service_disable(hub: Hub, args: Args, actor: Actor) -> Document:
    """Its addresses are not listened on any more; connections stay."""
    from director.messages import ServiceDisable

    return changed(hub, ServiceDisable(args["service"]), actor, args)


def service_enable(hub: Hub, args: Args, actor: Actor) -> Document:
    """Takes back service-disable."""
    from director.messages import ServiceEnable

    return changed(hub, ServiceEnable(args["service"]), actor, args)


def service_maxconn(hub: Hub, args: Args, actor: Actor) -> Document:
    """The most connections it may have."""
    from director.messages import ServiceMaxconn

    maxconn = attribute("service", "maxconn", args["maxconn"])
    return changed(hub, ServiceMaxconn(args["service"], maxconn), actor, args)


def listen_add(hub: Hub, args: Args, actor: Actor) -> Document:
    """One address more."""
    from director.config.model import Listen
    from director.messages import ListenAdd

    listen = Listen(ip=attribute("listen", "ip", args["ip"]))
    return changed(hub, ListenAdd(args["service"], listen), actor, args)


def listen_del(hub: Hub, args: Args, actor: Actor) -> Document:
    """One address less; connections stay."""
    from director.messages import ListenDelete

    return changed(hub, ListenDelete(args["service"], str(attribute("listen", "ip", args["ip"]))), actor, args)


NEW_SERVICE = Argument("service", "SVC", Names.VALUE)
ADDRESS = Argument("ip", "IP:PORT", Names.VALUE)
LISTEN = Argument("ip", "IP:PORT", Names.LISTEN)
NEW_GROUP = Argument("group", "GRP", Names.VALUE, required=False)
SCHEDULER = Argument("scheduler", "SCHEDULER", Names.SCHEDULER, required=False)
MAXCONN = Argument("maxconn", "N", Names.VALUE)

ROWS: tuple[Command, ...] = (
    Command(
        "service-add",
        Section.SERVICE,
        "add a service; its group is `main` with roundrobin if not said",
        service_add,
        (NEW_SERVICE, ADDRESS, NEW_GROUP, SCHEDULER),
        (DRY_RUN,),
        Access.FULL,
    ),
    Command(
        "service-del",
        Section.SERVICE,
        "remove a service; its connections stay to their end unless told otherwise",
        service_del,
        (SERVICE,),
        (*GRACE, FORCE, DRY_RUN),
        Access.FULL,
        patience=PATIENCE,
    ),
    Command(
        "service-disable",
        Section.SERVICE,
        "listen for a service no more; connections stay",
        service_disable,
        (SERVICE,),
        (DRY_RUN,),
        Access.FULL,
    ),
    Command(
        "service-enable",
        Section.SERVICE,
        "listen again after service-disable",
        service_enable,
        (SERVICE,),
        (DRY_RUN,),
        Access.FULL,
    ),
    Command(
        "service-maxconn",
        Section.SERVICE,
        "limit a service's connections; `none` is no limit",
        service_maxconn,
        (SERVICE, MAXCONN),
        (DRY_RUN,),
        Access.FULL,
    ),
    Command(
        "listen-add",
        Section.SERVICE,
        "listen on one address more",
        listen_add,
        (SERVICE, ADDRESS),
        (DRY_RUN,),
        Access.FULL,
    ),
    Command(
        "listen-del",
        Section.SERVICE,
        "listen on one address less; connections stay",
        listen_del,
        (SERVICE, LISTEN),
        (DRY_RUN,),
        Access.FULL,
    ),
)
