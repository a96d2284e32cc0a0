"""Commands about connections that are to end: draining hosts, closing connections, seeing how far it has got."""

from __future__ import annotations

import time
from collections.abc import Generator
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
    CommandError,
    Document,
    ErrorKind,
    Hub,
    Names,
    Option,
    Section,
    unknown,
)
from control.commands.ordering import changed
from control.commands.wording import read_duration, read_rate
from control.drainage import line, summary
from director.access import Access
from director.printable import counted

if TYPE_CHECKING:
    from director.messages import Actor, Grace, Order

WITHIN = Option("within", "for so long connections may go on, then those left are closed", metavar="TIME")
RATE = Option("rate", "close so many a second of those left, idle ones first; else all at once", metavar="N/s")
WAIT = Option("wait", "tell how it goes until no connection is left; breaking off ends only the telling")
GRACE = (WITHIN, RATE, WAIT)
PATIENCE = 20.0  # seconds that a client waits for the next sign of a drain
_LOOK = 0.2  # seconds between looks
_TELL, _REPEAT = 1.0, 5.0  # seconds between two lines: when something changed, and when nothing did

Outcome = Document | Generator[Document, None, Document]


def graced(args: Args) -> Grace | None:
    """What the options say of connections in progress; None if nothing: then they stay to their end."""
    from director.messages import Grace

    if args["within"] is None and args["rate"] is None:
        return None
    return Grace(
        None if args["within"] is None else read_duration("--within", args["within"], least=0.0),
        None if args["rate"] is None else read_rate("--rate", args["rate"]),
    )


def ordered(hub: Hub, order: Order, actor: Actor, args: Args, *path: str) -> Outcome:
    """Carry out a change that may begin a drain of what is at the path, and wait for its end if that is wanted."""
    document = changed(hub, order, actor, args)
    what = "/".join(path)
    if not args["wait"] or args["dry-run"] or what not in (drain["what"] for drain in hub.drains.documents()):
        return document
    return _awaited(hub, what, document)


def _awaited(hub: Hub, what: str, begun: Document | None = None) -> Generator[Document, None, Document]:
    """A line from time to time, the last one when nothing is left."""
    import gevent

    drain = hub.drains.find(what)
    assert drain is not None
    if begun is not None:
        yield {**begun, "drain": drain}
    told: Document | None = None
    since = drain["since"]
    told_at = 0.0
    while drain["stage"] != "over":
        now = time.monotonic()
        if now - told_at >= (_REPEAT if drain == told else _TELL):
            told, told_at = drain, now
            yield {"lines": [line(drain)], "drain": drain}
        gevent.sleep(_LOOK)
        if not hub.drains.deciding:
            raise CommandError(ErrorKind.MOVED, f"another generation has taken over; {what} is drained on")
        left, drain = drain["left"], hub.drains.find(what)
        if drain is None or drain["since"] < since:
            raise CommandError(ErrorKind.REFUSED, f"{what} is not drained any more: that was taken back, {left} left")
    return {"lines": [summary(drain)], "drain": drain}


def host_drain(hub: Hub, args: Args, actor: Actor) -> Outcome:
    """The host gets nothing new until host-up, and its connections end."""
    from director.messages import Grace, HostDrain

    path = args["service"], args["group"], args["host"]
    order = HostDrain(*path, args["reason"] or "", graced(args) or Grace(), hub.out(*path[:2]))
    return ordered(hub, order, actor, args, *path)


def host_close(hub: Hub, args: Args, actor: Actor) -> Document:
    """Ends what the host has at this moment; it goes on getting its share."""
    from director.config.lookup import find_group, find_host, find_service

    service = find_service(hub.running.config, args["service"])
    host = find_host(service, find_group(service, args["group"]), args["host"])
    label = f"host {host.name!r} of {args['service']}/{args['group']}"
    if args["dry-run"]:
        count = _open(hub, args["service"], args["group"], host.name)
        return {"lines": [f"close {counted(count, 'connection')} of {label}"], "closed": 0, "dry_run": True}
    closed = hub.close_host(host.number, label, actor)
    return {"lines": [f"{counted(closed, 'connection')} of {label} closed"], "closed": closed}


def _open(hub: Hub, service: str, group: str, host: str) -> int:
    """The connections of a host, in all its places."""
    from director.members import configured

    groups = hub.service_stats(service)["groups"]
    places = next(one["hosts"] for one in groups if one["name"] == group)
    return sum(one["open"] for one in places if configured(one["number"], one["name"]) == host)


def drains(hub: Hub, args: Args, actor: Actor) -> Outcome:
    """What is being drained; or one of these, with progress until it is over."""
    found = hub.drains.documents()
    if args["what"] is None:
        if args["wait"]:
            raise CommandError(ErrorKind.USAGE, "can't wait for all drains: name one, such as web/main/a")
        return {"drains": found}
    one = hub.drains.find(args["what"])
    if one is None:
        raise CommandError(ErrorKind.UNKNOWN, unknown("drain", args["what"], (drain["what"] for drain in found)))
    return _awaited(hub, args["what"]) if args["wait"] else {"drains": [one]}


ROWS: tuple[Command, ...] = (
    Command(
        "drains",
        Section.LOOK,
        "what is being drained, or has gone and has connections left: how many, until when",
        drains,
        (Argument("what", "SVC/GRP/HOST", Names.VALUE, required=False),),
        (WAIT,),
        patience=PATIENCE,
    ),
    Command(
        "host-drain",
        Section.HOST,
        "give a host nothing new, and have its connections end",
        host_drain,
        (SERVICE, GROUP, HOST),
        (*GRACE, REASON, FORCE, DRY_RUN),
        Access.FULL,
        patience=PATIENCE,
    ),
    Command(
        "host-close",
        Section.HOST,
        "close the connections that a host has now; it goes on getting new ones",
        host_close,
        (SERVICE, GROUP, HOST),
        (DRY_RUN,),
        access=Access.FULL,
        patience=60.0,
    ),
)
