"""The counts of all workers, living and dead, as one.

A worker's row is its totals since its start; when it dies, they are folded into
the base and that incarnation is ignored for ever. So totals never fall.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgpack

from control.rates import Rates
from director.config.model import Config
from director.config.turnover import groups_of, hosts_of, turnover
from director.messages import Load, Slot, Tally, is_peer, peer_incarnation, peer_slot
from director.scheduling.permits import DIRECTOR
from director.tally import HostTally, ServiceTally, quantiles_ms

_NOWHERE: tuple[int, ...] = (DIRECTOR,)  # who holds a host that is no longer in the config
_NO_PEAK = (0, 0.0)
_ALL = (0, 0, 0, 0)  # connections, refused, bytes in and out: how a service's row begins


@dataclass
class Row:
    """What one incarnation of a worker has sent."""

    slot: int
    open: dict[int, int] = field(default_factory=dict)
    hosts: dict[int, list[Any]] = field(default_factory=dict)
    services: dict[int, list[Any]] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    queued: dict[int, int] = field(default_factory=dict)  # clients waiting, by service number
    heard: float = 0.0  # monotonic seconds
    busy: float = 0.0  # the part of a processor that it used lately
    packed: bytes = b""  # hosts and services as the memory file has them; empty when they changed since

    def pack(self) -> bytes:
        """Its totals for the memory file."""
        if not self.packed:
            self.packed = msgpack.packb([self.hosts, self.services])
        return self.packed


def _unpacked(packed: bytes) -> list[dict[int, list[Any]]]:
    found: list[dict[int, list[Any]]] = msgpack.unpackb(packed, strict_map_key=False)
    return found


NOTHING = HostTally()  # the totals of a host that never had a connection


def _add(moved: Counter[int], owners: tuple[int, ...], difference: int) -> None:
    for owner in owners:
        moved[owner] += difference


def _fold(base: dict[int, list[Any]], rows: dict[int, list[Any]], kind: type[HostTally] | type[ServiceTally]) -> None:
    for number, row in rows.items():
        total = kind.from_row(base.get(number, []))
        total.add(kind.from_row(row))  # type: ignore[arg-type]
        base[number] = total.row()


class Totals:
    """Rows of the living and the base of the dead."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}  # by incarnation
        self.open: dict[int, int] = {}  # by number of a host or what holds it, over all rows
        self.peaks: dict[int, list[float]] = {}  # by the same numbers: [most open, when]
        self.queue_peaks: dict[int, int] = {}  # the most clients that ever waited, by service number
        self.rates = Rates()
        self.owners: dict[int, tuple[int, ...]] = {}  # by host number: its group, its service, the director
        self._former: dict[int, set[int]] = {}  # {group: hosts that were in it}
        self._config = Config()
        self._base = Row(0)  # of all that are dead
        self.dirty = False  # something was counted since the last dump
        self._sums: dict[int, tuple[HostTally, list[float]]] = {}  # of hosts, as far as asked for and not changed since
        self._dead: set[int] = set()

    def row(self, slot: int, incarnation: int) -> Row | None:
        """The row of a worker, made if it is new; None if it is dead."""
        if incarnation in self._dead:
            return None
        return self.rows.setdefault(incarnation, Row(slot))

    def load(self, load: Load, now: float, wall: float) -> dict[int, int]:
        """Take a load row; returns the entries that differ from what was known."""
        row = self.row(load.slot, load.incarnation)
        if row is None:
            return {}
        row.heard = now
        row.queued = load.queued
        for service in load.queued:
            self.queue_peaks[service] = max(self.queued(service), self.queue_peaks.get(service, 0))
        said = {**dict.fromkeys(row.open, 0), **load.open} if load.whole else load.open
        return self._count(row, said, wall)

    def _count(self, row: Row, said: dict[int, int], wall: float) -> dict[int, int]:
        """What entries of a row are now; returns those that changed. What was open between two rows nobody knows."""
        # A hundred entries fifty times a second from each worker: what hosts have in common is added up once.
        known, totals, owners_of, peaks = row.open, self.open, self.owners, self.peaks
        changed: dict[int, int] = {}
        moved: Counter[int] = Counter()
        owners, together = _NOWHERE, 0  # those of the entries just before, mostly of this one, too
        for number, count in said.items():
            difference = count - known.get(number, 0)
            if not difference:
                continue
            changed[number] = count
            if count:
                known[number] = count
            else:
                del known[number]
            totals[number] = total = totals.get(number, 0) + difference
            if difference > 0 and total > peaks.get(number, _NO_PEAK)[0]:
                peaks[number] = [total, wall]
            its = owners_of.get(number, _NOWHERE)
            if its is not owners:
                _add(moved, owners, together)
                owners, together = its, 0
            together += difference
        _add(moved, owners, together)
        for number, difference in moved.items():
            totals[number] = total = totals.get(number, 0) + difference
            self.peak(number, total, wall)
        return changed

    def own(self, config: Config) -> None:
        """Who holds which host from now on."""
        before, self._config = self._config, config
        gone, came = turnover(before.services, config.services)
        for group in groups_of(gone):
            self._former.setdefault(group.number, set()).update(host.number for host in group.hosts)
        for host in hosts_of(gone):
            self.owners.pop(host.number, None)
        for service in came:
            for group in service.groups:
                numbers = [host.number for host in group.hosts]
                self._former.get(group.number, set()).difference_update(numbers)
                self.owners.update(dict.fromkeys(numbers, (group.number, service.number, DIRECTOR)))
                self.open[group.number] = sum(self.open.get(number, 0) for number in numbers)
            self.open[service.number] = sum(self.open[group.number] for group in service.groups)
        if DIRECTOR not in self.open:
            self.open[DIRECTOR] = sum(sum(row.open.values()) for row in self.rows.values())

    def held(self, incarnation: int) -> Counter[int] | None:
        """What one row has open, by number of a host and of what holds it; None if it has not told yet."""
        row = self.rows.get(incarnation)
        if row is None or not (row.heard or row.open):
            return None
        found: Counter[int] = Counter()
        for number, count in row.open.items():
            _add(found, (number, *self.owners.get(number, _NOWHERE)), count)
        return found

    def queued(self, service: int) -> int:
        """Clients of a service that wait for a permit."""
        return sum(row.queued.get(service, 0) for row in self.rows.values())

    def holders(self, hosts: Collection[int]) -> set[int]:
        """Incarnations that have connections of these hosts."""
        return {incarnation for incarnation, row in self.rows.items() if any(row.open.get(number) for number in hosts)}

    def peak(self, number: int, count: int, wall: float) -> None:
        """Remember the most that was ever open of a host or what holds it, and when."""
        if count > self.peaks.get(number, _NO_PEAK)[0]:
            self.peaks[number] = [count, wall]

    def forget_peaks(self, wall: float) -> None:
        """The most that is open is what is open now."""
        self.peaks = {number: [count, wall] for number, count in self.open.items() if count}
        self.queue_peaks = dict(self.queued_of_all())
        self.rates.forget_most()
        self.dirty = True

    def tally(self, tally: Tally, now: float) -> None:
        """Take a worker's totals."""
        row = self.row(tally.slot, tally.incarnation)
        if row is None:
            return
        row.heard = now
        at = tally.gauges.get("at", now)
        self.rates.tell(tally.incarnation, self._grown(row, tally), at)
        if (passed := at - row.gauges.get("at", at)) > 0:
            row.busy = (tally.gauges["cpu_seconds"] - row.gauges["cpu_seconds"]) / passed
        row.gauges = tally.gauges
        row.hosts.update(tally.hosts)
        for number in tally.hosts:
            self._sums.pop(number, None)
        row.services.update(tally.services)
        if tally.hosts or tally.services:
            row.packed = b""
            self.dirty = True

    def _grown(self, row: Row, tally: Tally) -> Counter[int]:
        """How many connections more there are by this than by its row, by number of a host and what holds it."""
        found: Counter[int] = Counter()
        known, owners_of = row.hosts, self.owners
        group, together = DIRECTOR, 0  # of the entries just before, mostly of this one, too
        for number, told in tally.hosts.items():
            count = told[0] - (known[number][0] if number in known else 0)
            if count > 0:
                found[number] = count
                its = owners_of.get(number, _NOWHERE)[0]
                if its != group:
                    found[group] += together
                    group, together = its, 0
                together += count
        found[group] += together
        del found[DIRECTOR]  # it, and services, count those that got no host, too
        for number, told in tally.services.items():
            count = told[0] - (row.services[number][0] if number in row.services else 0)
            if count > 0:
                _add(found, (number, DIRECTOR), count)
        return found

    def bury(self, incarnation: int) -> Row | None:
        """The worker is gone: its totals stay, its connections don't. Returns the row as it was."""
        self._dead.add(incarnation)
        self.rates.forget(incarnation)
        row = self.rows.pop(incarnation, None)
        if row is None:
            return None
        had = dict(row.open)
        self._count(row, dict.fromkeys(had, 0), 0.0)
        row.open = had
        self._bury(row)
        return row

    def _bury(self, row: Row) -> None:
        self._base.packed, self.dirty = b"", True
        _fold(self._base.hosts, row.hosts, HostTally)
        _fold(self._base.services, row.services, ServiceTally)

    def host(self, number: int) -> HostTally:
        """The totals of a host; not to be changed."""
        return self.summed(number)[0]

    def summed(self, number: int) -> tuple[HostTally, list[float]]:
        """The same, with the 50th and the 99th percentile of its times to connect, in milliseconds."""
        found = self._sums.get(number)
        if found is None:
            total = self._sum(number)
            found = self._sums[number] = total, quantiles_ms(total.connect, (0.5, 0.99))
        return found

    def former(self, group: int) -> list[HostTally]:
        """The totals of hosts that were once in a group: they count on for it."""
        found = (self.host(number) for number in self._former.get(group, ()))
        return [tally for tally in found if tally is not NOTHING]

    def _sum(self, number: int) -> HostTally:
        rows = [row.hosts[number] for row in self.rows.values() if number in row.hosts]
        if number in self._base.hosts:
            rows.append(self._base.hosts[number])
        if not rows:
            return NOTHING
        total = HostTally()
        for row in rows:
            total.add(HostTally.from_row(row))
        return total

    def connect_times(self, numbers: Iterable[int]) -> Iterator[list[int]]:
        """Histograms of these hosts' connect times: several of a host, none of one without connections."""
        for number in numbers:
            for hosts in (self._base.hosts, *(row.hosts for row in self.rows.values())):
                if number in hosts:
                    yield HostTally.from_row(hosts[number]).connect

    def service(self, number: int) -> ServiceTally:
        """The totals of a service."""
        total = ServiceTally.from_row(self._base.services.get(number, []))
        for row in self.rows.values():
            if number in row.services:
                total.add(ServiceTally.from_row(row.services[number]))
        return total

    def everything(self) -> dict[str, int]:
        """What was counted of all services that there ever were: those that are gone count on."""
        tallies = (tally for row in (self._base, *self.rows.values()) for tally in row.services.values())
        keys = ServiceTally.names()[: len(_ALL)]
        return dict(zip(keys, map(sum, zip(_ALL, *tallies, strict=False)), strict=True))

    def dump(self) -> dict[str, Any]:
        """All of it, for the memory file."""
        self.dirty = False
        return {
            "base": self._base.pack(),
            "rows": [[number, row.slot, row.open, row.pack()] for number, row in self.rows.items()],
            "peaks": self.peaks,
            "queue_peaks": self.queue_peaks,
            "rates": self.rates.dump(),
            "dead": list(self._dead),
            "former": {group: list(numbers) for group, numbers in self._former.items() if numbers},
        }

    # -- other generations -----------------------------------------------------------

    def adopt(self, value: dict[str, Any], ordinal: int, own: int) -> None:
        """What the hub of generation `ordinal` dumped when it handed over to us, generation `own`.

        All it counted becomes one row, which it goes on to tell; rows of other
        generations come over as they are.
        """
        other = Totals()
        other.restore(value)
        rows = {
            number: Row(row.slot, dict(row.open), row.hosts, row.services)
            for number, row in other.rows.items()
            if is_peer(number) and number != peer_incarnation(own)
        }
        other.drop_peers()
        self._sums.clear()
        summary = other.summary(peer_slot(ordinal), peer_incarnation(ordinal))
        rows[peer_incarnation(ordinal)] = Row(peer_slot(ordinal), other.row_of_all(), summary.hosts, summary.services)
        for number, row in rows.items():
            if number in self._dead:  # ended while it changed hands
                self._bury(row)
                continue
            known = self.rows.setdefault(number, Row(row.slot))
            known.hosts, known.services, known.packed = row.hosts, row.services, b""
            self._count(known, {host: row.open.get(host, 0) for host in known.open.keys() | row.open.keys()}, 0.0)
        for group, former in other._former.items():
            here = {number for number, owners in self.owners.items() if owners[0] == group}
            self._former.setdefault(group, set()).update(former - here)
        for number, peak in other.peaks.items():
            if peak[0] > self.peaks.get(number, _NO_PEAK)[0]:
                self.peaks[number] = peak
        for service, most in other.queue_peaks.items():
            self.queue_peaks[service] = max(most, self.queue_peaks.get(service, 0))
        self.rates.adopt(other.rates.dump())

    def drop_peers(self) -> None:
        """Rows of other generations are another hub's from now on."""
        self._sums.clear()
        for number in [number for number in self.rows if is_peer(number)]:
            self.rates.forget(number)
            row = self.rows.pop(number)
            self._count(row, dict.fromkeys(row.open, 0), 0.0)

    def row_of_all(self) -> dict[int, int]:
        """Open connections by host, as one worker would say it."""
        found: dict[int, int] = {}
        for row in self.rows.values():
            for number, count in row.open.items():
                found[number] = found.get(number, 0) + count
        return found

    def queued_of_all(self) -> dict[int, int]:
        """Clients waiting by service, as one worker would say it."""
        found: Counter[int] = Counter()
        for row in self.rows.values():
            found.update(row.queued)
        return dict(found)

    def summary(self, slot: Slot, incarnation: int) -> Tally:
        """All that was ever counted here, as one worker would say it."""
        hosts, services = dict(self._base.hosts), dict(self._base.services)
        for row in self.rows.values():
            _fold(hosts, row.hosts, HostTally)
            _fold(services, row.services, ServiceTally)
        return Tally(slot, incarnation, True, hosts, services, {})

    def restore(self, value: dict[str, Any]) -> None:
        """What an earlier hub dumped."""
        self._sums.clear()
        self._base.hosts, self._base.services = _unpacked(value["base"])
        self.peaks = value["peaks"]
        self.queue_peaks = value.get("queue_peaks", {})  # a hub of another generation may not have counted them
        self.rates.adopt(value.get("rates", {}))
        self._dead = set(value["dead"])
        self._former = {group: set(numbers) for group, numbers in value.get("former", {}).items()}
        for incarnation, slot, open_, packed in value["rows"]:
            hosts, services = _unpacked(packed)
            self.rows[incarnation] = Row(slot, dict(open_), hosts, services)
            for number, count in open_.items():
                self.open[number] = self.open.get(number, 0) + count
