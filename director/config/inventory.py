"""Services, listeners, groups, hosts and users that come and go at run time.

Each function takes what runs and a change, and gives what runs then and a
sentence; see `changes.py`, whose table they stand in.
"""

from __future__ import annotations

from dataclasses import replace

from director.config.addresses import same_place
from director.config.checking import REMEDY, misfit
from director.config.edits import apply, find, place_of
from director.config.lookup import find_group, find_host, find_service, nearest
from director.config.model import OWN_SCHEDULER, STICKY, Admin, Config, Group, Listen
from director.config.schema import ELEMENTS, MAX_NAME
from director.config.usability import interlock, is_usable, only_usable
from director.config.values import USER_NAME, BadValue, canonical_scheduler
from director.errors import RefusedError, UsageError
from director.messages import (
    Edit,
    GroupAdd,
    GroupDelete,
    HostAdd,
    HostDelete,
    HostDeleteAll,
    ListenAdd,
    ListenDelete,
    Running,
    ServiceAdd,
    ServiceDelete,
    ServiceDisable,
    ServiceEnable,
    UserAdd,
    UserDelete,
)
from director.printable import counted, quoted

_Outcome = tuple[Running, str]


def host_add(running: Running, change: HostAdd, force: bool) -> _Outcome:
    """A host; one that is there just so already is no change."""
    service = find_service(running.config, change.service)
    group = find_group(service, change.group)
    _named("host", change.new.name)
    label = f"host {change.new.name!r} of {service.name}/{group.name}"
    place = place_of(service.name, group.name, change.new.name)
    wrong = misfit(change.new.check or group.check, change.new.ip)
    if wrong is not None:
        raise RefusedError(f"can't add {label}: its check {wrong}; {REMEDY}")
    return _added(running, place, change.new, label)


def host_delete(running: Running, change: HostDelete, force: bool) -> _Outcome:
    """A host goes, its connections stay."""
    service = find_service(running.config, change.service)
    group = find_group(service, change.group)
    host = find_host(service, group, change.host)
    label = f"host {host.name!r} of {service.name}/{group.name}"
    if only_usable(running, service.name, group.name, host, change.out):
        interlock(force, f"can't remove {label}: it is the last usable host of the enabled group")
    return _removed(running, place_of(service.name, group.name, host.name)), f"{label} is removed"


def host_delete_all(running: Running, change: HostDeleteAll, force: bool) -> _Outcome:
    """All hosts of a group go."""
    service = find_service(running.config, change.service)
    group = find_group(service, change.group)
    label = f"{service.name}/{group.name}"
    if not group.hosts:
        return running, f"{label} has no hosts"
    if service.enabled == group.name and any(is_usable(running, host) for host in group.hosts):
        interlock(force, f"can't remove all hosts of {label}: it is the enabled group and would have no usable host")
    after = running
    for host in group.hosts:
        after = _removed(after, place_of(service.name, group.name, host.name))
    return after, f"{counted(len(group.hosts), 'host')} of {label} removed"


def group_add(running: Running, change: GroupAdd, force: bool) -> _Outcome:
    """A group; the first of a service is enabled with it."""
    service = find_service(running.config, change.service)
    new = _group(running.config, change.new)
    label = f"group {change.new.name!r} of {service.name}"
    after, sentence = _added(running, place_of(service.name, new.name), new, label)
    if after is not running and not service.enabled:
        after = apply(after, (Edit(place_of(service.name), "enabled", "", change.new.name),))
    return after, sentence


def _group(config: Config, new: Group) -> Group:
    """A group as the config has it: workers know a scheduler by its one name only. Raises UsageError."""
    _named("group", new.name)
    return replace(new, scheduler=chosen_scheduler(config, new.scheduler))


def chosen_scheduler(config: Config, text: str) -> str:
    """A scheduler in its one form. Raises UsageError; RefusedError for code that a client names."""
    try:
        scheduler = canonical_scheduler(text)
    except BadValue as error:
        raise UsageError(f"can't use scheduler {quoted(text)}: {error.reason}; {error.remedy}") from None
    own = scheduler.removesuffix(STICKY)
    if own.startswith(OWN_SCHEDULER) and own not in config.own_schedulers:
        # Never by force: it would be code that a client names.
        raise RefusedError(
            f"can't use scheduler {own}: neither the config file nor an installed entry point names it;"
            f" {nearest(own, config.own_schedulers)}"
        )
    return scheduler


def group_delete(running: Running, change: GroupDelete, force: bool) -> _Outcome:
    """A group goes, with its hosts."""
    service = find_service(running.config, change.service)
    group = find_group(service, change.group)
    label = f"group {group.name!r} of {service.name}"
    after = running
    if service.enabled == group.name:
        interlock(force, f"can't remove {label}: it is enabled")
        others = [other.name for other in service.groups if other.name != group.name]
        edit = Edit(place_of(service.name), "enabled", group.name, others[0] if others else "")
        after = apply(after, (edit,))
    return _removed(after, place_of(service.name, group.name)), f"{label} is removed"


def service_add(running: Running, change: ServiceAdd, force: bool) -> _Outcome:
    """A service, with its listeners."""
    _named("service", change.new.name)
    if find(running.config, place_of(change.new.name)) is None:
        for listen in change.new.listens:
            _free(running.config, listen)
    groups = tuple(_group(running.config, group) for group in change.new.groups)
    new = replace(change.new, groups=groups)
    return _added(running, place_of(new.name), new, f"service {new.name!r}")


def service_delete(running: Running, change: ServiceDelete, force: bool) -> _Outcome:
    """A service goes; its connections stay to their end."""
    service = find_service(running.config, change.service)
    label = f"service {service.name!r}"
    if change.open:
        interlock(force, f"can't remove {label}: it has {counted(change.open, 'open connection')}")
    return _removed(running, place_of(service.name)), f"{label} is removed"


def service_disable(running: Running, change: ServiceDisable, force: bool) -> _Outcome:
    """Its listeners are closed; connections stay."""
    service = find_service(running.config, change.service)
    if service.disabled:
        return running, f"service {service.name!r} is disabled already"
    edit = Edit(place_of(service.name), "disabled", False, True)
    return apply(running, (edit,)), f"service {service.name!r} is disabled"


def service_enable(running: Running, change: ServiceEnable, force: bool) -> _Outcome:
    """Its listeners are opened again."""
    service = find_service(running.config, change.service)
    if not service.disabled:
        return running, f"service {service.name!r} is enabled already"
    edit = Edit(place_of(service.name), "disabled", True, False)
    return apply(running, (edit,)), f"service {service.name!r} is enabled"


def listen_add(running: Running, change: ListenAdd, force: bool) -> _Outcome:
    """A listener more."""
    service = find_service(running.config, change.service)
    place = (*place_of(service.name), "listen", str(change.new.ip))
    if find(running.config, place) is None:
        _free(running.config, change.new)
    return _added(running, place, change.new, f"listener {change.new.ip} of {service.name}")


def listen_delete(running: Running, change: ListenDelete, force: bool) -> _Outcome:
    """A listener less; connections stay."""
    service = find_service(running.config, change.service)
    place = (*place_of(service.name), "listen", change.ip)
    if find(running.config, place) is None:
        there = (str(listen.ip) for listen in service.listens)
        raise UsageError(f"unknown listener {quoted(change.ip)} of {service.name}; {nearest(change.ip, there)}")
    if len(service.listens) == 1:
        raise RefusedError(
            f"can't remove listener {change.ip}: {service.name} has no other;"
            f" service-disable {service.name} closes it, service-del {service.name} removes all"
        )
    return _removed(running, place), f"listener {change.ip} of {service.name} is removed"


def user_add(running: Running, change: UserAdd, force: bool) -> _Outcome:
    """A user of one web admin, or of all; who is there already gets the new password and access."""
    try:
        USER_NAME.parse(change.new.name, "")
    except BadValue as error:
        raise UsageError(f"can't name a user {quoted(change.new.name)}: {error.reason}; {error.remedy}") from None
    admins = _admins(running.config, change.admin)
    after = running
    for admin in admins:
        place = ("admin", str(admin.listen), "user", change.new.name)
        present = find(after.config, place)
        if present != change.new:
            after = apply(after, (Edit(place, "", present, change.new),))
    return after, f"user {change.new.name!r} may use {_names(admins)} ({change.new.access})"


def user_delete(running: Running, change: UserDelete, force: bool) -> _Outcome:
    """A user less, of all web admins."""
    known = {user.name for admin in running.config.admins for user in admin.users}
    if change.name not in known:
        files = sorted({admin.users_file for admin in running.config.admins if admin.users_file})
        beside = f"; who is in {', '.join(files)} is removed there" if files else ""
        raise UsageError(f"unknown user {quoted(change.name)}; {nearest(change.name, sorted(known))}{beside}")
    after = running
    for admin in running.config.admins:
        place = ("admin", str(admin.listen), "user", change.name)
        if find(after.config, place) is not None:
            after = _removed(after, place)
    return after, f"user {change.name!r} is removed"


def _admins(config: Config, listen: str) -> list[Admin]:
    found = [admin for admin in config.admins if not listen or str(admin.listen) == listen]
    if not found and listen:
        raise UsageError(
            f"unknown admin {quoted(listen)}; {nearest(listen, (str(one.listen) for one in config.admins))}"
        )
    if not found:
        raise RefusedError("can't add a user: there is no <admin> in the config")
    return found


def _names(admins: list[Admin]) -> str:
    return ", ".join(f"admin {admin.listen}" for admin in admins)


def _added(running: Running, place: tuple[str, ...], thing: object, label: str) -> _Outcome:
    present = find(running.config, place)
    if present == thing:
        return running, f"{label} is there already"
    if present is not None:
        raise RefusedError(f"can't add {label}: there is another of this name")
    return apply(running, (Edit(place, "", None, thing),)), f"{label} is added"


def _removed(running: Running, place: tuple[str, ...]) -> Running:
    return apply(running, (Edit(place, "", find(running.config, place), None),))


def _named(tag: str, name: str) -> None:
    naming = ELEMENTS[tag].names
    if naming is not None and naming.misfit(name):
        shown = name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}..."
        raise UsageError(f"can't name a {tag} {shown!r}: use {naming.value.what}")


def _free(config: Config, listen: Listen) -> None:
    for service in config.services:
        for other in service.listens:
            if same_place(other.ip) == same_place(listen.ip):
                raise RefusedError(f"can't listen on {listen.ip}: service {service.name!r} does")
