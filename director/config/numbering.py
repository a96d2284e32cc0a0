"""Numbers of services, groups and hosts: the only names used between processes.

What has the same name in the config before keeps its number; everything else
gets one that nothing had before. So a number means one thing for as long as
the daemon lives, whatever is removed, renamed or added again.
"""

from __future__ import annotations

from dataclasses import replace
from operator import is_

from director.config.model import Config, Group, Host, Service

Path = tuple[str, ...]  # (service,), (service, group) or (service, group, host)


def numbered(config: Config) -> dict[Path, int]:
    """The number of each service, group and host by its path of names."""
    found: dict[Path, int] = {}
    for service in config.services:
        found[(service.name,)] = service.number
        for group in service.groups:
            found[service.name, group.name] = group.number
            for host in group.hosts:
                found[service.name, group.name, host.name] = host.number
    return found


def assign(config: Config, previous: Config | None, last: int) -> tuple[Config, int]:
    """The same config with numbers, and the last number that is now given.

    `last` is the last number ever given (0 at first); `previous` the config
    that has those in use. Numbers already in `config` do not count. What equals
    what was there before is given back as the object of before: see `turnover`.
    """
    giver = _Giver(last)
    before = {} if previous is None else {service.name: service for service in previous.services}
    services = tuple(giver.service(service, before.get(service.name)) for service in config.services)
    if previous is not None and all(map(is_, services, previous.services)) and len(services) == len(before):
        services = previous.services
    return (config if services is config.services else replace(config, services=services)), giver.last


class _Giver:
    """Gives the number of what was there before, or the next one."""

    def __init__(self, last: int) -> None:
        self.last = last

    def number(self, before: Service | Group | Host | None) -> int:
        if before is not None:
            return before.number
        self.last += 1
        return self.last

    def service(self, service: Service, before: Service | None) -> Service:
        if before is not None and (service is before or service == before):
            return before
        known = {} if before is None else {group.name: group for group in before.groups}
        groups = tuple(self.group(group, known.get(group.name)) for group in service.groups)
        return replace(service, groups=groups, number=self.number(before))

    def group(self, group: Group, before: Group | None) -> Group:
        if before is not None and (group is before or group == before):
            return before
        known = {} if before is None else {host.name: host for host in before.hosts}
        hosts = tuple(self.host(host, known.get(host.name)) for host in group.hosts)
        return replace(group, hosts=hosts, number=self.number(before))

    def host(self, host: Host, before: Host | None) -> Host:
        if before is not None and (host is before or host == before):
            return before
        return replace(host, number=self.number(before))
