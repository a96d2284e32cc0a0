"""How soon the others are told what changed: at once while that is little, after a pause while it is much.

A row costs who sends and who hears it the same whether it tells of one change
or of ten. So in a quiet service each change is told as it happens, and counts
are nearly exact everywhere, which matters most where a host has few
connections; in a busy one changes wait for each other, at most 80 ms. Told
every 20 ms whatever the load, 16 workers in a quiet service had 1.8 times the
peak of one scheduler that sees all; told like this, 1.1 times. Of very many
connections a few that are not known of yet change nothing: at 15 000 a second
the peak of 4 workers is 1.03 times that with 80 ms, 1.02 with 45, and the rows
cost a third less. And of hundreds of hosts each is picked so seldom that twice
the pause makes no difference to it, but a quarter less to tell.
"""

from __future__ import annotations

from math import exp, inf

LONGEST = 0.08  # seconds between two short rows
CALM = 0.02  # seconds without a row, after which there is nothing on its way to be reckoned with
PER_PICK, PER_ENTRY = 3e-6, 1.5e-6  # seconds of pause for each pick a second by all workers, each entry of a row
_SHORTEST, _OF_MANY, _SHARED = 0.006, 0.001, 0.016  # seconds
_MUCH, _STEEPER = 0.03, 3.0  # seconds of pause, and how many times faster it grows beyond
_SHORT_ROW, _LONG_ROW = 100, 400  # entries: from the one on the pause grows, from the other on it is twice as long
_MEMORY = 0.25  # seconds


def shortest(workers: int) -> float:
    """Seconds between two rows at least: many workers must hear of each other sooner to be as even as a few."""
    return min(_SHORTEST, max(_OF_MANY, _SHARED / workers))


class Rate:
    """So many a second, smoothed over about a quarter of one."""

    def __init__(self) -> None:
        self.value = 0.0
        self._until = -inf

    def count(self, number: float, now: float) -> float:
        """So many since the last time; returns what the rate is now."""
        span = max(now - self._until, 1e-6)
        self._until = now
        self.value += (number / span - self.value) * (1.0 - exp(-span / _MEMORY))
        return self.value


class Pace:
    """When to tell next. `per_change`: seconds of pause for each change a second."""

    def __init__(self, per_change: float) -> None:
        self.shortest = self.pause = _SHORTEST
        self._per_change = per_change
        self._rate = Rate()
        self.told_at = -inf

    def wait(self, now: float) -> float:
        """Seconds until the next row may go; 0: at once."""
        return max(0.0, self.told_at + self.pause - now)

    def told(self, changes: float, now: float, entries: int = 0) -> None:
        """A row of so many entries has gone, that told of so many changes."""
        self.told_at = now
        pause = self._rate.count(changes, now) * self._per_change
        self.pause = min(LONGEST, max(self.shortest, pause, pause + _STEEPER * (pause - _MUCH)))
        self.pause *= 1.0 + min(1.0, max(0, entries - _SHORT_ROW) / (_LONG_ROW - _SHORT_ROW))
