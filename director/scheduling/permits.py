"""Limits that are exact over all processes: who may use how many permits.

A limit is a `maxconn`: of the director (number DIRECTOR), a service, a group
or a host, by its number. The hub's Ledger shares each out among its peers (the
workers): an allotment is the most that a peer may use. Both sides speak in
absolute numbers that may be lost, repeated and overtaken:

    hub -> peer   (limit, allotment, version)
    peer -> hub   (limit, version seen, used, wanted)

Of a new limit nobody gets anything before all have said, by the version that
tells them of it, what they use already. To raise, the ledger books first and
tells then. To lower, it tells first, and books only when the peer says, with
that version, what it still uses. So the sum of what is booked never exceeds the
limit, but for a limit that was set below use: then ended connections are not
replaced until it holds.

While nobody waits, allotments have room to spare, so that no connection waits
for the hub; when somebody does, what others don't use comes down.

The places in a service's queue are permits, too: their limit has the number
`queue_of(service)`. Who wants a place says so in each row, and the hub answers
if all are in use: to be without an answer is not to be refused.

Ledgers stack: to a ledger above, a whole generation is one peer (see `branch`).
All versions of a ledger are of one count, so that a late word about a limit that
was removed is never taken for one about its successor. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from director.config.model import Config, Service
from director.config.turnover import turnover

_BEYOND = 1 << 40  # all numbers that are given
DIRECTOR = _BEYOND  # the number of the limit over all services

Row = tuple[int, int, int]  # version seen, used, wanted
Grant = tuple[int, int]  # allotment, version


def queue_of(service: int) -> int:
    """The number of the limit on clients that wait for a service."""
    return _BEYOND + service


def is_queue(number: int) -> bool:
    """Whether a limit is one on clients that wait, of whom none is at a host."""
    return number > DIRECTOR


def limits(config: Config) -> dict[int, int]:
    """Every limit that a config sets, by number. A queue is one where anything else may make clients wait."""
    found = {} if config.maxconn is None else {DIRECTOR: config.maxconn}
    for service in config.services:
        found.update(limits_of(service, config.maxconn is not None))
    return found


def limits_of(service: Service, queues: bool) -> dict[int, int]:
    """Those that one service sets. `queues`: clients may have to wait whatever it sets."""
    own: dict[int, int | None] = {service.number: service.maxconn}
    for group in service.groups:
        own[group.number] = group.maxconn
        own.update((host.number, host.maxconn) for host in group.hosts)
    found = {number: limit for number, limit in own.items() if limit is not None}
    if found or queues:
        found[queue_of(service.number)] = service.queue
    return found


def changed_limits(before: Config, after: Config) -> tuple[dict[int, int], dict[int, int]]:
    """The limits of what went, and those of what came; a limit may be in both."""
    if before.maxconn != after.maxconn:  # for this one, all queues may come or go
        return limits(before), limits(after)
    gone, came = turnover(before.services, after.services)
    queues = after.maxconn is not None
    return _union(gone, queues), _union(came, queues)


def _union(services: Iterable[Service], queues: bool) -> dict[int, int]:
    return {number: limit for service in services for number, limit in limits_of(service, queues).items()}


@dataclass(slots=True)
class Allotment:
    """A worker's part of one limit. `told`: the row last sent."""

    allotted: int = 0
    version: int = 0
    used: int = 0
    wanted: int = 0
    told: Row | None = None

    @property
    def full(self) -> bool:
        """Whether nothing more may begin."""
        return self.used >= self.allotted

    def is_news(self, row: Row) -> bool:
        """Whether the hub must hear it now: far from what is allotted, the next whole row will do."""
        told = self.told
        if told is None or row[0] != told[0] or row[2] != told[2]:
            return True
        return row[1] != told[1] and 2 * max(row[1], told[1]) >= self.allotted


class Permits:
    """A worker's side: its allotments by limit."""

    def __init__(self) -> None:
        self.limits: dict[int, Allotment] = {}
        self._wanted: dict[int, int] = {}
        self._touched: set[int] = set()  # limits of which anything changed since last told

    def configure(self, limits: Iterable[int], used: Callable[[int], int]) -> None:
        """There are these limits. `used`: how many connections of ours count for a new one."""
        limits = set(limits)
        self.change(self.limits.keys() - limits, limits, used)

    def change(self, gone: Iterable[int], came: Collection[int], used: Callable[[int], int]) -> None:
        """Of the limits there were, those `gone` are no more, unless they `came` again; those keep what they have."""
        for number in gone:
            if number not in came:
                self.limits.pop(number, None)
        for number in came:
            if number not in self.limits:
                self.limits[number] = Allotment(used=used(number))
                self._touched.add(number)

    @property
    def has_news(self) -> bool:
        """Whether the hub may have to hear something."""
        return bool(self._touched)

    def room(self, *numbers: int) -> bool:
        """Whether one more would be within each of these limits, as far as they are limits."""
        for number in numbers:
            limit = self.limits.get(number)
            if limit is not None and limit.used >= limit.allotted:
                return False
        return True

    def take(self, *numbers: int) -> None:
        """One more counts for each of these."""
        for number in numbers:
            limit = self.limits.get(number)
            if limit is not None:
                limit.used += 1
                self._touched.add(number)

    def give(self, *numbers: int) -> None:
        """One fewer counts for each of these."""
        for number in numbers:
            limit = self.limits.get(number)
            if limit is not None and limit.used:
                limit.used -= 1
                self._touched.add(number)

    def use(self, number: int, used: int) -> None:
        """So many count for this limit."""
        self.limits[number].used = used
        self._touched.add(number)

    def want(self, wanted: Mapping[int, int]) -> None:
        """How many wait for each limit; nobody for those not named."""
        for number in self._wanted.keys() | wanted.keys():
            limit = self.limits.get(number)
            if limit is not None:
                limit.wanted = wanted.get(number, 0)
                self._touched.add(number)
        self._wanted = dict(wanted)

    def granted(self, grants: Mapping[int, Grant]) -> list[int]:
        """What the hub says. Returns the limits that have another allotment now."""
        changed = []
        for number, (allotted, version) in grants.items():
            limit = self.limits.get(number)
            if limit is None or version <= limit.version:
                continue
            limit.version = version
            self._touched.add(number)
            if limit.allotted != allotted:
                limit.allotted = allotted
                changed.append(number)
        return changed

    def rows(self, whole: bool) -> dict[int, Row]:
        """What to tell the hub: what changed since last told and matters, or all."""
        found = {}
        numbers = self.limits if whole else self._touched
        for number in numbers:
            limit = self.limits.get(number)
            if limit is None:
                continue
            row = (limit.version, limit.used, limit.wanted)
            if whole or limit.is_news(row) or (limit.wanted and is_queue(number)):
                limit.told = found[number] = row
        self._touched = set()
        return found
