"""One answer for all who ask at about the same time: the statistics, which take a second to make of thousands of hosts.

One is made at a time. Who asks meanwhile waits for it, and who asks soon after
gets the same again; but nobody gets one that was begun before the last change
he could know of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

import gevent
from gevent.event import AsyncResult

from control.rendition import Renditions

T = TypeVar("T")


class Edition(Generic[T]):
    """`make` makes an answer; `keep` says for how many seconds one is good that took so many to make.

    `renditions`: those of the last one.
    """

    def __init__(self, make: Callable[[], T], keep: Callable[[float], float]) -> None:
        self.renditions = Renditions()
        self._make, self._keep = make, keep
        self._changes = 0
        self._known: tuple[int, T] | None = None  # the last one, and how many changes it shows
        self._making: tuple[int, AsyncResult[tuple[T] | None]] | None = None

    def outdated(self) -> None:
        """Something is another now, and whoever asks from now on must see it."""
        self._changes += 1

    def current(self) -> T:
        """It, made if there is none; waits while it is being made. Raises what `make` raises."""
        needed = self._changes
        while True:
            if self._known is not None and self._known[0] >= needed:
                return self._known[1]
            if self._making is None:
                return self._renew()
            shown, making = self._making
            found: tuple[T] | None = making.get()
            if found is not None and shown >= needed:
                (made,) = found
                return made

    def _renew(self) -> T:
        making: AsyncResult[tuple[T] | None] = AsyncResult()
        self._making = self._changes, making
        began = time.monotonic()
        try:
            made = self._make()
        except Exception as error:
            making.set_exception(error)
            raise
        else:
            self._known = known = self._making[0], made
            making.set((made,))
            gevent.spawn_later(self._keep(time.monotonic() - began), self._forget, known)
            return made
        finally:
            self._making = None
            if not making.ready():  # whoever made it was killed
                making.set(None)

    def _forget(self, known: tuple[int, T]) -> None:
        """One of thousands of hosts is large, too."""
        if self._known is known:
            self._known = None
            self.renditions.clear()
