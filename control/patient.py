"""One host whose health is followed, and all we hold of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from control.attempt import Job
from control.chart import Chart
from director.addresses import Addresses
from director.config.model import Check, Endpoint, Group, Host, Service
from director.scheduling.health import Health, Source
from director.scheduling.ward import Ward

_CONNECT = Check()  # the test of a host that has no check


@dataclass(slots=True)
class Patient:
    """A host by the config, how it is, and who lies beside it."""

    service: Service
    group: Group
    host: Host
    check: Check | None
    health: Health
    chart: Chart
    ward: Ward
    literal: Addresses | None  # where it is, if that needs no looking up
    origin: Host  # what the config has in its place: itself, but for a member
    _job: Job | None = None  # made once, for as long as its addresses are the same object
    _job_at: Addresses = ()

    @property
    def label(self) -> str:
        """SERVICE/GROUP/HOST."""
        return label_of(self.service, self.group, self.host)

    @property
    def test(self) -> Check:
        """Its check, or what it is tested by when it is down and has none."""
        return self.check or _CONNECT

    def job(self, known: Addresses) -> Job:
        """What to check. `known`: its own addresses, or those of its check."""
        if self._job is None or self._job_at is not known:
            self._job, self._job_at = self._make_job(known), known
        return self._job

    def _make_job(self, known: Addresses) -> Job:
        host, check = self.host, self.test
        port = check.port or (host.ip.port if check.address is not None else 0)
        addresses = tuple(
            (family, where if isinstance(where, str) else (where[0], port or where[1], *where[2:]))
            for family, where in known
        )
        asked = self.origin.ip
        # Another address may be in a net that ours for the host does not reach.
        source = (host.source or self.service.source) if check.address is None and not host.ip.path else None
        name = "localhost" if host.ip.path else str(Endpoint(asked.host, host.ip.port) if asked.host else host.ip)
        return Job(host.number, (self.service.name, self.group.name, host.name), check, addresses, name, source)

    def outage(self, since: float, until: float, reason: str, by: Source) -> dict[str, Any]:
        """One that is over, as `down-hosts --past` shows it."""
        return {
            "service": self.service.name,
            "group": self.group.name,
            "name": self.host.name,
            "ip": str(self.host.ip),
            "from": since,
            "to": until,
            "seconds": round(until - since, 1),
            "reason": reason,
            "errno": self.chart.errno if by else "",
            "by": by.value,
        }

    def memory(self) -> list[Any]:
        """What the next hub must know; monotonic times of this machine."""
        return [self.health.dump(), self.chart.dump()]

    def fallen(self) -> list[Any]:
        """What the next daemon must know of one that is down: in names, and on the wall clock."""
        health = self.health
        known = [self.chart.since, self.chart.errno, health.reason, health.source.value, health.falls, health.tried]
        return [self.label, str(self.host.ip), *known]


def label_of(service: Service, group: Group, host: Host) -> str:
    """SERVICE/GROUP/HOST."""
    return f"{service.name}/{group.name}/{host.name}"
