"""Who may be chosen at all, for every scheduler alike."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from director.scheduling.policies import POLICIES, LeastConns
from director.scheduling.scheduler import GroupScheduler
from director.scheduling.scoreboard import HostLoad
from tests.director.scheduling.farms import board, hosts, limit, scheduler

each = pytest.mark.parametrize("name", POLICIES)


def chosen(group: GroupScheduler, tried: tuple[int, ...] = ()) -> set[int]:
    """The numbers of all hosts that come up for 60 clients."""
    found = (group.choose(f"10.0.0.{client}", tried) for client in range(60))
    return {host.number for host in found if host is not None}


@each
def test_sticky_in_the_name_is_not_ours(name: str) -> None:
    assert scheduler(f"{name},sticky", hosts(1)).choose("10.0.0.1") is not None


@each
def test_a_host_that_is_not_usable_is_left_out(name: str) -> None:
    members = hosts(1, 1)
    members[0].usable = False
    group = scheduler(name, members)
    assert chosen(group) == {1}
    members[0].usable, members[1].usable = True, False
    group.refresh()
    assert chosen(group) == {0}


@each
def test_each_host_is_tried_once(name: str) -> None:
    group = scheduler(name, hosts(1, 2, 1, 3))
    tried: list[int] = []
    while (host := group.choose("10.0.0.1", tried)) is not None:
        assert host.number not in tried
        tried.append(host.number)
    assert sorted(tried) == [0, 1, 2, 3]


@each
def test_a_host_at_its_limit_waits_for_a_release_or_a_larger_allotment(name: str) -> None:
    members = hosts(1, maxconn=2)
    counts = board(members)
    group = scheduler(name, members)
    counts.acquire(members[0])
    assert chosen(group) == {0}
    counts.granted({0: (1, 5)})
    assert chosen(group) == set()
    counts.granted({0: (2, 6)})
    assert chosen(group) == {0}
    counts.acquire(members[0])
    assert chosen(group) == set()
    counts.release(members[0], held=True)
    assert chosen(group) == set()
    counts.give_back(members[0])
    assert chosen(group) == {0}


def test_a_group_is_crowded_for_a_client_while_a_host_that_it_has_not_tried_could_take_it() -> None:
    members = hosts(1, 1, 0)
    group = scheduler("first", members)
    assert group.crowded()
    assert group.crowded({0})
    assert not group.crowded({0, 1})
    members[1].usable = False
    assert not group.crowded({0})


@each
def test_backups_wait_until_no_other_host_is_usable(name: str) -> None:
    members = hosts(1, 1, 1)
    members[2].backup = True
    group = scheduler(name, members)
    assert 2 not in chosen(group)
    members[0].usable = False
    group.refresh()
    assert chosen(group) == {1}
    members[1].usable = False
    group.refresh()
    assert chosen(group) == {2}
    members[0].usable = True
    group.refresh()
    assert chosen(group) == {0}


@each
def test_a_full_host_is_no_reason_to_use_backups(name: str) -> None:
    members = hosts(1, 1, maxconn=1)
    members[1].backup = True
    counts = board(members)
    group = scheduler(name, members)
    counts.acquire(members[0])
    assert chosen(group) == set()


@each
def test_a_client_that_tried_all_others_may_have_a_backup(name: str) -> None:
    members = hosts(1, 1, 1)
    members[2].backup = True
    group = scheduler(name, members)
    assert chosen(group, (0,)) == {1}
    assert chosen(group, (0, 1)) == {2}
    assert chosen(group, (0, 1, 2)) == set()


@each
def test_hosts_come_and_go_with_the_config(name: str) -> None:
    members = hosts(1, 1, 1)
    group = scheduler(name, members[:2])
    group.refresh(members[1:])
    assert chosen(group) <= {1, 2}
    assert members[0].home is None
    assert members[0].rose is members[0].fell is None
    group.refresh(members[:1])
    assert chosen(group) == {0}


@each
def test_another_scheduler_takes_over_hosts_in_use(name: str) -> None:
    members = hosts(1, 1, 1)
    counts = board(members)
    scheduler("leastconns", members)
    counts.acquire(members[0])
    group = scheduler(name, members)
    counts.acquire(members[1])
    counts.release(members[0])
    assert chosen(group) <= {0, 1, 2}
    assert chosen(group)


class Group(RuleBasedStateMachine):
    """All that happens to a group; each choice is checked against a plain reading of the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.members = hosts(1, 1, 2, 0.5, 1, 1, *[0.25] * LeastConns.FEW)
        self.members[5].backup = True
        self.counts = board(self.members, workers=2)
        self.open: list[HostLoad] = []

    @initialize(name=st.sampled_from(sorted(POLICIES)), many=st.booleans())
    def begin(self, name: str, many: bool) -> None:
        self.name = name
        self.group = GroupScheduler(name, self.members if many else self.members[:6], Random(3))

    numbers = st.integers(0, 5)

    @rule(number=numbers)
    def acquire(self, number: int) -> None:
        self.counts.acquire(self.members[number])
        self.open.append(self.members[number])

    @rule(which=st.randoms(use_true_random=False))
    def release(self, which: Random) -> None:
        if self.open:
            self.counts.release(self.open.pop(which.randrange(len(self.open))))

    @rule(number=numbers, count=st.integers(0, 3))
    def hear(self, number: int, count: int) -> None:
        self.counts.set_others(1, {number: count}, whole=False)

    @rule()
    def tell(self) -> None:
        self.counts.changed()

    @rule(number=numbers, usable=st.booleans())
    def judge(self, number: int, usable: bool) -> None:
        self.members[number].usable = usable
        self.group.refresh()

    @rule(
        number=numbers,
        weight=st.sampled_from((0, 0.5, 1, 3)),
        maxconn=st.sampled_from((None, 1, 2)),
        backup=st.booleans(),
    )
    def change(self, number: int, weight: float, maxconn: int | None, backup: bool) -> None:
        host = self.members[number]
        host.weight, host.maxconn, host.backup = weight, maxconn, backup
        limit(self.counts, self.group.refresh)

    @rule(kept=st.sets(numbers, min_size=1), many=st.booleans())
    def reload(self, kept: set[int], many: bool) -> None:
        self.group.refresh([*(self.members[number] for number in sorted(kept)), *(self.members[6:] if many else ())])

    @rule(client=st.integers(0, 255), tried=st.sets(numbers, max_size=3))
    def choose(self, client: int, tried: set[int]) -> None:
        host = self.group.choose(f"10.0.0.{client}", tried)
        allowed = self._allowed(tried)
        if not allowed:
            assert host is None
            return
        assert host in allowed
        if self.name.startswith("leastconns"):
            assert (host.score + 1) / host.weight == pytest.approx(
                min((other.score + 1) / other.weight for other in allowed)
            )
        elif self.name == "first":
            assert host is allowed[0]
        elif self.name == "hash":
            assert host is self.group.choose(f"10.0.0.{client}", tried)

    def _allowed(self, tried: set[int]) -> list[HostLoad]:
        usable = [host for host in self.group.hosts if host.usable and host.weight]
        ordinary = [host for host in usable if not host.backup and host.number not in tried]
        backups = [host for host in usable if host.backup and host.number not in tried]
        return [host for host in ordinary or backups if not host.full]


TestEveryChoiceFollowsTheRules = Group.TestCase
TestEveryChoiceFollowsTheRules.settings = settings(stateful_step_count=40)
