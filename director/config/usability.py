"""Which hosts may get new connections, and what must not be done to the last of them."""

from __future__ import annotations

from collections.abc import Mapping

from director.config.edits import find, place_of
from director.config.lookup import find_group, find_service
from director.config.model import Host, Service
from director.errors import RefusedError
from director.messages import Out, Running
from director.printable import counted

FORCE_HINT = "; --force does it anyway"


def is_usable(running: Running, host: Host, out: Out = ()) -> bool:
    """Whether operators and config let new connections go to this host, and it is none of those that are `out`."""
    return host.weight > 0 and host.number not in running.admin and host.number not in out


def only_usable(running: Running, service: str, group: str, host: Host, out: Out = ()) -> bool:
    """Whether the clients of the enabled group have this host, and no other.

    Of a host that is out itself, whether they would have no other if all were back.
    """
    found = find_service(running.config, service)
    if found.enabled != group or not is_usable(running, host):
        return False
    others = (other for other in find_group(found, group).hosts if other.name != host.name)
    return not any(is_usable(running, other, () if host.number in out else out) for other in others)


def loss(before: Running, after: Running, open_: Mapping[str, int], out: Out = ()) -> str:
    """What clients would lose by it that nobody takes from them by mistake; empty if it is nothing.

    `open_`: connections of services by name.
    """
    for service in before.config.services:
        left = find(after.config, place_of(service.name))
        if left is None:
            if open_.get(service.name):
                return f"service {service.name!r} would go, and has {counted(open_[service.name], 'open connection')}"
        elif not _serves(after, left, out) and (_serves(before, service, out) or left.enabled != service.enabled):
            return f"service {service.name!r} would have no usable host"
    return ""


def _serves(running: Running, service: Service, out: Out) -> bool:
    group = next((group for group in service.groups if group.name == service.enabled), None)
    return group is not None and any(is_usable(running, host, out) for host in group.hosts)


def interlock(force: bool, message: str) -> None:
    """Refuse, unless the operator means it."""
    if not force:
        raise RefusedError(f"{message}{FORCE_HINT}")
