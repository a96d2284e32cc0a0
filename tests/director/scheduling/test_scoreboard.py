"""Counting connections, one's own and those others tell of."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from director.scheduling.permits import DIRECTOR
from director.scheduling.scoreboard import HostLoad, Scoreboard
from tests.director.scheduling.farms import board, config, hosts, scheduler


def test_a_connection_counts_from_acquire_to_release() -> None:
    (host,) = hosts(1)
    counts = board([host])
    counts.acquire(host)
    assert (host.own, host.open, host.total, host.picks) == (1, 1, 1, 1)
    counts.release(host)
    assert (host.own, host.open, host.total) == (0, 0, 1)


def test_only_what_changed_is_told_and_only_once() -> None:
    one, two = hosts(1, 1)
    counts = board([one, two])
    counts.acquire(one)
    counts.acquire(one)
    assert counts.changed() == {0: 2}
    assert counts.changed() == {}
    assert one.sent == 2
    counts.release(one)
    assert counts.changed() == {0: 1}


def test_a_host_that_is_back_at_nothing_is_told_as_zero() -> None:
    (host,) = hosts(1)
    counts = board([host])
    counts.acquire(host)
    counts.changed()
    counts.release(host)
    assert counts.changed() == {0: 0}


def test_the_whole_row_leaves_out_zeros_and_counts_as_told() -> None:
    one, two = hosts(1, 1)
    counts = board([one, two])
    counts.acquire(two)
    assert counts.whole() == {1: 1}
    assert counts.changed() == {}


def test_what_others_have_is_the_sum_of_their_rows() -> None:
    (host,) = hosts(1)
    counts = board([host])
    counts.set_others(1, {0: 3}, whole=False)
    counts.set_others(2, {0: 4}, whole=True)
    assert host.others == 7
    counts.set_others(1, {0: 1}, whole=False)
    assert host.others == 5
    counts.set_others(2, {}, whole=True)
    assert host.others == 1
    counts.forget(1)
    assert host.others == 0
    assert counts.slots() == (2,)


def test_a_row_may_name_hosts_that_come_later() -> None:
    counts = Scoreboard(config(10))
    counts.set_others(1, {10: 1, 11: 5}, whole=True)
    counts.configure(config(10, 11))
    assert counts.hosts[11].others == 5
    assert counts.hosts[11].score == 5


def test_picks_not_yet_told_count_for_every_worker() -> None:
    (host,) = hosts(1)
    counts = board([host], workers=4)
    counts.set_others(1, {0: 2}, whole=True)
    counts.acquire(host)
    assert host.score == 2 + 4
    counts.changed()
    assert host.score == 2 + 1


def test_four_workers_without_news_of_each_other_do_not_herd() -> None:
    loads = [0] * 4
    for slot in range(4):
        members = hosts(1, 1, 1, 1)
        counts = board(members, workers=4)
        choose = scheduler("leastconns", members, seed=slot).choose
        counts.set_others(9, {0: 20, 1: 20, 2: 20}, whole=True)  # all see the last one 20 behind
        for _ in range(100):
            host = choose("10.0.0.1")
            assert host is not None
            counts.acquire(host)
            loads[host.number] += 1
    loads = [load + (20 if number < 3 else 0) for number, load in enumerate(loads)]
    assert max(loads) - min(loads) <= 8


def test_reload_keeps_the_counts_of_hosts_that_stay() -> None:
    counts = Scoreboard(config(10, 11))
    stays, goes = counts.hosts[10], counts.hosts[11]
    counts.acquire(stays)
    counts.acquire(goes)
    counts.configure(config(10, 12))
    assert counts.hosts[10] is stays
    assert stays.own == 1
    assert [host.number for host in counts.group(2)] == [10, 12]
    assert counts.zombies == {11: goes}


def test_a_removed_host_is_told_of_until_its_last_connection_ends() -> None:
    counts = Scoreboard(config(10))
    host = counts.hosts[10]
    counts.acquire(host)
    counts.configure(config())
    assert counts.whole() == {10: 1}
    counts.release(host)
    assert counts.changed() == {10: 0}
    assert counts.zombies == {}


class Workers(RuleBasedStateMachine):
    """Several workers and a bus that loses, repeats and reorders what they say."""

    SLOTS = 3
    HOSTS = 4

    def __init__(self) -> None:
        super().__init__()
        self.boards = {slot: self._born() for slot in range(self.SLOTS)}
        self.open: dict[int, list[HostLoad]] = {slot: [] for slot in range(self.SLOTS)}
        self.bus: list[tuple[int, int, dict[int, int], bool]] = []  # (from, to, row, whole)
        self.random = Random(5)

    def _born(self) -> Scoreboard:
        counts = Scoreboard(config(*range(self.HOSTS)))
        counts.workers = self.SLOTS
        return counts

    def _say(self, slot: int, row: dict[int, int], whole: bool) -> None:
        self.bus += [(slot, other, row, whole) for other in self.boards if other != slot]

    slots = st.integers(0, SLOTS - 1)

    @rule(slot=slots, number=st.integers(0, HOSTS - 1))
    def acquire(self, slot: int, number: int) -> None:
        host = self.boards[slot].hosts[number]
        self.boards[slot].acquire(host)
        self.open[slot].append(host)

    @rule(slot=slots, which=st.randoms(use_true_random=False))
    def release(self, slot: int, which: Random) -> None:
        if self.open[slot]:
            host = self.open[slot].pop(which.randrange(len(self.open[slot])))
            self.boards[slot].release(host)

    @rule(slot=slots, whole=st.booleans())
    def publish(self, slot: int, whole: bool) -> None:
        counts = self.boards[slot]
        self._say(slot, counts.whole() if whole else counts.changed(), whole)

    @precondition(lambda self: self.bus)
    @rule(which=st.randoms(use_true_random=False), keep=st.booleans(), lose=st.booleans())
    def deliver(self, which: Random, keep: bool, lose: bool) -> None:
        at = which.randrange(len(self.bus))
        slot, to, row, whole = self.bus[at] if keep else self.bus.pop(at)
        if not lose:
            self.boards[to].set_others(slot, row, whole)

    @rule(slot=slots)
    def die(self, slot: int) -> None:
        self.boards[slot] = self._born()
        self.open[slot] = []
        self.bus = [entry for entry in self.bus if slot not in entry[:2]]  # of an incarnation that is ignored
        for other, counts in self.boards.items():
            if other != slot:
                counts.forget(slot)

    @rule()
    def restart_hub(self) -> None:
        self.bus = []
        for slot, counts in self.boards.items():
            self._say(slot, counts.whole(), True)

    @rule(numbers=st.sets(st.integers(0, HOSTS - 1)))
    def come_to_rest(self, numbers: set[int]) -> None:
        self.bus = []
        for slot, counts in self.boards.items():
            self._say(slot, counts.whole(), True)
        for slot, to, row, whole in self.bus:
            self.boards[to].set_others(slot, row, whole)
        self.bus = []
        everywhere = [host.number for sessions in self.open.values() for host in sessions]
        for counts in self.boards.values():
            for number, host in counts.hosts.items():
                assert host.open == everywhere.count(number)
                assert host.score == host.open

    @invariant()
    def own_counts_are_exact(self) -> None:
        for slot, counts in self.boards.items():
            for host in counts.hosts.values():
                assert host.own == self.open[slot].count(host)
                assert host.others >= 0
                assert host.score >= host.open


TestWorkersAgreeOnceQuiet = Workers.TestCase
TestWorkersAgreeOnceQuiet.settings = settings(stateful_step_count=40)


@pytest.mark.parametrize("gone", [False, True])
def test_what_was_cut_counts_for_a_limit_that_comes_before_its_host_has_noticed(gone: bool) -> None:
    counts = Scoreboard(config(10))
    host = counts.hosts[10]
    counts.limit([99])  # some other one, without which nothing is held
    for _ in range(3):
        counts.acquire(host)
    counts.release(host, held=True)
    if gone:
        counts.configure(config())
        counts.changed()
    counts.limit([99, DIRECTOR])
    assert counts.permits.limits[DIRECTOR].used == 3
    counts.give_back(host)
    assert counts.permits.limits[DIRECTOR].used == 2
    for _ in range(2):
        counts.release(host)
    counts.changed()
    assert (counts.permits.limits[DIRECTOR].used, counts.zombies) == (0, {})
