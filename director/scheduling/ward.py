"""The hosts of one group: who of them may be used, whatever each one's own verdict is.

Keeps two rules that no host can keep for itself. The floor: verdicts never
leave fewer than `min_up` hosts up, so the last ones stay in use however bad
they look. Panic: when all are down, those that traffic has not tried since they
went down are used all the same; a wrong check must not end a service.
Pure; counterpart of health, which judges one host.
"""

from __future__ import annotations

from collections.abc import Collection

from director.scheduling.health import Health, Source, Word


class Ward:
    """The hosts of a group by number.

    `barred`: in maintenance, draining, without an address or a weight; they
    count for nothing. `up`: how many of the others are up.
    """

    def __init__(self, min_up: int, hosts: dict[int, Health], barred: Collection[int] = ()) -> None:
        self.min_up = min_up
        self.hosts = hosts
        self.bar(barred)

    def bar(self, barred: Collection[int]) -> None:
        """These, and no others, get nothing whatever we say."""
        self.barred = set(barred)
        candidates = [health for number, health in self.hosts.items() if number not in self.barred]
        self.up = sum(health.up for health in candidates)
        self._candidates = len(candidates)

    def bar_one(self, number: int, barred: bool) -> None:
        """This one gets nothing whatever we say, or no longer so; the others are as they were."""
        if barred is (number in self.barred):
            return
        self.barred ^= {number}
        change = -1 if barred else 1
        self._candidates += change
        self.up += change * self.hosts[number].up

    @property
    def panic(self) -> bool:
        """Whether there are hosts, and all of them are down."""
        return self._candidates > 0 and self.up == 0

    def hear(self, number: int, now: float, word: Word, source: Source, cause: str = "") -> bool:
        """Take a report of one host. True if it went up or down by it."""
        health, counts = self.hosts[number], number not in self.barred
        if self.panic:
            health.until = min(health.until, now)  # nobody is served while it waits
        turned = health.hear(now, word, source, cause, may_fall=not counts or self.up > self.min_up)
        if turned and counts:
            self.up += 1 if health.up else -1
        return turned

    def usable(self, number: int) -> bool:
        """Whether the host may get connections."""
        if number in self.barred:
            return False
        health = self.hosts[number]
        return health.up or (self.panic and not health.tried)
