"""Each scheduler's own promise."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from director.config.model import SCHEDULERS
from director.scheduling.policies import POLICIES, LeastConns, LeastConnsRR
from director.scheduling.scoreboard import HostLoad
from tests.director.scheduling.farms import board, hosts, scheduler, shares

BALANCED = ("roundrobin", "leastconns", "leastconnsrr", "p2c")


def test_every_name_the_config_knows_has_a_policy() -> None:
    assert set(SCHEDULERS) <= set(POLICIES)


@pytest.mark.parametrize("name", BALANCED)
@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 0.5, 2), (3, 1, 1, 0.25)])
def test_shares_follow_the_weights(name: str, weights: tuple[float, ...]) -> None:
    members = hosts(*weights)
    got = shares(scheduler(name, members), board(members), 2000)
    for weight, share in zip(weights, got, strict=True):
        assert abs(share - 2000 * weight / sum(weights)) <= 4


@pytest.mark.parametrize("name", ["random", "hash"])
def test_shares_follow_the_weights_on_average(name: str) -> None:
    members = hosts(1, 0.5, 2)
    got = shares(scheduler(name, members), board(members), 7000)
    assert got == [pytest.approx(share, rel=0.12) for share in (2000, 1000, 4000)]


@pytest.mark.parametrize("name", POLICIES)
def test_a_weight_of_zero_gets_nothing(name: str) -> None:
    members = hosts(1, 0, 1)
    assert shares(scheduler(name, members), board(members), 200)[1] == 0


@pytest.mark.parametrize("name", POLICIES)
def test_without_hosts_nobody_is_chosen(name: str) -> None:
    assert scheduler(name, []).choose("10.0.0.1") is None


@pytest.mark.parametrize("name", ["random", "roundrobin", "leastconns", "leastconnsrr", "p2c"])
def test_names_that_sort_first_are_not_preferred(name: str) -> None:
    first: Counter[int] = Counter()
    for seed in range(400):
        host = scheduler(name, hosts(1, 1, 1, 1), seed).choose("10.0.0.1")
        assert host is not None
        first[host.number] += 1
    assert all(60 <= first[number] <= 140 for number in range(4))


def test_round_robin_of_four_workers_is_round_robin_seen_from_outside() -> None:
    total = [0] * 4
    for seed in range(4):
        members = hosts(1, 1, 1, 1)
        got = shares(scheduler("roundrobin", members, seed), board(members, workers=4), 1000)
        total = [before + more for before, more in zip(total, got, strict=True)]
    assert all(abs(share - 1000) <= 4 for share in total)


def test_weighted_round_robin_is_smooth() -> None:
    members = hosts(5, 1, 1)
    choose = scheduler("roundrobin", members).choose
    order = [_chosen(choose("10.0.0.1")).number for _ in range(70)]
    assert [order.count(number) for number in range(3)] == [pytest.approx(share, abs=1) for share in (50, 10, 10)]
    runs = "".join(map(str, order))
    assert "0000" not in runs
    assert "12" not in runs
    assert "21" not in runs


def test_round_robin_goes_on_where_it_was_when_a_host_leaves_and_returns() -> None:
    members = hosts(1, 1, 1, 1)
    group = scheduler("roundrobin", members)
    begun = [_chosen(group.choose("")).number for _ in range(6)]
    gone = members[begun[-1]]
    gone.usable = False
    group.refresh()
    rest = [_chosen(group.choose("")).number for _ in range(3)]
    assert rest == [number for number in (begun[2], begun[3], begun[0]) if number != gone.number][:2] + rest[2:]
    gone.usable = True
    group.refresh()
    assert sorted(_chosen(group.choose("")).number for _ in range(4)) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["leastconns", "leastconnsrr"])
def test_the_host_with_the_fewest_connections_is_next(name: str) -> None:
    members = hosts(1, 1, 1)
    counts = board(members)
    group = scheduler(name, members)
    for host in (members[0], members[0], members[1], members[2], members[2]):
        counts.acquire(host)
    assert group.choose("") is members[1]
    counts.set_others(1, {1: 5}, whole=False)
    counts.release(members[0])
    assert group.choose("") is members[0]


def test_ties_are_broken_at_random() -> None:
    members = hosts(1, 1, 1, 1)
    group = scheduler("leastconns", members)
    chosen = Counter(_chosen(group.choose("")).number for _ in range(400))
    assert all(60 <= chosen[number] <= 140 for number in range(4))


def test_ties_are_broken_by_least_recent_use() -> None:
    members = hosts(1, 1, 1, 1)
    counts = board(members)
    group = scheduler("leastconnsrr", members)
    order = []
    for _ in range(12):
        host = _chosen(group.choose(""))
        counts.acquire(host)
        counts.release(host)
        counts.changed()
        order.append(host.number)
    assert order[:4] == order[4:8] == order[8:]
    assert sorted(order[:4]) == [0, 1, 2, 3]


@pytest.mark.parametrize("policy", [LeastConns, LeastConnsRR])
def test_loads_seen_long_ago_are_forgotten(policy: type[LeastConns] | type[LeastConnsRR]) -> None:
    members = hosts(*[1] * 20)
    least = policy(Random(1))
    least.prepare(members)
    for host in members:
        host.score = 10_000
        least.add(host)
    for score in range(9_999, 0, -1):
        members[0].score = score
        least.moved(members[0])
    assert len(least.values) < 100
    assert len(least.buckets) < 100
    assert least.pick("") is members[0]


def test_of_two_the_less_loaded_is_taken() -> None:
    members = hosts(1, 1)
    counts = board(members)
    for _ in range(5):
        counts.acquire(members[0])
    group = scheduler("p2c", members)
    assert Counter(_chosen(group.choose("")).number for _ in range(100))[1] >= 90


def test_first_fills_hosts_in_the_order_of_the_config() -> None:
    members = hosts(1, 1, 1, maxconn=2)
    counts = board(members)
    group = scheduler("first", members)
    order = []
    for _ in range(5):
        host = _chosen(group.choose(""))
        counts.acquire(host)
        order.append(host.number)
    assert order == [0, 0, 1, 1, 2]
    counts.release(members[0])
    assert group.choose("") is members[0]


def test_hash_gives_a_client_the_same_host_in_every_worker() -> None:
    here = scheduler("hash", hosts(1, 2, 1, 1), seed=1)
    there_hosts = hosts(1, 2, 1, 1)[::-1]
    for host in there_hosts:
        host.number += 100  # numbers differ between machines, names don't
    there = scheduler("hash", there_hosts, seed=2)
    for client in range(200):
        address = f"10.0.0.{client}"
        assert _chosen(here.choose(address)).name == _chosen(there.choose(address)).name


def test_only_clients_of_a_host_that_is_down_move_and_they_return() -> None:
    members = hosts(*[1.0] * 10)
    group = scheduler("hash", members)
    clients = [f"10.0.{client >> 8}.{client & 255}" for client in range(2000)]
    before = [_chosen(group.choose(client)) for client in clients]
    members[3].usable = False
    group.refresh()
    during = [_chosen(group.choose(client)) for client in clients]
    moved = Counter(new.number for old, new in zip(before, during, strict=True) if old is not new)
    assert sum(moved.values()) == before.count(members[3])
    assert len(moved) == 9
    assert max(moved.values()) < 3 * sum(moved.values()) / 9
    members[3].usable = True
    group.refresh()
    assert [_chosen(group.choose(client)) for client in clients] == before


def test_hash_finds_the_only_host_left_of_many() -> None:
    members = hosts(*[1.0] * 200)
    for host in members[1:]:
        host.usable = False
    group = scheduler("hash", members)
    assert {_chosen(group.choose(f"10.0.0.{client}")).number for client in range(50)} == {0}


def _chosen(host: HostLoad | None) -> HostLoad:
    assert host is not None
    return host
