"""The schedulers that a worker makes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from director.config.model import Group
from director.messages import SchedulerFailed
from director.scheduling.scoreboard import Scoreboard
from director.scheduling.sticky import StickyScheduler, StickyTable
from tests.director.scheduling.farms import hosts
from workers.schedulings import Schedulings


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Schedulings]:
    (tmp_path / "worker_own.py").write_text(
        "class Last:\n    def choose(self, hosts, request):\n        return hosts[-1]\n"
        "class Slow:\n    def choose(self, hosts, request):\n        while True: pass\n"
        "class Endless(Exception):\n    def __str__(self):\n        while True: pass\n    __repr__ = __str__\n"
        "class SlowToTell:\n    def choose(self, hosts, request): raise Endless\n"
        "class SlowToShow:\n    def choose(self, hosts, request): return [Endless()] * 9\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Schedulings(Scoreboard(), Random(1))
    sys.modules.pop("worker_own", None)


def group(scheduler: str) -> Group:
    return Group(name="main", scheduler=scheduler, number=2)


def test_a_users_own_chooses_with_and_without_sticky(made: Schedulings) -> None:
    scheduler = made.make(group("python:worker_own:Last"), hosts(1, 1, 1), None, None)
    assert [scheduler.choose("c"), scheduler.reason] == [scheduler.hosts[2], "python:worker_own:Last"]
    sticky = made.make(group("python:worker_own:Last,sticky"), hosts(1, 1, 1), StickyTable(60, 9), scheduler)
    assert isinstance(sticky, StickyScheduler)
    assert [sticky.choose("c"), sticky.choose("c"), sticky.reason] == [sticky.hosts[2], sticky.hosts[2], "sticky"]
    assert made.reports() == []


@pytest.mark.parametrize(
    "own", [*(f"python:worker_own:{name}" for name in ("Slow", "SlowToTell", "SlowToShow", "None")), "python:nowhere:C"]
)
def test_what_fails_falls_back_to_what_was_before_and_is_reported_until_heard(made: Schedulings, own: str) -> None:
    before = made.make(group("first"), hosts(1, 1), None, None)
    scheduler = made.make(group(own), hosts(1, 1), None, before)
    assert scheduler.choose("c") is scheduler.hosts[0]
    assert made.reports() == [SchedulerFailed(2, own, own, scheduler.fault)]
    made.failing.clear()
    assert made.reports() == []


def test_one_made_sticky_falls_back_to_what_was_before_it(made: Schedulings) -> None:
    scheduler = made.make(group("first"), hosts(1, 1), None, None)
    scheduler = made.make(group("python:worker_own:Last"), hosts(1, 1), None, scheduler)
    scheduler = made.make(group("python:worker_own:Last,sticky"), hosts(1, 1), StickyTable(60, 9), scheduler)
    assert scheduler.fallback == "first"


def test_it_follows_others_whose_scheduler_failed(made: Schedulings) -> None:
    scheduler = made.make(group("python:worker_own:Last"), hosts(1, 1), None, None)
    made.follow(2, scheduler, "first", "it raised elsewhere")
    assert (scheduler.name, scheduler.fault) == ("first", "it raised elsewhere")
    assert made.reports() == []


def test_what_all_go_on_by_may_fail_too_and_is_reported_and_not_followed_again(made: Schedulings) -> None:
    own, slow = "python:worker_own:Last", "python:worker_own:Slow"
    scheduler = made.make(group(own), hosts(1, 1), None, None)
    made.follow(2, scheduler, slow, "it raised elsewhere")
    assert scheduler.choose("c") is not None
    assert scheduler.name == "leastconns"
    assert made.reports() == [SchedulerFailed(2, own, slow, scheduler.fault)]
    made.follow(2, scheduler, slow, "it raised elsewhere")  # the hub has not heard yet
    assert scheduler.name == "leastconns" and len(made.reports()) == 1
    made.follow(2, scheduler, "leastconns", "it took too long")
    assert made.reports() == []
    made.follow(2, scheduler, "python:nowhere:C", "again")
    assert (scheduler.name, [one.failed for one in made.reports()]) == ("leastconns", ["python:nowhere:C"])
