"""Connections that are to end, since their hosts get nothing new: who said so, of whom, and by when.

Pure: adds to what runs the Draining that a change asks for, and takes away
those whose hosts get connections again. Who closes what is left, and in which
order, is `director.scheduling.drain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from director.config.edits import find, place_of
from director.config.model import Group, Host, Service
from director.messages import (
    Actor,
    Change,
    Draining,
    Grace,
    GroupDelete,
    GroupEnable,
    HostDelete,
    HostDeleteAll,
    HostDown,
    HostDrain,
    Running,
    ServiceDelete,
)

Path = tuple[str, ...]  # (service,), (service, group) or (service, group, host)
KILLED = "KD"  # the end state of connections that are closed since somebody said so
HOST_WENT_DOWN = "DD"  # ... since their host is in maint
BACKUP_NO_LONGER = "UD"  # ... since their host is a backup, and is needed no longer


def departed(before: Running, after: Running, change: Change, actor: Actor, at: float) -> tuple[Running, str]:
    """`after`, with the drain that the change asks for, and words for it; none if it asks for none."""
    grace, path = getattr(change, "grace", None), _path(before, change)
    if grace is None or path is None:
        return after, ""
    known = next((drain for drain in after.drains if drain.path == path), None)
    left = () if known is None else known.hosts
    if grace == Grace() and known is not None and type(change) is HostDrain:
        return after, ""  # it drains already, and nobody said otherwise
    drain = Draining(
        path=path,
        hosts=tuple(sorted({*left, *_numbers(before, path)})),
        by=actor.name,
        since_at=at,
        deadline_at=deadline(grace, at),
        rate=grace.rate,
        end=HOST_WENT_DOWN if type(change) is HostDown else KILLED,
    )
    others = (other for other in after.drains if other is not known)
    return replace(after, drains=(*others, drain)), _words(grace)


def _path(before: Running, change: Change) -> Path | None:
    """Whose connections a change leaves behind."""
    find_path = _PATHS.get(type(change))
    return None if find_path is None else find_path(before, change)


def _left_behind(before: Running, change: GroupEnable) -> Path | None:
    service: Service = find(before.config, place_of(change.service))
    return (service.name, service.enabled) if service.enabled not in ("", change.group) else None


_PATHS: dict[type[Any], Callable[[Running, Any], Path | None]] = {
    HostDown: lambda _, change: (change.service, change.group, change.host),
    HostDrain: lambda _, change: (change.service, change.group, change.host),
    HostDelete: lambda _, change: (change.service, change.group, change.host),
    HostDeleteAll: lambda _, change: (change.service, change.group),
    GroupDelete: lambda _, change: (change.service, change.group),
    GroupEnable: _left_behind,
    ServiceDelete: lambda _, change: (change.service,),
}


def _numbers(running: Running, path: Path) -> Iterator[int]:
    """The hosts of a service, of a group, or one."""
    match find(running.config, place_of(*path)):
        case Service(groups=groups):
            return (host.number for group in groups for host in group.hosts)
        case Group(hosts=hosts):
            return (host.number for host in hosts)
        case Host(number=number):
            return iter((number,))
    return iter(())


def deadline(grace: Grace, at: float) -> float | None:
    """Until when connections may go on by a grace given then; a rate alone begins at once."""
    if grace.within is None:
        return None if grace.rate is None else at
    return at + grace.within


def _words(grace: Grace) -> str:
    if grace == Grace():
        return "connections stay to their end"
    pace = "" if grace.rate is None else f", {grace.rate:g} a second"
    return (
        f"connections left in {grace.within:g} s are closed{pace}" if grace.within else f"connections are closed{pace}"
    )


def settled(running: Running) -> Running:
    """The same without drains of hosts that get connections again, by whichever change that came."""
    if not running.drains:
        return running
    present, enabled = set(), set()
    for service in running.config.services:
        for group in service.groups:
            numbers = {host.number for host in group.hosts}
            present |= numbers
            enabled |= numbers if group.name == service.enabled else set()
    drains = tuple(_still(drain, running, present, enabled) for drain in running.drains)
    kept = tuple(drain for drain in drains if drain.hosts)
    return running if kept == running.drains else replace(running, drains=kept)


def _still(drain: Draining, running: Running, present: set[int], enabled: set[int]) -> Draining:
    """A drain with those of its hosts that get nothing new."""
    again = present - running.admin.keys() if len(drain.path) == 3 else enabled
    return replace(drain, hosts=tuple(number for number in drain.hosts if number not in again))
