"""What stays of run-time changes when the file is read again.

Three configs meet: the file as it was loaded, the file now, and what runs.
Where the file did not change a thing, the operator's change of it stays; where
it did, the file wins.
"""

from __future__ import annotations

from dataclasses import replace

from director.config.model import Config, Service


def _kept(before: Service | None, now: Service, runs: Service | None) -> str:
    if before is None or runs is None or now.enabled != before.enabled or runs.enabled == before.enabled:
        return now.enabled
    return runs.enabled if any(group.name == runs.enabled for group in now.groups) else now.enabled


def merge(before: Config, now: Config, runs: Config) -> tuple[Config, int]:
    """The config to run: `now` with the run-time changes that stay, and how many those are."""
    loaded = {service.name: service for service in before.services}
    running = {service.name: service for service in runs.services}
    services = tuple(
        replace(service, enabled=_kept(loaded.get(service.name), service, running.get(service.name)))
        for service in now.services
    )
    stays = sum(old.enabled != new.enabled for old, new in zip(now.services, services, strict=True))
    return replace(now, services=services), stays
