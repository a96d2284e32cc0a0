"""Commands that look, and change nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from control.commands.command import (
    ANY_GROUP,
    ANY_SERVICE,
    Args,
    Command,
    CommandError,
    Document,
    ErrorKind,
    Hub,
    Option,
    Section,
    unknown,
)
from control.turn import in_turns
from control.usability import is_up

if TYPE_CHECKING:
    from director.messages import Actor


def status(hub: Hub, args: Args, actor: Actor) -> Document:
    """One entry a process."""
    stats = hub.summary()
    open_connections: dict[int | str, int] = {worker["slot"]: worker["open"] for worker in stats["workers"]}
    open_connections |= {one["generation"]: one["open"] for one in stats["retiring"]}
    now = time.monotonic()
    processes = [
        {
            "kind": process.kind.value,
            "slot": process.slot if process.slot >= 0 else None,
            "pid": process.pid,
            "generation": process.generation or stats["generation"],
            "state": process.state,
            "open": open_connections.get(process.generation or process.slot),
            "uptime_seconds": round(max(0.0, now - process.started_at), 3) if process.pid else 0.0,
            "silent_seconds": round(process.silent, 3),
        }
        for process in hub.processes()
    ]
    head = {key: stats[key] for key in ("version", "generation", "pid", "uptime_seconds")}
    more = {"stop_timeout": hub.running.config.stop_timeout, "drains": stats["drains"]}
    return {**head, **more, "processes": processes}


def stats(hub: Hub, args: Args, actor: Actor) -> Document:
    """Everything that is counted."""
    return hub.stats()


def services(hub: Hub, args: Args, actor: Actor) -> Document:
    """Services with their own counters, and how many hosts of the enabled group are up."""
    return {"services": list(in_turns(map(_in_short, hub.stats()["services"])))}


def _in_short(service: Document) -> Document:
    groups = service["groups"]
    hosts = [host for group in groups if group["enabled"] for host in group["hosts"]]
    up = sum(map(is_up, hosts))
    return {**service, "groups": [group["name"] for group in groups], "hosts": len(hosts), "hosts_up": up}


def hosts(hub: Hub, args: Args, actor: Actor) -> Document:
    """Hosts of all services, of one, or of one of its groups."""
    from director.errors import UsageError

    try:
        services = hub.stats()["services"] if args["service"] is None else [hub.service_stats(args["service"])]
    except UsageError as error:
        raise CommandError(ErrorKind.UNKNOWN, str(error)) from None
    return {"hosts": list(in_turns(_placed(services, args["group"])))}


def _placed(services: Iterable[Document], name: str | None) -> Iterator[Document]:
    """Hosts with where they are; of all groups, or of those of this name."""
    for service in services:
        for group in chosen(service["groups"], name, "group"):
            place = {"service": service["name"], "group": group["name"], "enabled": group["enabled"]}
            yield from ({**place, **host} for host in group["hosts"])


def chosen(entries: list[Document], name: str | None, noun: str) -> list[Document]:
    """Those of this name, or all. Raises CommandError."""
    if name is None:
        return entries
    if chosen := [entry for entry in entries if entry["name"] == name]:
        return chosen
    raise CommandError(ErrorKind.UNKNOWN, unknown(noun, name, (entry["name"] for entry in entries)))


def workers(hub: Hub, args: Args, actor: Actor) -> Document:
    """One entry a worker."""
    entries = hub.summary()["workers"]
    if args["digest"]:
        digests = hub.worker_digests()
        entries = [{**entry, "digest": digests.get(entry["slot"])} for entry in entries]
    return {"workers": entries}


def names(hub: Hub, args: Args, actor: Actor) -> Document:
    """Of services, of a service's groups, of a group's hosts; for those who complete them."""
    from director.config.lookup import find_group, find_service
    from director.config.model import SCHEDULERS, STICKY
    from director.config.turnover import groups_of, hosts_of
    from director.logs import SUBSYSTEMS

    config = hub.running.config
    services = config.services if args["service"] is None else (find_service(config, args["service"]),)
    if args["users"]:
        found = [user.name for admin in config.admins for user in admin.users]
    elif args["schedulers"]:
        found = [name + more for name in (*SCHEDULERS, *config.own_schedulers) for more in ("", STICKY)]
    elif args["subsystems"]:
        found = list(SUBSYSTEMS)
    elif args["admins"]:
        found = [str(admin.listen) for admin in config.admins]
    elif args["listens"]:
        found = [str(listen.ip) for service in services for listen in service.listens]
    elif args["hosts"]:
        found = [host.name for host in hosts_of(services)]
    elif args["groups"] or (args["service"] and args["group"] is None):
        found = [group.name for group in groups_of(services)]
    elif args["service"]:
        found = [host.name for host in find_group(services[0], args["group"]).hosts]
    else:
        found = [service.name for service in services]
    return {"lines": list(dict.fromkeys(found))}


def version(hub: Hub, args: Args, actor: Actor) -> Document:
    """The daemon's."""
    return {"daemon": hub.version}


ROWS: tuple[Command, ...] = (
    Command("status", Section.LOOK, "the processes of the daemon, one line each", status),
    Command(
        "stats",
        Section.LOOK,
        "services, groups and hosts with all that is counted",
        stats,
        options=(Option("format", "how to print them", choices=("text", "json", "csv", "prometheus")),),
        bulky=True,
        shared=True,
    ),
    Command("services", Section.LOOK, "services: addresses, enabled group, connections", services, bulky=True),
    Command(
        "hosts",
        Section.LOOK,
        "hosts: state, weight, connections, faults",
        hosts,
        (ANY_SERVICE, ANY_GROUP),
        bulky=True,
    ),
    Command(
        "workers",
        Section.LOOK,
        "workers: connections, memory, CPU, loop lag",
        workers,
        options=(Option("digest", "ask each for a digest of what it knows of hosts and of the others: all are equal"),),
    ),
    Command(
        "names",
        Section.LOOK,
        "names, one a line: of services, of a service's groups, of a group's hosts; completion asks for them",
        names,
        (ANY_SERVICE, ANY_GROUP),
        (
            Option("users", "of users of the web admin instead"),
            Option("schedulers", "of schedulers instead"),
            Option("subsystems", "of subsystems of the log instead"),
            Option("admins", "addresses of web admins instead"),
            Option("listens", "addresses of a service, or of all, instead"),
            Option("groups", "of groups of all services instead"),
            Option("hosts", "of hosts of all services instead"),
        ),
    ),
    Command("version", Section.LOOK, "the versions of this program and of the daemon", version),
)
