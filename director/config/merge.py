"""What stays of run-time changes when the file is read again.

Three configs meet: the file as it was loaded, the file now, and what runs.
Where the file did not change a thing, the operator's change of it stays; where
it did, the file wins.
"""

from __future__ import annotations

from dataclasses import replace

from director.config.model import Config, Group, Service


def _kept(before: Service | None, now: Service, runs: Service | None) -> str:
    if before is None or runs is None or now.enabled != before.enabled or runs.enabled == before.enabled:
        return now.enabled
    return runs.enabled if any(group.name == runs.enabled for group in now.groups) else now.enabled


def _with_schedulers(before: Service | None, now: Service, runs: Service | None) -> Service:
    """`now`, with the schedulers of groups that an operator changed and the file did not."""
    if before is None or runs is None:
        return now
    loaded = {group.name: group.scheduler for group in before.groups}
    running = {group.name: group.scheduler for group in runs.groups}

    def kept(group: Group) -> Group:
        ours = running.get(group.name)
        if ours is None or group.scheduler != loaded.get(group.name) or ours == group.scheduler:
            return group
        return replace(group, scheduler=ours)

    return replace(now, groups=tuple(kept(group) for group in now.groups))


def merge(before: Config, now: Config, runs: Config) -> tuple[Config, int]:
    """The config to run: `now` with the run-time changes that stay, and how many those are."""
    loaded = {service.name: service for service in before.services}
    running = {service.name: service for service in runs.services}
    services = []
    stays = 0
    for service in now.services:
        before_, runs_ = loaded.get(service.name), running.get(service.name)
        kept = _with_schedulers(before_, service, runs_)
        stays += sum(old != new for old, new in zip(service.groups, kept.groups, strict=True))
        enabled = _kept(before_, service, runs_)
        stays += enabled != service.enabled
        services.append(replace(kept, enabled=enabled))
    return replace(now, services=tuple(services)), stays
