"""Draining: who may go on, who is closed next, and how far it has got.

    STAYING   connections end by themselves, until the deadline if there is one
    CLOSING   the deadline is over: those left are closed, at a rate or all at once
    OVER      none is left

Connections over which nothing goes are closed first, the longest silent one
before all, then those that have been open for longest. Pure: a Drain is told
how many are left and what time it is, and says how many to close now. The
deadline is on the wall clock, which outlives processes; the rate goes by the
monotonic one. Who is to be drained is said by `director.config.departures`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from heapq import nsmallest
from operator import itemgetter
from typing import Any

from director.messages import Draining

IDLE = 2.0  # seconds without a byte after which a connection is idle
_SETTLED = 1.0  # seconds without a connection, until it is over: by then all workers have told what they have
_SAVED = 1.0  # seconds of the rate that may be made up for; so there are no bursts after a pause

Rank = tuple[bool, float]  # whether it is busy, and since when it is idle, or open
Offer = tuple[Any, ...]  # a connection that may be closed: its rank, then who it is


class Stage(StrEnum):
    """How far a drain has got."""

    STAYING = "staying"
    CLOSING = "closing"
    OVER = "over"


@dataclass
class Progress:
    """What is known of a drain: connections at its start, those left, and those of them that we closed."""

    at_start: int = 0
    left: int = 0
    closed: int = 0

    @property
    def ended(self) -> int:
        """How many ended by themselves."""
        return max(0, self.at_start - self.left - self.closed)


class Drain:
    """One drain, by its order."""

    def __init__(self, order: Draining, at_start: int, closed: int = 0, stage: Stage = Stage.STAYING) -> None:
        self.order = order
        self.progress = Progress(at_start, at_start, closed)
        self._allowance = 0.0  # connections that the rate lets us close
        self._since: float | None = None  # when that was reckoned last
        self._empty_since: float | None = None
        self.stage = stage

    def _reached(self, wall: float, now: float) -> Stage:
        if not self.progress.left:
            self._empty_since = now if self._empty_since is None else self._empty_since
            return Stage.OVER if now - self._empty_since >= _SETTLED else self.stage
        self._empty_since = None
        deadline = self.order.deadline_at
        return Stage.CLOSING if deadline is not None and wall >= deadline else Stage.STAYING

    def look(self, left: int, wall: float, now: float) -> int:
        """So many are left: how many of them to close now."""
        self.progress.left = left
        # Some more may have come while workers were told that none may.
        self.progress.at_start = max(self.progress.at_start, left)
        self.stage = self._reached(wall, now)
        if self.stage is not Stage.CLOSING:
            return 0
        rate = self.order.rate
        if rate is None:
            return left
        elapsed = 0.0 if self._since is None else max(0.0, now - self._since)
        self._since = now
        self._allowance = min(max(1.0, rate * _SAVED), self._allowance + rate * elapsed)
        return min(left, int(self._allowance))

    def closed(self, count: int) -> None:
        """So many were closed."""
        self.progress.closed += count
        self.progress.left = max(0, self.progress.left - count)  # until workers tell it
        self._allowance -= count


def rank(now: float, accepted: float, active: float) -> Rank:
    """Of a connection: whom it is closed before. Times are monotonic; `active`: when it last moved a byte."""
    return (False, active) if now - active >= IDLE else (True, accepted)


def first(offers: Iterable[Offer], most: int) -> list[Offer]:
    """Those to close first."""
    return nsmallest(most, offers, key=itemgetter(0, 1))
