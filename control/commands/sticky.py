"""Commands about clients that return to the host they had."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from control.commands.command import (
    DRY_RUN,
    GROUP,
    SERVICE,
    Args,
    Argument,
    Command,
    CommandError,
    Document,
    ErrorKind,
    Hub,
    Names,
    Section,
)
from director.access import Access
from director.printable import counted

if TYPE_CHECKING:
    from director.config.model import Group
    from director.messages import Actor
    from director.scheduling.sticky import StickyTable

CLIENT = Argument("client", "CLIENT", Names.CLIENT, required=False)


def sticky(hub: Hub, args: Args, actor: Actor) -> Document:
    """The clients that are remembered, those seen last first; or one of them."""
    from director.scheduling.sticky import NOBODY

    _, table = _table(hub, args)
    services = hub.arranged.config.services
    names = {host.number: host.name for one in services for each in one.groups for host in each.hosts}
    now, wanted = time.monotonic(), _client(args)
    found = [
        {
            "client": client,
            "host": names.get(host),
            "seen_seconds": round(max(0.0, now - at), 3),
            "expires_seconds": round(max(0.0, at + table.timeout - now), 3),
        }
        for client, host, at in table.rows()
        if host != NOBODY and wanted in (None, client) and table.find(client, now) is not None
    ]
    found.reverse()
    return {"timeout_seconds": table.timeout, "size": table.size, "clients": found}


def sticky_clear(hub: Hub, args: Args, actor: Actor) -> Document:
    """One client, or all of them, get a host as if they were new."""
    group, _ = _table(hub, args)
    client = _client(args)
    place = f"{args['service']}/{group.name}"
    if args["dry-run"]:
        known = sticky(hub, args, actor)["clients"]
        return {"lines": [f"forget {counted(len(known), 'client')} in {place}"], "forgotten": 0, "dry_run": True}
    count = hub.forget_sticky(group.number, client)
    if client is not None:
        line = f"{client} is forgotten in {place}" if count else f"{client} is not known in {place}"
    else:
        line = f"{counted(count, 'client')} forgotten in {place}"
    return {"lines": [line], "forgotten": count, "applied": 0, "workers": 0, "warnings": []}


def _client(args: Args) -> str | None:
    """As workers know it: unix clients, say, have no address."""
    from director.addresses import of_client

    client = args["client"]
    try:
        return client if client is None else of_client(client)
    except ValueError:
        return str(client)


def _table(hub: Hub, args: Args) -> tuple[Group, StickyTable]:
    from director.config.lookup import find_group, find_service

    group = find_group(find_service(hub.running.config, args["service"]), args["group"])
    table = hub.stickies.tables.get(group.number)
    if table is None:
        raise CommandError(
            ErrorKind.REFUSED,
            f"can't look for clients of {args['service']}/{group.name}: its scheduler {group.scheduler} is not sticky;"
            f" group-scheduler can make it {group.scheduler},sticky",
        )
    return group, table


ROWS: tuple[Command, ...] = (
    Command("sticky", Section.GROUP, "clients that return to the host they had", sticky, (SERVICE, GROUP, CLIENT)),
    Command(
        "sticky-clear",
        Section.GROUP,
        "forget the host of a client, or of all",
        sticky_clear,
        (SERVICE, GROUP, CLIENT),
        (DRY_RUN,),
        access=Access.FULL,
    ),
)
