"""Commands that tell why: what a scheduler would do, and what is known of a connection."""

from __future__ import annotations

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
from director.printable import quoted

if TYPE_CHECKING:
    from director.config.model import Service
    from director.messages import Actor

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
    return {"service": service.name, "group": service.enabled, "denied": _denied(service, args["client"])} | document


def _denied(service: Service, client: str | None) -> str:
    """Why a client may not connect; empty if it may, or if nobody said who it is."""
    if client is None or client == "unix":
        return ""
    from director.admission import admission

    rules = admission(service.allow, service.deny)
    return "" if rules is None else rules.refusal(_address(client))


def _address(client: str | None) -> str:
    """A client's address in the form that workers have it."""
    if client is None or client == "unix":
        return client or _UNKNOWN_CLIENT
    from director.addresses import of_client

    try:
        return of_client(client)
    except ValueError:
        raise CommandError(
            ErrorKind.REFUSED, f"can't explain client {quoted(client)}: it is no address; write one such as 10.0.0.1"
        ) from None


def _explain_session(hub: Hub, name: str) -> Document:
    from control.roster import Name

    found = Name.read(name)
    if found is None:
        raise CommandError(
            ErrorKind.REFUSED,
            f"can't explain session {quoted(name)}: an ID looks like 0-4711; `directorctl sessions` has them",
        )
    document = hub.roster.one(found)
    if document is None:
        raise CommandError(ErrorKind.UNKNOWN, f"unknown session {name}: it is over, or never was")
    return document


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
)
