"""Whom a hub that follows a dead one must hear before it tells newcomers who is sticky where.

Only the workers that lived through it know. A newcomer serves by what it is told
at first, so it waits until all of those have said theirs; for a moment at the most.
Pure: `now` is passed in, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

PATIENCE = 2.0  # seconds in which the workers find their new hub
TELLING = 0.2  # seconds from a worker's greeting until all that it knows has come


class Reunion:
    """Of workers by their incarnations. With nobody to expect, nobody waits."""

    def __init__(self) -> None:
        self._elders: frozenset[int] = frozenset()
        self._missing: set[int] = set()
        self._until = 0.0

    def expect(self, incarnations: Iterable[int], now: float) -> None:
        """These lived when the hub before us was last heard of."""
        self._elders = frozenset(incarnations)
        self._missing = set(self._elders)
        self._until = now + PATIENCE if self._missing else now

    def seen(self, incarnation: int, now: float) -> None:
        """It has greeted us, or is dead."""
        if incarnation in self._missing:
            self._missing.discard(incarnation)
            if not self._missing:
                self._until = min(self._until, now + TELLING)

    def must_wait(self, incarnation: int, now: float) -> bool:
        """Whether others are to be heard before this one is told anything."""
        return now < self._until and incarnation not in self._elders
