"""The time that a user's own scheduler may take for a choice.

An interval timer raises in it: in Python code, however deep, and again if that
catches it. Code that is stuck in C is not reached by it; it makes the worker
silent, and the master replaces that.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Any

from director.scheduling.own import Request, Seen
from director.scheduling.policies import SchedulerFault

SECONDS = 0.05  # for one choice; meanwhile all connections of the worker wait


class Overtime(BaseException):
    """No Exception, so that no `except Exception` keeps it."""


class Budget:
    """Runs choices within a limit of time. One in a process: the timer is."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._running = False
        self._rang = False
        signal.signal(signal.SIGALRM, self._ring)

    def run(self, choose: Callable[[Sequence[Seen], Request], Any], hosts: Sequence[Seen], request: Request) -> Any:
        """What `choose` returns. Raises what it raises, and SchedulerFault if it takes too long."""
        try:
            self._running, self._rang = True, False
            signal.setitimer(signal.ITIMER_REAL, self.seconds, self.seconds)
            try:
                chosen = choose(hosts, request)
            finally:
                self._running = False
                signal.setitimer(signal.ITIMER_REAL, 0.0)
        except BaseException:
            self._running = False
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            if not self._rang:
                raise
        if self._rang:  # whatever they made of it
            raise SchedulerFault(f"took longer than {self.seconds * 1000:g} ms for a choice")
        return chosen

    def _ring(self, _number: int, _frame: Any) -> None:
        if self._running:
            self._rang = True
            raise Overtime
