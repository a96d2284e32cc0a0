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
from control.usability import is_up
from director.access import Access

if TYPE_CHECKING:
    from control.retries import Tried
    from director.messages import Actor


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
                if not is_up(host):
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
    tried = hub.retry(host)
    states = {one["name"]: one["state"] for one in _hosts(hub, service.name, group.name)}
    failed = [one for one in tried if one.cause]
    lines = [_line(one, f"{service.name}/{group.name}", states.get(one.name, "gone")) for one in tried]
    cause, state = (failed[0].cause if failed else ""), states.get((failed or tried)[0].name, "gone")
    return {"lines": lines, "good": not failed, "cause": cause, "state": state}


def _line(tried: Tried, place: str, state: str) -> str:
    found = f" is at {tried.found} now and" if tried.found else ""
    answers = f"does not answer: {tried.cause}" if tried.cause else "answers"
    return f"host {tried.name!r} of {place}{found} {answers}; it is {state}"


def _hosts(hub: Hub, service: str, group: str) -> list[Document]:
    groups = hub.service_stats(service)["groups"]
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
        "test a host now; if it answers, it is back; if not, the exit status is 1",
        host_retry,
        (SERVICE, GROUP, HOST),
        access=Access.FULL,
        patience=120.0,
    ),
)
