"""Numbers of services, groups and hosts: the only names used between processes.

What has the same name in the config before keeps its number; everything else
gets one that nothing had before. So a number means one thing for as long as
the daemon lives, whatever is removed, renamed or added again.
"""

from __future__ import annotations

from dataclasses import replace

from director.config.model import Config, Group, Service

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
    that has those in use. Numbers already in `config` do not count.
    """
    giver = _Giver({} if previous is None else numbered(previous), last)
    services = tuple(giver.service(service) for service in config.services)
    return replace(config, services=services), giver.last


class _Giver:
    """Hands out the known number of a path, or the next one."""

    def __init__(self, known: dict[Path, int], last: int) -> None:
        self.known = known
        self.last = last

    def number(self, path: Path) -> int:
        known = self.known.get(path)
        if known is not None:
            return known
        self.last += 1
        return self.last

    def service(self, service: Service) -> Service:
        groups = tuple(self.group(service.name, group) for group in service.groups)
        return replace(service, groups=groups, number=self.number((service.name,)))

    def group(self, service: str, group: Group) -> Group:
        hosts = tuple(replace(host, number=self.number((service, group.name, host.name))) for host in group.hosts)
        return replace(group, hosts=hosts, number=self.number((service, group.name)))
