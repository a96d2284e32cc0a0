"""What this worker counts, as a row for the hub: only what changed, or all of it."""

from __future__ import annotations

from typing import Any

from director.messages import Slot, Tally
from director.tally import HostTally, ServiceTally
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
        tallies = self._services.hosts_tally
        recent = tallies.take()
        hosts = _changed(tallies.kept if whole else recent, self._hosts, _NO_CONNECTION)
        services = {number: service.tally for number, service in self._services.by_number.items()}
        return Tally(
            self._slot, self._incarnation, whole, hosts, _changed(services, self._services_sent, _NO_CLIENT), gauges
        )


_NO_CONNECTION, _NO_CLIENT = HostTally().row(), ServiceTally().row()  # what need not be said at first


def _changed(tallies: dict[int, Any], sent: dict[int, list[Any]], nothing: list[Any]) -> dict[int, list[Any]]:
    changed = {}
    for number, tally in tallies.items():
        row = tally.row()
        if sent.get(number, nothing) != row:
            sent[number] = changed[number] = row
    return changed
