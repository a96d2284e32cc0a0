"""A choice that takes too long is ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from director.scheduling.own import Request
from director.scheduling.policies import SchedulerFault
from workers.budget import Budget

REQUEST = Request("c", 0.0, 0.0, Random(1))


@pytest.fixture
def budget() -> Iterator[Budget]:
    before = signal.getsignal(signal.SIGALRM)
    yield Budget(0.02)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    signal.signal(signal.SIGALRM, before)


def spins(_hosts: Any, _request: Any) -> Any:
    while True:
        pass


def sleeps(_hosts: Any, _request: Any) -> Any:
    time.sleep(60)


def complains(_hosts: Any, _request: Any) -> Any:
    try:
        spins(None, None)
    except BaseException as error:
        raise ValueError("interrupted") from error


def catches(_hosts: Any, _request: Any) -> Any:
    for _ in range(3):
        try:
            spins(None, None)
        except BaseException:
            continue
    return None


def test_what_is_quick_gives_its_result(budget: Budget) -> None:
    assert budget.run(lambda hosts, request: "x", (), REQUEST) == "x"
    with pytest.raises(ZeroDivisionError):
        budget.run(lambda hosts, request: 1 / 0, (), REQUEST)


@pytest.mark.parametrize("slow", [spins, sleeps, complains])
def test_what_is_slow_is_ended(budget: Budget, slow: Any) -> None:
    began = time.monotonic()
    with pytest.raises(SchedulerFault, match="took longer than 20 ms"):
        budget.run(slow, (), REQUEST)
    assert time.monotonic() - began < 10


def test_what_catches_everything_is_interrupted_again_and_gains_nothing(budget: Budget) -> None:
    with pytest.raises(SchedulerFault, match="took longer"):
        budget.run(catches, (), REQUEST)
    assert budget.run(lambda hosts, request: "x", (), REQUEST) == "x"
