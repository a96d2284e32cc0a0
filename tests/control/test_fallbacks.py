"""Groups whose own scheduler failed, as the hub knows them."""

from __future__ import annotations

from hypothesis import given

from control.fallbacks import Fallbacks
from director.config.model import Config, Group, Service
from director.config.turnover import groups_of
from director.messages import Edit, Running, SchedulerFailed
from tests.director.config.configs import histories

FAILED = SchedulerFailed(2, "python:m:C", "python:m:C", "it raised")
STICKY_FAILED = SchedulerFailed(2, "python:m:C,sticky", "python:m:C", "it raised")


def running(scheduler: str) -> Running:
    groups = (Group(name="main", scheduler=scheduler, number=2),)
    return Running(1, Config(services=(Service(name="web", groups=groups, enabled="main", number=1),)))


def test_a_failure_is_counted_once_however_many_workers_say_it() -> None:
    known = Fallbacks()
    known.configure(running("roundrobin"))
    known.configure(running("python:m:C,sticky"))
    assert known.hear(STICKY_FAILED) and known.hear(STICKY_FAILED)
    assert known.failed == {2: ["python:m:C,sticky", "roundrobin", "it raised"]}
    assert known.counts == {2: 1}
    assert known.in_use(2, "python:m:C,sticky") == "roundrobin,sticky"


def test_a_fallback_that_fails_too_gives_way_to_the_default() -> None:
    known = Fallbacks()
    known.configure(running("python:m:B"))
    known.configure(running("python:m:C,sticky"))
    assert known.hear(STICKY_FAILED)
    assert known.in_use(2, "python:m:C,sticky") == "python:m:B,sticky"
    also = SchedulerFailed(2, "python:m:C,sticky", "python:m:B", "it took too long")
    assert known.hear(also) and known.hear(also) and known.hear(STICKY_FAILED)
    assert known.in_use(2, "python:m:C,sticky") == "leastconns,sticky"
    assert known.counts == {2: 2}


def test_another_scheduler_begins_anew_and_the_count_stays() -> None:
    known = Fallbacks()
    known.configure(running("python:m:C"))
    known.hear(FAILED)
    assert known.in_use(2, "python:m:C") == "leastconns"
    known.configure(running("random"))
    assert known.in_use(2, "random") == "random"
    assert not known.hear(FAILED)
    known.configure(running("python:m:C"))
    assert known.failed == {}
    assert known.hear(FAILED)
    assert known.counts == {2: 2}


def test_a_successor_knows_what_was_dumped() -> None:
    known, other = Fallbacks(), Fallbacks()
    known.configure(running("first"))
    known.configure(running("python:m:C"))
    known.hear(FAILED)
    assert known.dirty
    other.restore(known.dump())
    assert not known.dirty
    other.configure(running("python:m:C"))
    assert other.in_use(2, "python:m:C") == "first"
    assert other.hear(FAILED)
    assert other.counts == {2: 1}


def test_one_chosen_again_is_tried_again_and_its_next_failure_counts() -> None:
    known = Fallbacks()
    known.configure(running("first"))
    known.configure(running("python:m:C"))
    known.hear(FAILED)
    assert known.has_failed("web", "main")
    assert not known.chosen_again([Edit(("service", "web", "group", "main"), "scheduler", "first", "python:m:C")])
    assert not known.chosen_again([Edit(("service", "web", "group", "next"), "scheduler", "python:m:C", "python:m:C")])
    assert known.chosen_again([Edit(("service", "web", "group", "main"), "scheduler", "python:m:C", "python:m:C")])
    assert not known.has_failed("web", "main")
    known.hear(FAILED)
    assert (known.counts, known.in_use(2, "python:m:C")) == ({2: 2}, "first")


def test_one_made_sticky_is_tried_again_and_falls_back_to_what_was_before_it() -> None:
    known = Fallbacks()
    known.configure(running("first"))
    assert not known.configure(running("python:m:C"))
    known.hear(FAILED)
    assert known.configure(running("python:m:C,sticky"))
    assert known.in_use(2, "python:m:C,sticky") == "python:m:C,sticky"
    assert known.hear(STICKY_FAILED) and not known.hear(FAILED)
    assert (known.counts, known.in_use(2, "python:m:C,sticky")) == ({2: 2}, "first,sticky")


def test_one_that_failed_is_no_fallback_for_the_next() -> None:
    known = Fallbacks()
    known.configure(running("first"))
    known.configure(running("python:m:C"))
    known.hear(FAILED)
    known.configure(running("python:m:D"))
    known.hear(SchedulerFailed(2, "python:m:D", "python:m:D", "it raised"))
    assert known.in_use(2, "python:m:D") == "first"


def test_another_generation_tries_again_and_knows_the_count_and_what_was_before() -> None:
    elder, heir = Fallbacks(), Fallbacks()
    elder.configure(running("first"))
    elder.configure(running("python:m:C"))
    elder.hear(FAILED)
    heir.configure(running("python:m:C"))
    heir.adopt(elder.dump(), is_older=True)
    assert (heir.failed, heir.counts, heir.dirty) == ({}, {2: 1}, True)
    heir.hear(FAILED)
    assert (heir.in_use(2, "python:m:C"), heir.counts) == ("first", {2: 2})
    elder.adopt(heir.dump(), is_older=False)  # the upgrade is taken back
    assert (elder.in_use(2, "python:m:C"), elder.counts) == ("first", {2: 2})


def test_what_failed_before_another_generation_took_over_is_counted_and_falls_back_to_what_was_before() -> None:
    elder, heir = Fallbacks(), Fallbacks()
    elder.configure(running("first"))
    heir.configure(running("python:m:C"))  # by the file that the upgrade read
    heir.hear(FAILED)
    heir.adopt(elder.dump(), is_older=True)
    assert (heir.in_use(2, "python:m:C"), heir.counts) == ("first", {2: 1})


def test_a_group_that_is_gone_is_forgotten() -> None:
    known = Fallbacks()
    known.configure(running("python:m:C"))
    known.hear(FAILED)
    known.configure(Running(2, Config()))
    assert (known.failed, known.counts) == ({}, {})


@given(histories())
def test_change_by_change_only_groups_that_are_there_are_known(history: list[Running]) -> None:
    known = Fallbacks()
    for one in history:
        known.configure(one)
    groups = {group.number: group for group in groups_of(history[-1].config.services)}
    assert known._schedulers == {number: group.scheduler for number, group in groups.items()}
    assert known._names.keys() == groups.keys()
