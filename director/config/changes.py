"""What an operator can do to what runs: one function and one row for each change.

Pure: the master computes what runs afterwards, and everybody else gets the
difference (`edits.py`). Connections in progress are touched only where a change
brings a grace (`departures.py`). What comes and goes is in `inventory.py`.
Counterpart of `plan.py`, which does the same for whole config files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf
from typing import Any

from director.config import inventory
from director.config.departures import departed
from director.config.edits import apply, place_of
from director.config.lookup import find_group, find_host, find_service
from director.config.model import Config, Host
from director.config.usability import interlock, is_usable, only_usable
from director.config.values import MAX_WEIGHT
from director.errors import UsageError
from director.messages import (
    Actor,
    AdminDown,
    Change,
    ChangeScheduler,
    DirectorMaxconn,
    Edit,
    GroupAdd,
    GroupDelete,
    GroupEnable,
    HostAdd,
    HostDelete,
    HostDeleteAll,
    HostDown,
    HostDrain,
    HostMaxconn,
    HostState,
    HostUp,
    HostWeight,
    ListenAdd,
    ListenDelete,
    Running,
    ServiceAdd,
    ServiceDelete,
    ServiceDisable,
    ServiceEnable,
    ServiceMaxconn,
    UserAdd,
    UserDelete,
    WorkersSet,
)

Outcome = tuple[Running, str]  # the very same Running when nothing had to be done


def amend(running: Running, change: Change, actor: Actor, at: float, *, force: bool = False) -> tuple[Running, str]:
    """What runs after the change, and a sentence for the operator.

    The version grows by one; if the state asked for already holds, the same
    object comes back. What is new has no number yet. `at` is wall-clock time.
    `force` overrules the interlocks. Raises UsageError for names that are not
    there, RefusedError by interlock.
    """
    if type(change) in _WITH_ACTOR:
        result, sentence = _WITH_ACTOR[type(change)](running, change, actor, at, force)
    else:
        result, sentence = _AMENDERS[type(change)](running, change, force)
    result, more = departed(running, result, change, actor, at)
    sentence = f"{sentence}; {more}" if more else sentence
    if result is not running:
        result = replace(result, version=running.version + 1)
    return result, sentence


def in_numbers(change: HostWeight, loaded: Config, running: Running) -> HostWeight:
    """A weight in percent of the file's, as it was loaded; of a host that it has not, of the present one."""
    if not change.percent:
        return change
    present, label = _find(running, change)
    services = (service for service in loaded.services if service.name == change.service)
    groups = (group for service in services for group in service.groups if group.name == change.group)
    hosts = (host for group in groups for host in group.hosts if host.name == change.host)
    weight = round(next(hosts, present).weight * change.weight / 100, 9)
    if weight > MAX_WEIGHT:
        raise UsageError(f"can't give {label} weight {weight:g}: write a part up to {MAX_WEIGHT} in all")
    return replace(change, weight=weight, percent=False)


def file_weights(loaded: Config, config: Config) -> dict[int, float]:
    """What the file says, as it was loaded, of hosts whose weight is another now; by their numbers."""
    said = {place: host.weight for place, host in _placed(loaded)}
    found = ((host, said.get(place, host.weight)) for place, host in _placed(config))
    return {host.number: weight for host, weight in found if weight != host.weight}


def _placed(config: Config) -> Iterator[tuple[tuple[str, str, str], Host]]:
    for service in config.services:
        for group in service.groups:
            for host in group.hosts:
                yield (service.name, group.name, host.name), host


def chosen_again(running: Running, order: object) -> tuple[Edit, ...]:
    """What is put in its own place, since it had failed: no difference, but something that was done."""
    if not isinstance(order, ChangeScheduler) or not order.again:
        return ()
    group = find_group(find_service(running.config, order.service), order.group)
    return (Edit(place_of(order.service, order.group), "scheduler", group.scheduler, group.scheduler),)


def _host_down(running: Running, change: HostDown, actor: Actor, at: float, force: bool) -> Outcome:
    host, label = _find(running, change)
    present = running.admin.get(host.number)
    if present is None and only_usable(running, change.service, change.group, host, change.out):
        interlock(force, f"can't take {label} down: it is the last usable host of the enabled group")
    down = AdminDown(HostState.MAINT, actor.name, at, change.reason, change.until_at)
    return _taken_down(running, change, down, present, f"{label} is in maint")


def _host_drain(running: Running, change: HostDrain, actor: Actor, at: float, force: bool) -> Outcome:
    host, label = _find(running, change)
    present = running.admin.get(host.number)
    if present is None and only_usable(running, change.service, change.group, host, change.out):
        interlock(force, f"can't drain {label}: it is the last usable host of the enabled group")
    down = AdminDown(HostState.DRAIN, actor.name, at, change.reason)
    return _taken_down(running, change, down, present, f"{label} is draining")


def _taken_down(
    running: Running, change: HostDown | HostDrain, said: AdminDown, present: AdminDown | None, sentence: str
) -> Outcome:
    down = _with_what_holds(said, present)
    lasts = "" if down.until_at is None else f" for {down.until_at - said.since_at:.0f} s"
    if down == present:
        return running, f"{sentence} already{lasts and lasts + ' more'}"
    place = place_of(change.service, change.group, change.host)
    return apply(running, (Edit(place, "down", present, down),)), sentence + lasts


def _with_what_holds(said: AdminDown, present: AdminDown | None) -> AdminDown:
    """What an operator says of a host; why and until when, as somebody said before, where he says nothing of it."""
    if present is not None:
        until = present.until_at if said.until_at is None else said.until_at
        said = replace(said, reason=said.reason or present.reason, until_at=until)
        if said.state is present.state:
            said = replace(said, since_at=present.since_at)
    if said.until_at == inf:
        said = replace(said, until_at=None)
    return present if present is not None and replace(said, by=present.by) == present else said


def _host_up(running: Running, change: HostUp, actor: Actor, at: float, force: bool) -> Outcome:
    host, label = _find(running, change)
    down = running.admin.get(host.number)
    if down is None:
        return running, f"{label} is not in maint"
    place = place_of(change.service, change.group, change.host)
    return apply(running, (Edit(place, "down", down, None),)), f"{label} is back from {down.state}"


def _host_weight(running: Running, change: HostWeight, force: bool) -> Outcome:
    host, label = _find(running, change)
    if host.weight == change.weight:
        return running, f"{label} has weight {host.weight:g} already"
    if not change.weight and only_usable(running, change.service, change.group, host, change.out):
        interlock(force, f"can't give {label} weight 0: it is the last usable host of the enabled group")
    place = place_of(change.service, change.group, change.host)
    edit = Edit(place, "weight", host.weight, change.weight)
    return apply(running, (edit,)), f"{label} has weight {change.weight:g}, no longer {host.weight:g}"


def _host_maxconn(running: Running, change: HostMaxconn, force: bool) -> Outcome:
    host, label = _find(running, change)
    place = place_of(change.service, change.group, change.host)
    return _limited(running, place, label, host.maxconn, change.maxconn)


def _service_maxconn(running: Running, change: ServiceMaxconn, force: bool) -> Outcome:
    service = find_service(running.config, change.service)
    label = f"service {service.name!r}"
    return _limited(running, place_of(service.name), label, service.maxconn, change.maxconn)


def _director_maxconn(running: Running, change: DirectorMaxconn, force: bool) -> Outcome:
    return _limited(running, (), "the director", running.config.maxconn, change.maxconn)


def _limited(running: Running, place: tuple[str, ...], label: str, old: int | None, new: int | None) -> Outcome:
    if old == new:
        return running, f"{label} has {_limit(new)} already"
    return apply(running, (Edit(place, "maxconn", old, new),)), f"{label} has {_limit(new)}, no longer {_limit(old)}"


def _limit(maxconn: int | None) -> str:
    return "no maxconn" if maxconn is None else f"maxconn {maxconn}"


def _group_enable(running: Running, change: GroupEnable, force: bool) -> Outcome:
    service = find_service(running.config, change.service)
    group = find_group(service, change.group)
    label = f"group {group.name!r} of {service.name}"
    if service.enabled == group.name:
        return running, f"{label} is enabled already"
    if not any(is_usable(running, host, change.out) for host in group.hosts):
        interlock(force, f"can't enable {label}: it has no usable host")
    edit = Edit(place_of(service.name), "enabled", service.enabled, group.name)
    instead = f", no longer {service.enabled!r}" if service.enabled else ""
    return apply(running, (edit,)), f"{label} is enabled{instead}"


def _change_scheduler(running: Running, change: ChangeScheduler, force: bool) -> Outcome:
    service = find_service(running.config, change.service)
    group = find_group(service, change.group)
    scheduler = inventory.chosen_scheduler(running.config, change.scheduler)
    label = f"group {group.name!r} of {service.name}"
    if scheduler == group.scheduler:
        how = "again, which had failed" if change.again else "already"
        return running, f"{label} is scheduled by {scheduler} {how}"
    edit = Edit(place_of(service.name, group.name), "scheduler", group.scheduler, scheduler)
    return apply(running, (edit,)), f"{label} is scheduled by {scheduler}, no longer by {group.scheduler}"


def _workers_set(running: Running, change: WorkersSet, force: bool) -> Outcome:
    old, new = running.config.workers, change.count
    if old == new:
        return running, f"{_workers(new)} already"
    return apply(running, (Edit((), "workers", old, new),)), f"{_workers(new)}, no longer {old or 'auto'}"


def _workers(count: int | None) -> str:
    return "workers are auto: one for each processor" if count is None else f"workers are {count}"


def _find(running: Running, change: HostDown | HostDrain | HostUp | HostWeight | HostMaxconn) -> tuple[Host, str]:
    service = find_service(running.config, change.service)
    group = find_group(service, change.group)
    host = find_host(service, group, change.host)
    return host, f"host {host.name!r} of {service.name}/{group.name}"


_WITH_ACTOR: dict[type[Any], Callable[[Running, Any, Actor, float, bool], Outcome]] = {
    HostDown: _host_down,
    HostDrain: _host_drain,
    HostUp: _host_up,
}
_AMENDERS: dict[type[Any], Callable[[Running, Any, bool], Outcome]] = {
    HostWeight: _host_weight,
    HostMaxconn: _host_maxconn,
    GroupEnable: _group_enable,
    ChangeScheduler: _change_scheduler,
    ServiceMaxconn: _service_maxconn,
    HostAdd: inventory.host_add,
    HostDelete: inventory.host_delete,
    HostDeleteAll: inventory.host_delete_all,
    GroupAdd: inventory.group_add,
    GroupDelete: inventory.group_delete,
    ServiceAdd: inventory.service_add,
    ServiceDelete: inventory.service_delete,
    ServiceDisable: inventory.service_disable,
    ServiceEnable: inventory.service_enable,
    ListenAdd: inventory.listen_add,
    ListenDelete: inventory.listen_delete,
    UserAdd: inventory.user_add,
    UserDelete: inventory.user_delete,
    WorkersSet: _workers_set,
    DirectorMaxconn: _director_maxconn,
}
