"""What is counted of a host and of a service, and how counts of many processes add up.

Every number here is a total that only grows: a worker sends its totals, never
differences, so a lost message costs nothing. The hub adds the totals of all
processes, living and dead. Gauges (connections open) are not here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, partial
from itertools import accumulate, pairwise
from operator import add
from typing import Any, Self

from director.messages import Fault

FAULTS = tuple(Fault)
FAULT_INDEX = {fault: index for index, fault in enumerate(FAULTS)}
# Upper bounds in milliseconds; Prometheus' usual steps, from a loopback connect to a timeout.
BOUNDS_MS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
_EDGES = ((0.0, BOUNDS_MS[0]), *pairwise(BOUNDS_MS), (BOUNDS_MS[-1], BOUNDS_MS[-1]))  # of each bucket
# Which bucket of a histogram so many seconds belong to. No function of ours, since each connection asks twice.
bucket: Callable[[float], int] = partial(bisect_left, tuple(bound / 1000 for bound in BOUNDS_MS))


def quantile_ms(buckets: list[int], quantile: float) -> float:
    """A quantile in milliseconds, interpolated within its bucket; 0 when nothing was counted."""
    return quantiles_ms(buckets, (quantile,))[0]


def quantiles_ms(buckets: list[int], quantiles: Sequence[float]) -> list[float]:
    """The same of several quantiles at once: thousands of hosts are asked for two of them."""
    upto = list(accumulate(buckets))
    total = upto[-1]
    if not total:
        return [0.0] * len(quantiles)
    found = []
    for quantile in quantiles:
        rank = quantile * total
        index = bisect_left(upto, rank or 1)  # the first with anything in it, if all lie above
        low, high = _EDGES[index]
        count = buckets[index]
        found.append(round(low + (high - low) * (rank - upto[index] + count) / count, 3))
    return found


def empty_histogram() -> list[int]:
    """Of nothing: a count for each of BOUNDS_MS, and one for what is above."""
    return [0] * (len(BOUNDS_MS) + 1)


def joined(histograms: Iterable[Sequence[int]]) -> list[int]:
    """Histograms as one."""
    return list(map(sum, zip(empty_histogram(), *histograms, strict=True)))


def _add(ours: Any, theirs: Any) -> Any:
    if isinstance(ours, dict):
        return {key: ours.get(key, 0) + theirs.get(key, 0) for key in {**ours, **theirs}}
    return list(map(add, ours, theirs)) if isinstance(ours, list) else ours + theirs


class _Adding:
    """Totals that can be put in a row and added up, field by field."""

    __slots__ = ()

    def row(self) -> list[Any]:
        """The totals in the order of the fields, as they cross the wire."""
        values = (getattr(self, name) for name in self.names())
        return [value.copy() if isinstance(value, list | dict) else value for value in values]

    def add(self, other: Self) -> None:
        """Count all that `other` has counted, too."""
        for name in self.names():
            theirs = getattr(other, name)
            if theirs:
                setattr(self, name, _add(getattr(self, name), theirs))

    @classmethod
    @cache
    def names(cls) -> tuple[str, ...]:
        """The fields, in order."""
        return tuple(one.name for one in fields(cls))  # type: ignore[arg-type]

    @classmethod
    def from_row(cls, row: list[Any]) -> Self:
        """What a row says; fields it is too short for are zero, surplus ones are ignored."""
        return cls(*row[: len(cls.names())])


@dataclass(slots=True)
class HostTally(_Adding):
    """Of one host. `total`: connections handed to it. Bytes: `bytes_in` from clients."""

    total: int = 0
    ended: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    retries: int = 0  # attempts here after another host had failed
    faults: list[int] = field(default_factory=lambda: [0] * len(FAULTS))
    connect: list[int] = field(default_factory=empty_histogram)
    session: list[int] = field(default_factory=empty_histogram)
    closed: int = 0  # at somebody's word
    failed: dict[str, int] = field(default_factory=dict)  # that had it and did not end in peace, by end state

    def fault(self, fault: Fault) -> None:
        """Count one fault."""
        self.faults[FAULT_INDEX[fault]] += 1


class HostTallies(dict[int, HostTally]):
    """The tally of every host that ever had something to count, by number.

    Those that were asked for since the last `take` lie in the dictionary itself, the
    others in `kept`, from where they come when they are asked for: so the data
    path pays for one look-up, and nobody looks at thousands of hosts that are idle.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[int, HostTally] = {}

    def __missing__(self, number: int) -> HostTally:
        tally = self.kept.get(number)
        if tally is None:
            tally = self.kept[number] = HostTally()
        self[number] = tally
        return tally

    def take(self) -> dict[int, HostTally]:
        """Those that may have changed since this was last called."""
        taken = dict(self)
        self.clear()
        return taken


@dataclass(slots=True)
class ServiceTally(_Adding):
    """Of one service. `total`: clients accepted; `refused`: closed by us without a host."""

    total: int = 0
    refused: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    failed: dict[str, int] = field(default_factory=dict)  # that did not end in peace, by end state
