"""Commands about connections of clients: which there are, and closing some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from control.commands.command import (
    DRY_RUN,
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
)
from control.commands.look import chosen
from control.commands.wording import whole
from director.access import Access
from director.printable import counted, quoted

if TYPE_CHECKING:
    from control.roster import Listing, Name
    from director.messages import Actor

_ORDERS = {  # the largest first
    "age": ("open_seconds",),
    "idle": ("idle_seconds",),
    "bytes": ("bytes_in", "bytes_out"),
    "rate": ("rate_in", "rate_out"),
}
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def sessions(hub: Hub, args: Args, actor: Actor) -> Document:
    """Connections of clients as the workers have them, those open for longest first."""
    limit = _whole(args, "limit")
    found = _listed(hub, args)
    found.sort(_ORDERS[args["sort"] or "age"])
    warnings = [] if found.whole else ["not all could be told: a worker does not answer, or there are too many"]
    return {"sessions": found.documents(limit), "total": len(found.rows), "warnings": warnings}


def session_close(hub: Hub, args: Args, actor: Actor) -> Document:
    """Those with these IDs, or all that fit, are closed; clients see an end of the connection."""
    from director import logs
    from director.events import Event

    filters = [option.name for option in FILTERS if args[option.name] is not None]
    if (args["session"] is None) == (not filters):
        both = ", not both" if filters else ""
        raise CommandError(ErrorKind.USAGE, f"can't close sessions: give IDs, or say which by options{both}")
    if filters:
        names = [_name(one["session"]) for one in _listed(hub, args).documents()]
        what = " ".join(f"{name}={args[name]}" for name in filters)
    else:
        names = [_name(word) for word in args["session"].split(",")]
        what = args["session"]
    closed = 0 if args["dry-run"] else hub.roster.close(names)
    if args["dry-run"]:
        return {"lines": [f"{counted(len(names), 'session')} would be closed"], "closed": 0, "dry_run": True}
    if not closed and not filters:
        raise CommandError(ErrorKind.UNKNOWN, f"unknown session {what}: it is over, or never was")
    reason = {"reason": args["reason"]} if args["reason"] else {}
    logs.info(Event.CONNECTIONS_CLOSED, of=what, by=actor.name, closed=closed, **reason)
    line = f"{counted(closed, 'session')} closed" if filters or len(names) > 1 else f"session {what} is closed"
    return {"lines": [line], "closed": closed, "missing": len(names) - closed}


def _name(text: str) -> Name:
    from control.roster import Name

    name = Name.read(text.strip())
    if name is None:
        raise CommandError(
            ErrorKind.UNKNOWN,
            f"can't find session {quoted(text)}: an ID looks like 0-4711; `directorctl sessions` has them",
        )
    return name


def _listed(hub: Hub, args: Args) -> Listing:
    """Those that fit; what is gone may have some. Raises CommandError."""
    found = hub.roster.listed(_wanted(args))
    if not found.rows:
        services = chosen(hub.stats()["services"], args["service"], "service")
        groups = chosen([group for service in services for group in service["groups"]], args["group"], "group")
        chosen([host for group in groups for host in group["hosts"]], args["host"], "host")
    return found


def _wanted(args: Args) -> Document:
    """What workers are asked for. Raises CommandError."""
    return {
        **{key: args[key] or "" for key in ("service", "group", "host", "generation")},
        "client": _network(args["client"]),
        "older": 0.0 if args["older"] is None else _seconds("--older", args["older"]),
        "idle": 0.0 if args["idle"] is None else _seconds("--idle", args["idle"]),
        "bytes": 0 if args["bytes"] is None else _bytes(args["bytes"]),
        "worker": _whole(args, "worker"),
    }


def _network(text: str | None) -> str:
    """An address or a network in the form that workers compare."""
    if text is None or text == "unix":
        return text or ""
    from ipaddress import ip_network

    from director.addresses import of_client

    try:
        return str(ip_network(text, strict=False)) if "/" in text else of_client(text)
    except ValueError:
        raise CommandError(
            ErrorKind.REFUSED,
            f"can't list sessions of client {quoted(text)}: it is no address;"
            " write one such as 10.0.0.1, or 10.0.0.0/24",
        ) from None


def _seconds(what: str, text: str) -> float:
    from director.config.values import BadValue, duration

    try:
        return float(duration().parse(text, ""))
    except BadValue as error:
        raise CommandError(ErrorKind.REFUSED, f"can't use {what} {quoted(text)}: {error.remedy}") from None


def _whole(args: Args, option: str) -> int | None:
    text = args[option]
    return None if text is None else whole(f"can't use --{option} {quoted(text)}", text, "give a whole number")


def _bytes(text: str) -> int:
    digits = text.lower().removesuffix("b").removesuffix("i")
    unit = digits[-1:] if digits[-1:].isalpha() else ""
    number = digits.removesuffix(unit)
    if unit not in _UNITS or not (number.isascii() and number.isdigit() and len(number) < 16):
        raise CommandError(ErrorKind.REFUSED, f"can't use --bytes {quoted(text)}: give a number, or one with K, M or G")
    return int(number) * _UNITS[unit]


FILTERS = (
    Option("service", "only those of this service", metavar="SVC"),
    Option("group", "only those with a host of this group", metavar="GRP"),
    Option("host", "only those with this host", metavar="HOST"),
    Option("client", "only those from this address or network", metavar="IP"),
    Option("worker", "only those of the worker in this slot", metavar="SLOT"),
    Option("generation", "only those of this generation", metavar="NAME"),
    Option("older", "only those open for longer than this", metavar="TIME"),
    Option("idle", "only those without a byte for longer than this", metavar="TIME"),
    Option("bytes", "only those with at least so many bytes, both ways: 10M", metavar="SIZE"),
)

ROWS: tuple[Command, ...] = (
    Command(
        "sessions",
        Section.LOOK,
        "connections of clients, each with its host",
        sessions,
        options=(
            *FILTERS,
            Option("sort", "which come first: the oldest (age), or those with most of it", choices=tuple(_ORDERS)),
            Option("limit", "only the first so many", metavar="N"),
        ),
        patience=30.0,
    ),
    Command(
        "session-close",
        Section.PROCESS,
        "close connections of clients: those with these IDs, divided by commas, or all that options choose",
        session_close,
        (Argument("session", "ID", Names.VALUE, required=False),),
        (*FILTERS, Option("reason", "why, for the log and its events", metavar="TEXT"), DRY_RUN),
        access=Access.FULL,
        patience=30.0,
    ),
)
