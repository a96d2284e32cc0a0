"""Who is up: the verdict on each host.

Counterpart of scoreboard (who is busy). Pure: `now` is always passed in, in
seconds of any clock that does not jump. Does not connect anywhere; workers and
the prober report outcomes, this decides.

Without a <check>, one failed connect takes a host out, and a successful test
connect brings it back: tried after `checktime`, or each second while a group
has nothing else.
"""

from __future__ import annotations

from enum import Enum

HURRY = 1.0  # seconds between tests while all hosts are down


class Verdict(Enum):
    """What we believe of a host."""

    UP = "up"
    DOWN = "down"


class Health:
    """The verdict on one host, why, and when to test it again.

    `since`: when the verdict was made; `reason`: of the last fault, "" when up;
    `faults`: how many since it was last up; `ejections`: how often it went down.
    """

    __slots__ = ("checktime", "ejections", "faults", "reason", "since", "tested", "verdict")

    def __init__(self, now: float, checktime: float) -> None:
        self.verdict = Verdict.UP
        self.since = now
        self.reason = ""
        self.faults = 0
        self.ejections = 0
        self.checktime = checktime
        self.tested = now  # when the last test began, or the fault that took it down

    @property
    def up(self) -> bool:
        return self.verdict is Verdict.UP

    def fault(self, now: float, reason: str) -> bool:
        """A connect failed, in traffic or as a test. True if that changed the verdict."""
        self.faults += 1
        self.reason = reason
        if self.verdict is Verdict.DOWN:
            return False
        self.verdict = Verdict.DOWN
        self.since = now
        self.tested = now
        self.ejections += 1
        return True

    def good(self, now: float) -> bool:
        """A test connect succeeded. True if that changed the verdict."""
        if self.verdict is Verdict.UP:
            return False
        self.verdict = Verdict.UP
        self.since = now
        self.reason = ""
        self.faults = 0
        return True

    def next_test(self, group_all_down: bool) -> float | None:
        """When to test it; None while it is up."""
        if self.verdict is Verdict.UP:
            return None
        return self.tested + (min(HURRY, self.checktime) if group_all_down else self.checktime)

    def due(self, now: float, group_all_down: bool) -> bool:
        """Is it time for a test? The caller then starts one and says so by `testing`."""
        at = self.next_test(group_all_down)
        return at is not None and now >= at

    def testing(self, now: float) -> None:
        """A test begins now; the next one is due an interval later."""
        self.tested = now
