"""Commands that tell why: what a scheduler would do, and what is known of a connection."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from control.commands.command import (
    ANY_SERVICE,
    Args,
    Command,
    CommandError,
    Document,
    ErrorKind,
    Hub,
    Option,
    Section,
)

if TYPE_CHECKING:
    from director.messages import Actor

SESSION = re.compile(r"(\d{1,6})-(\d{1,18})", re.ASCII)
_UNKNOWN_CLIENT = "192.0.2.1"  # of a network that is for examples


def explain(hub: Hub, args: Args, actor: Actor) -> Document:
    """Who would get a connection made now, and why; or why a live one is where it is."""
    if args["session"] is not None:
        if args["service"] is not None or args["client"] is not None:
            raise CommandError(ErrorKind.USAGE, "can't explain both: give a service, or --session")
        return _explain_session(hub, args["session"])
    if args["service"] is None:
        raise CommandError(ErrorKind.USAGE, "can't explain nothing: give a service, or --session")
    from director.config.lookup import find_service

    service = find_service(hub.running.config, args["service"])
    if not service.enabled:
        raise CommandError(ErrorKind.REFUSED, f"can't explain {service.name}: it has no group; its clients are closed")
    client = _address(args["client"])
    document = hub.ask_worker("explain", {"service": service.number, "client": client})
    if document is None:
        raise CommandError(ErrorKind.FAILED, f"can't explain {service.name}: no worker answers")
    return {"service": service.name, "group": service.enabled} | document


def _address(client: str | None) -> str:
    """A client's address in the form that workers have it."""
    if client is None or client == "unix":
        return client or _UNKNOWN_CLIENT
    from ipaddress import ip_address

    try:
        return str(ip_address(client.strip("[]")))
    except ValueError:
        raise CommandError(
            ErrorKind.USAGE, f"can't explain client {client!r}: it is no address; write one such as 10.0.0.1"
        ) from None


def _explain_session(hub: Hub, name: str) -> Document:
    match = SESSION.fullmatch(name)
    if match is None:
        raise CommandError(
            ErrorKind.USAGE, f"can't explain session {name!r}: an ID looks like 0-4711; `directorctl sessions` has them"
        )
    document = hub.ask_worker("session", {"session": int(match[2])}, int(match[1]))
    if document is None:
        raise CommandError(ErrorKind.UNKNOWN, f"unknown session {name}: it is over, or never was")
    return document


def sessions(hub: Hub, args: Args, actor: Actor) -> Document:
    """Connections of clients as the workers have them, those open for longest first."""
    from director.config.lookup import find_service
    from director.config.values import BadValue, duration

    if args["service"] is not None:
        find_service(hub.running.config, args["service"])
    try:
        older = 0.0 if args["older"] is None else float(duration().parse(args["older"], ""))
    except BadValue as error:
        raise CommandError(
            ErrorKind.USAGE, f"can't list sessions older than {args['older']!r}: {error.remedy}"
        ) from None
    wanted = {"older": older, **{key: args[key] or "" for key in ("service", "host", "client")}}
    parts = hub.ask_workers("sessions", wanted)
    found = sorted((one for part in parts for one in part["sessions"]), key=lambda one: -one["open_seconds"])
    more = any(part["more"] for part in parts)
    warnings = ["there are more, open for less long: ask for some with --service, --host, --client"] if more else []
    return {"sessions": found, "warnings": warnings}


ROWS: tuple[Command, ...] = (
    Command(
        "explain",
        Section.INSIGHT,
        "who would get a connection made now, and why; or why a live one is where it is",
        explain,
        (ANY_SERVICE,),
        (
            Option("client", "the address that the connection comes from", metavar="IP"),
            Option("session", "tell of this connection instead", metavar="ID"),
        ),
    ),
    Command(
        "sessions",
        Section.LOOK,
        "connections of clients, each with its host",
        sessions,
        options=(
            Option("service", "only those of this service", metavar="SVC"),
            Option("host", "only those with this host", metavar="HOST"),
            Option("client", "only those from this address", metavar="IP"),
            Option("older", "only those open for longer than this", metavar="TIME"),
        ),
    ),
)
