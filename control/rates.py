"""Connections a second, of hosts and what holds them: made of totals, which workers tell once a second.

What a worker counted since its last word, by the seconds between the two, is its
rate until its next word; the rates of all workers are added up. So nobody counts
for it where connections go through. Counterpart of totals. Pure: times are passed
in, on the monotonic clock that all processes of a machine share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_LEAST = 0.5  # seconds that make a rate: what is told sooner counts with what comes next
_NOTHING = 1e-6  # what adding and taking away of fractions may leave


@dataclass(slots=True)
class _Share:
    """What one worker has to do with it."""

    since: float
    counted: Counter[int] = field(default_factory=Counter)
    rates: dict[int, float] = field(default_factory=dict)


class Rates:
    """By number of a host, a group, a service, or the director."""

    def __init__(self) -> None:
        self.current: dict[int, float] = {}
        self.most: dict[int, float] = {}
        self.latest: dict[int, float] = {}  # when there last was a connection
        self._shares: dict[int, _Share] = {}  # by incarnation

    def tell(self, incarnation: int, counted: Mapping[int, int], at: float) -> None:
        """A worker has counted so many since it told last."""
        self.latest.update(dict.fromkeys(counted, at))
        share = self._shares.get(incarnation)
        if share is None:  # since when, nobody knows
            self._shares[incarnation] = _Share(at)
            return
        share.counted.update(counted)
        span = at - share.since
        if span >= _LEAST:
            self._replace(share, {number: count / span for number, count in share.counted.items()})
            share.since, share.counted = at, Counter()

    def forget(self, incarnation: int) -> None:
        """The worker is gone."""
        share = self._shares.pop(incarnation, None)
        if share is not None:
            self._replace(share, {})

    def forget_most(self) -> None:
        """The most there ever was is what there is now."""
        self.most = dict(self.current)

    def _replace(self, share: _Share, rates: dict[int, float]) -> None:
        current, most, before = self.current, self.most, share.rates
        share.rates = rates
        for number, rate in rates.items():
            current[number] = now = current.get(number, 0.0) + rate - before.get(number, 0.0)
            if now > most.get(number, 0.0):
                most[number] = now
        for number in before.keys() - rates.keys():
            current[number] = now = current[number] - before[number]
            if now < _NOTHING:
                del current[number]

    # -- what must not be lost -------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """As plain values."""
        return {"most": self.most, "latest": self.latest}

    def adopt(self, value: Mapping[str, Any]) -> None:
        """What was dumped was, too."""
        for ours, theirs in ((self.most, value.get("most", {})), (self.latest, value.get("latest", {}))):
            for number, found in theirs.items():
                ours[number] = max(found, ours.get(number, 0.0))
