"""The last hour of each service: connections, connect times, bytes, at even steps.

A ring a service and one for all together, of fixed size, so an hour costs 6 KiB
a service whatever happens in it. What is kept are rates and levels, made from
totals that only grow: a step that was missed is a gap, never a spike. Pure:
`now` is passed in, in monotonic seconds, which a machine's processes share, so
that a hub can go on with the ring of the one before.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from director.tally import empty_histogram, quantile_ms

STEP = 15.0  # seconds
KEPT = 240  # steps: an hour
MINUTE = 4  # steps
MOST = 2000  # services; those beyond have no history
ALL = 0  # no service's number: all of them

CONNECTIONS = "connections_per_second"
OPEN = "open"
CONNECT_P50, CONNECT_P99 = "connect_ms_p50", "connect_ms_p99"
BYTES_IN, BYTES_OUT = "bytes_in_per_second", "bytes_out_per_second"
SERIES = (CONNECTIONS, OPEN, CONNECT_P50, CONNECT_P99, BYTES_IN, BYTES_OUT)

Points = list[float | None]  # the oldest first; None: not known


@dataclass(slots=True)
class Count:
    """What was counted of a service since ever, and what is open now. `connect`: by buckets of BOUNDS_MS."""

    total: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    connect: list[int] = field(default_factory=empty_histogram)
    open: int = 0

    def add(self, other: Count) -> None:
        """Count what `other` counted, too."""
        self.total += other.total
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out
        self.connect = [ours + theirs for ours, theirs in zip(self.connect, other.connect, strict=True)]
        self.open += other.open

    def row(self) -> list[Any]:
        """As plain values."""
        return [self.total, self.bytes_in, self.bytes_out, self.connect, self.open]


def _levels(before: Count, after: Count, seconds: float) -> tuple[float, ...]:
    """A point of each series. Totals fall when hosts are removed: that is no rate."""
    connect = [max(0, new - old) for old, new in zip(before.connect, after.connect, strict=True)]
    timed = any(connect)
    return (
        max(0, after.total - before.total) / seconds,
        after.open,
        quantile_ms(connect, 0.5) if timed else math.nan,
        quantile_ms(connect, 0.99) if timed else math.nan,
        max(0, after.bytes_in - before.bytes_in) / seconds,
        max(0, after.bytes_out - before.bytes_out) / seconds,
    )


def _empty() -> dict[str, array[float]]:
    return {series: array("f", [math.nan]) * KEPT for series in SERIES}


class History:
    """The rings, by the number of their service."""

    def __init__(self) -> None:
        self._rings: dict[int, dict[str, array[float]]] = {}
        self._counts: dict[int, Count] = {}
        self._step = -1  # the newest that was noted, counted from the machine's start
        self._at = 0.0

    def note(self, counts: dict[int, Count], now: float) -> None:
        """The totals of all services, at this moment; what is not among them is forgotten."""
        counts = dict(list(counts.items())[:MOST])
        everything = Count()
        for count in counts.values():
            everything.add(count)
        counts[ALL] = everything
        step, seconds = int(now // STEP), now - self._at
        if step <= self._step:
            return
        self._rings = {number: self._rings.get(number) or _empty() for number in counts}
        missed = range(max(self._step + 1, step - KEPT + 1), step)
        for number, ring in self._rings.items():
            before = self._counts.get(number)
            levels = _levels(before, counts[number], seconds) if before else (math.nan,) * len(SERIES)
            for series, level in zip(SERIES, levels, strict=True):
                for gap in missed:
                    ring[series][gap % KEPT] = math.nan
                ring[series][step % KEPT] = level
        self._step, self._at, self._counts = step, now, counts

    def points(self, number: int, series: str) -> Points:
        """A service's hour, step by step."""
        return [None if math.isnan(value) else round(value, 3) for value in self._turned(number, series)]

    def minutes(self, number: int, series: str) -> Points:
        """A service's hour, an average a minute of what is known of it."""
        if number not in self._rings:  # new, or one of too many
            return [None] * (KEPT // MINUTE)
        values = self._turned(number, series)
        return [_mean(values[begin : begin + MINUTE]) for begin in range(0, KEPT, MINUTE)]

    def _turned(self, number: int, series: str) -> array[float]:
        """The oldest first."""
        ring = self._rings.get(number) or _empty()
        begin = (self._step + 1) % KEPT
        return ring[series][begin:] + ring[series][:begin]

    def dump(self) -> dict[str, Any]:
        """All of it, for the memory file."""
        rings = {number: [ring[series].tobytes() for series in SERIES] for number, ring in self._rings.items()}
        counts = {number: count.row() for number, count in self._counts.items()}
        return {"step": self._step, "at": self._at, "rings": rings, "counts": counts}

    def restore(self, value: dict[str, Any]) -> None:
        """Go on with what was dumped."""
        self._step, self._at = value["step"], value["at"]
        self._counts = {number: Count(*row) for number, row in value["counts"].items()}
        self._rings = {
            number: dict(zip(SERIES, (array("f", data) for data in rings), strict=True))
            for number, rings in value["rings"].items()
        }


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return round(sum(known) / len(known), 3) if known else None
