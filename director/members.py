"""Hosts whose name stands for several places: each place a host of its own.

A name with `resolve="all"`, or an SRV record, is one `<host>` in the config and
as many hosts as there are answers to schedulers, checks and stats. So each has
load, verdict and totals of its own, and nobody but `expand` knows that they are
one in the config. The hub allots their numbers, which are negative: the
master's are not. An operator's word on the host goes for all its members.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from director.config.model import Group, Host
from director.messages import Member, Running

Members = Mapping[int, tuple[Member, ...]]  # by the number of the host that the config has


def has_members(host: Host) -> bool:
    """Whether the host may be several."""
    return bool(host.ip.srv) or (host.resolve == "all" and not host.ip.path)


def expand(running: Running, members: Members) -> Running:
    """What to work by: hosts that have members give way to them."""
    if not any(members.values()):
        return running
    admin = dict(running.admin)
    services = []
    for service in running.config.services:
        groups = tuple(_expanded(group, members) for group in service.groups)
        services.append(replace(service, groups=groups) if groups != service.groups else service)
    for number, word in running.admin.items():
        admin.update((member.number, word) for member in members.get(number, ()))
    return replace(running, config=replace(running.config, services=tuple(services)), admin=admin)


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
