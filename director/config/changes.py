"""What an operator can do to a running Config: one function and one row for each change.

Pure, and the same in every process: master, hub and workers each compute the
result of a change from the Running they have. Connections in progress are
never touched by these. Counterpart of `plan.py`, which does the same for
whole config files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from director.config.lookup import find_group, find_host, find_service, nearest
from director.config.model import OWN_SCHEDULER, STICKY, Config, Group, Host, Service
from director.config.values import BadValue, canonical_scheduler
from director.errors import RefusedError, UsageError
from director.messages import (
    Actor,
    AdminDown,
    Change,
    ChangeScheduler,
    GroupEnable,
    HostDown,
    HostState,
    HostUp,
    Running,
)

_Outcome = tuple[Running, str]  # the very same Running when nothing had to be done


def amend(running: Running, change: Change, actor: Actor, at: float, *, force: bool = False) -> tuple[Running, str]:
    """What runs after the change, and a sentence for the operator.

    The version grows by one; if the state asked for already holds, the same
    object comes back. `at` is wall-clock time. `force` overrules the
    interlocks: who applies a change that was already accepted, passes True.
    Raises UsageError for names that are not there, RefusedError by interlock.
    """
    result, sentence = _AMENDERS[type(change)](running, change, actor, at, force)
    if result is not running:
        result = replace(result, version=running.version + 1)
    return result, sentence


def is_usable(running: Running, host: Host) -> bool:
    """Whether operators and config let new connections go to this host, be it up or not."""
    return host.weight > 0 and host.number not in running.admin


def _host_down(running: Running, change: HostDown, actor: Actor, at: float, force: bool) -> _Outcome:
    service, group, host, label = _find(running.config, change)
    present = running.admin.get(host.number)
    if present is not None and present.state is HostState.MAINT:
        return running, f"{label} is in maint already"
    others = (other for other in group.hosts if other.number != host.number)
    if service.enabled == group.name and is_usable(running, host) and not any(is_usable(running, o) for o in others):
        _refuse(
            force,
            f"can't take {label} down: it is the last usable host of the enabled group",
        )
    down = AdminDown(HostState.MAINT, actor.name, at, change.reason)
    return replace(running, admin={**running.admin, host.number: down}), f"{label} is in maint"


def _host_up(running: Running, change: HostUp, actor: Actor, at: float, force: bool) -> _Outcome:
    _, _, host, label = _find(running.config, change)
    if host.number not in running.admin:
        return running, f"{label} is not in maint"
    admin = {number: down for number, down in running.admin.items() if number != host.number}
    return replace(running, admin=admin), f"{label} is back from {running.admin[host.number].state}"


def _group_enable(running: Running, change: GroupEnable, actor: Actor, at: float, force: bool) -> _Outcome:
    service = find_service(running.config, change.service)
    group = find_group(service, change.group)
    label = f"group {group.name!r} of {service.name}"
    if service.enabled == group.name:
        return running, f"{label} is enabled already"
    if not any(is_usable(running, host) for host in group.hosts):
        _refuse(force, f"can't enable {label}: it has no usable host")
    config = _with_service(running.config, replace(service, enabled=group.name))
    return replace(running, config=config), f"{label} is enabled"


def _change_scheduler(running: Running, change: ChangeScheduler, actor: Actor, at: float, force: bool) -> _Outcome:
    service = find_service(running.config, change.service)
    group = find_group(service, change.group)
    try:
        scheduler = canonical_scheduler(change.scheduler)
    except BadValue as error:
        raise UsageError(f"can't use scheduler {change.scheduler!r}: {error.reason}; {error.remedy}") from None
    label = f"group {group.name!r} of {service.name}"
    if scheduler == group.scheduler:
        return running, f"{label} is scheduled by {scheduler} already"
    own = scheduler.removesuffix(STICKY)
    if own.startswith(OWN_SCHEDULER) and own not in running.config.own_schedulers:
        # Never by force: it would be code that a client names.
        raise RefusedError(
            f"can't use scheduler {own}: neither the config file nor an installed entry point names it;"
            f" {nearest(own, running.config.own_schedulers)}"
        )
    groups = tuple(replace(one, scheduler=scheduler) if one is group else one for one in service.groups)
    config = _with_service(running.config, replace(service, groups=groups))
    return replace(running, config=config), f"{label} is scheduled by {scheduler}, no longer by {group.scheduler}"


_AMENDERS: dict[type[Any], Callable[[Running, Any, Actor, float, bool], _Outcome]] = {
    HostDown: _host_down,
    HostUp: _host_up,
    GroupEnable: _group_enable,
    ChangeScheduler: _change_scheduler,
}


def _find(config: Config, change: HostDown | HostUp) -> tuple[Service, Group, Host, str]:
    service = find_service(config, change.service)
    group = find_group(service, change.group)
    host = find_host(service, group, change.host)
    return service, group, host, f"host {host.name!r} of {service.name}/{group.name}"


def _with_service(config: Config, changed: Service) -> Config:
    services = tuple(changed if service.name == changed.name else service for service in config.services)
    return replace(config, services=services)


def _refuse(force: bool, message: str) -> None:
    if not force:
        raise RefusedError(f"{message}; --force does it anyway")
