"""Waiting for a condition: in a process of its own, or while the loop of this one runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import gevent

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout: float = 10.0, every: float = 0.02) -> T:
    """Ask until the answer is true, and return it; fail after `timeout` seconds.

    An AssertionError or OSError of the condition counts as "not yet", and is
    what the failure shows.
    """
    deadline = time.monotonic() + timeout
    while True:
        cause: Exception | None = None
        answer = None
        try:
            answer = condition()
        except (AssertionError, OSError) as error:
            cause = error
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not so after {timeout} s: last answer {answer!r}") from cause
        time.sleep(every)


def keep_watching(condition: Callable[[], bool], seconds: float, every: float = 0.05) -> None:
    """Fail if the condition is false at any look during `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition()
        time.sleep(every)


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Run gevent's loop until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not become so"
        gevent.sleep(0.001)
