"""Whether hosts take a call before the kernel has even returned, as those on this machine do.

Then nobody need wait to be told of it. Far away it is asked in vain, and asked
more and more seldom.
"""

from __future__ import annotations

_SELDOM = 63  # calls that are not asked about, at the most, before one is


class Nearness:
    """What became of the calls so far."""

    def __init__(self) -> None:
        self._rest = self._pause = 0

    def worth_asking(self) -> bool:
        """Whether the next call may have been taken at once."""
        if self._rest:
            self._rest -= 1
            return False
        return True

    def learn(self, near: bool) -> None:
        """One that was asked about was taken at once, or was not."""
        self._pause = 0 if near else min(_SELDOM, 2 * self._pause + 1)
        self._rest = self._pause
