"""What this worker counts, as a row for the hub: only what changed, or all of it."""

from __future__ import annotations

from typing import Any

from director.messages import Slot, Tally
from workers.services import Services


class Tallies:
    """Remembers what was sent last, to send only what changed since."""

    def __init__(self, slot: Slot, incarnation: int, services: Services) -> None:
        self._slot, self._incarnation, self._services = slot, incarnation, services
        self._hosts: dict[int, list[Any]] = {}
        self._services_sent: dict[int, list[Any]] = {}

    def message(self, whole: bool, gauges: dict[str, float]) -> Tally:
        """The totals to send now."""
        if whole:
            self._hosts, self._services_sent = {}, {}
        hosts = _changed(self._services.hosts_tally, self._hosts)
        services = _changed(
            {number: service.tally for number, service in self._services.by_number.items()}, self._services_sent
        )
        return Tally(self._slot, self._incarnation, whole, hosts, services, gauges)


def _changed(tallies: dict[int, Any], sent: dict[int, list[Any]]) -> dict[int, list[Any]]:
    changed = {}
    for number, tally in tallies.items():
        row = tally.row()
        if sent.get(number) != row:
            sent[number] = changed[number] = row
    return changed
