"""Workers that know of the same counts don't all choose the same host."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.scheduling.policies import POLICIES
from director.scheduling.scheduler import GroupScheduler
from director.scheduling.scoreboard import Scoreboard
from tests.director.scheduling.farms import board, hosts, limit, scheduler

OTHERS, DELAY = 7, 0.01
HERDING = [name for name, policy in POLICIES.items() if policy.herds]
each = pytest.mark.parametrize("name", HERDING)


def tell(counts: Scoreboard, now: float) -> None:
    counts.changed()
    counts.herd.told(now, OTHERS, DELAY)


def busy(name: str, count: int = 10, a_second: float = 100.0) -> tuple[GroupScheduler, Scoreboard]:
    """A worker that has had so many picks a second, all released again."""
    members = hosts(*[1.0] * count)
    counts, group = board(members, 1 + OTHERS), scheduler(name, members)
    for number in range(200):
        host = group.choose("10.0.0.1")
        assert host is not None
        counts.acquire(host)
        counts.release(host)
        tell(counts, number / a_second)
    return group, counts


def test_those_that_look_at_counts_herd() -> None:
    assert HERDING == ["leastconns", "leastconnsrr"]


@each
def test_one_pick_in_a_while_goes_to_the_least_loaded(name: str) -> None:
    group, counts = busy(name, a_second=2.0)
    counts.acquire(counts.hosts[0])
    tell(counts, 1000.0)
    assert all(group.choose("10.0.0.1") is not counts.hosts[0] for _ in range(50))


@each
def test_when_others_pick_at_the_same_time_not_all_choose_the_least_loaded(name: str) -> None:
    group, counts = busy(name)
    assert group.active.unseen > 1.0
    for host in list(counts.hosts.values())[1:]:
        for _ in range(2):
            counts.acquire(host)
    counts.changed()
    found = Counter(host.number for host in (group.choose("10.0.0.1") for _ in range(200)) if host is not None)
    assert found[0] == max(found.values())  # it is still the first to be taken
    assert len(found) > 1


@each
def test_once_nothing_happens_the_least_loaded_is_chosen_again(name: str) -> None:
    group, counts = busy(name)
    assert counts.herd.wary
    counts.herd.calm()
    assert not counts.herd.wary
    for host in list(counts.hosts.values())[1:]:
        counts.acquire(host)
    assert {group.choose("10.0.0.1") for _ in range(50)} == {counts.hosts[0]}


@each
def test_alone_there_is_nobody_to_reckon_with(name: str) -> None:
    members = hosts(1, 1)
    counts, group = board(members), scheduler(name, members)
    for number in range(100):
        counts.acquire(members[number % 2])
        counts.changed()
        counts.herd.told(number / 1000, 0, DELAY)
    assert group.active.unseen == 0.0


@each
@given(st.integers(1, 12), st.lists(st.sampled_from(["pick", "release", "tell"]), max_size=60))
def test_who_is_passed_over_counts_as_before(name: str, count: int, steps: list[str]) -> None:
    members = hosts(*[1.0] * count, maxconn=3)
    counts, group = board(members, 1 + OTHERS), scheduler(name, members)
    limit(counts, group.refresh)
    counts.herd.picked(group.active, 50)
    counts.herd.told(0.0, OTHERS, DELAY)
    counts.herd.picked(group.active, 50)
    counts.herd.told(0.1, OTHERS, DELAY)
    for now, step in enumerate(steps):
        before = {host: host.score for host in members}
        host = group.choose("10.0.0.1")
        assert {host: host.score for host in members} == before
        assert (host is None) == all(one.full for one in members)
        if step == "pick" and host is not None:
            counts.acquire(host)
        elif step == "release" and (held := [one for one in members if one.own]):
            counts.release(held[0])
        elif step == "tell":
            tell(counts, now / 100)
