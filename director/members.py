"""Hosts whose name stands for several places: each place a host of its own.

A name with `resolve="all"`, or an SRV record, is one `<host>` in the config and
as many hosts as there are answers to schedulers, checks and stats. So each has
load, verdict and totals of its own, and nobody but `expand` knows that they are
one in the config. The hub allots their numbers, which are negative: the
master's are not. An operator's word on the host goes for all its members.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from director.config.model import Group, Host, Service
from director.config.turnover import hosts_of
from director.messages import Member, Running

Members = Mapping[int, tuple[Member, ...]]  # by the number of the host that the config has


_PLACE = re.compile(r":(\[[^]]*\]|[^][:]*):\d+$")


def configured(number: int, name: str) -> str:
    """The name that the config has for a host: of a member, without its place."""
    return _PLACE.sub("", name) if number < 0 else name


def has_members(host: Host) -> bool:
    """Whether the host may be several."""
    return bool(host.ip.srv) or (host.resolve == "all" and not host.ip.path)


def expand(running: Running, members: Members) -> Running:
    """What to work by: hosts that have members give way to them."""
    return Expansion().expand(running, members)


class Expansion:
    """Does that again and again: a service that is the same as before, with the same members, stays the same object."""

    def __init__(self) -> None:
        self._known: dict[int, _Expanded] = {}  # by service number; only those with hosts that may be several

    def expand(self, running: Running, members: Members) -> Running:
        """What to work by: hosts that have members give way to them."""
        if not any(members.values()):
            return running
        services = tuple(self._service(service, members) for service in running.config.services)
        admin = dict(running.admin)
        for number, word in running.admin.items():
            admin.update((member.number, word) for member in members.get(number, ()))
        return replace(running, config=replace(running.config, services=services), admin=admin)

    def _service(self, service: Service, members: Members) -> Service:
        known = self._known.get(service.number)
        if known is None or known.of is not service:
            numbers = tuple(host.number for host in hosts_of((service,)) if has_members(host))
            known = self._known[service.number] = _Expanded(service, numbers, (), service)
        having = tuple(members.get(number, ()) for number in known.numbers)
        if having != known.having:
            groups = tuple(_expanded(group, members) for group in service.groups)
            known.having, known.service = having, replace(service, groups=groups) if any(having) else service
        return known.service


@dataclass(slots=True)
class _Expanded:
    """What became of a service. `numbers`: its hosts that may be several; `having`: the members that they had."""

    of: Service
    numbers: tuple[int, ...]
    having: tuple[tuple[Member, ...], ...]
    service: Service


def _expanded(group: Group, members: Members) -> Group:
    if not any(members.get(host.number) for host in group.hosts):
        return group
    return replace(group, hosts=tuple(one for host in group.hosts for one in _hosts(host, members)))


def _hosts(host: Host, members: Members) -> Iterable[Host]:
    """The members of a host, or itself while it has none: somebody must say that it is unresolved."""
    mine = members.get(host.number) if has_members(host) else None
    if not mine:
        return (host,)
    return (
        replace(
            host,
            name=member.name,
            ip=member.ip,
            weight=member.weight,
            backup=member.backup,
            number=member.number,
        )
        for member in mine
    )
