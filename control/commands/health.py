"""Commands about who is down, and why."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from control.commands.command import (
    GROUP,
    HOST,
    SERVICE,
    Args,
    Command,
    CommandError,
    Document,
    ErrorKind,
    Hub,
    Option,
    Section,
)
from director.access import Access

if TYPE_CHECKING:
    from director.messages import Actor

_WELL = ("up", "slowstart")


def down_hosts(hub: Hub, args: Args, actor: Actor) -> Document:
    """Hosts that get nothing new, and why; with `past`, outages that are over, the last one first."""
    if args["past"]:
        return {"past": True, "outages": list(reversed(hub.outages()))}
    now = time.time()
    found = []
    for service in hub.stats()["services"]:
        for group in service["groups"]:
            place = {"service": service["name"], "group": group["name"], "enabled": group["enabled"]}
            for host in group["hosts"]:
                if host["state"] not in _WELL:
                    found.append({**place, **host, "seconds": round(max(0.0, now - host["since"]), 1)})
    return {"past": False, "hosts": found}


def host_retry(hub: Hub, args: Args, actor: Actor) -> Document:
    """Test the host now; if that succeeds, it is back, however long it was to stay out."""
    from director.config.lookup import find_group, find_host, find_service
    from director.errors import UsageError

    try:
        service = find_service(hub.running.config, args["service"])
        group = find_group(service, args["group"])
        host = find_host(service, group, args["host"])
    except UsageError as error:
        raise CommandError(ErrorKind.UNKNOWN, str(error)) from None
    label = f"host {host.name!r} of {service.name}/{group.name}"
    cause = hub.retry(host.number)
    state = next(one["state"] for one in _hosts(hub, service.name, group.name) if one["name"] == host.name)
    line = f"{label} answers" if cause is None else f"{label} does not answer: {cause}"
    return {"lines": [f"{line}; it is {state}"], "good": cause is None, "cause": cause or "", "state": state}


def _hosts(hub: Hub, service: str, group: str) -> list[Document]:
    groups = next(one["groups"] for one in hub.stats()["services"] if one["name"] == service)
    hosts: list[Document] = next(one["hosts"] for one in groups if one["name"] == group)
    return hosts


ROWS: tuple[Command, ...] = (
    Command(
        "down-hosts",
        Section.LOOK,
        "hosts that get nothing new: since when, why, by whom, and when they are tested",
        down_hosts,
        options=(Option("past", "outages that are over, the last one first"),),
    ),
    Command(
        "host-retry",
        Section.HOST,
        "test a host now; if it answers, it is back",
        host_retry,
        (SERVICE, GROUP, HOST),
        access=Access.FULL,
        patience=120.0,
    ),
)
