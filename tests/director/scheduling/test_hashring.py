"""Consistent hashing: even, the same everywhere, and few clients move."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from director.scheduling.hashring import ALL_POINTS, CELLS, cell, rendezvous, ring

CLIENT_CELLS = {"10.0.0.1": 522220, "10.0.0.2": 549137, "2001:db8::1": 287953, "": 0}
RING_SAMPLE = ["c", "c", "c", "c", "b", "b", "b", "c"]


def names(count: int) -> list[tuple[str, float]]:
    return [(f"host{number}", 1.0) for number in range(count)]


def owners(hosts: list[tuple[str, float]]) -> list[str]:
    return [hosts[index][0] for index in ring(hosts)]


def test_without_hosts_there_is_no_ring() -> None:
    assert ring([]) == ()


def test_one_host_owns_everything() -> None:
    assert set(ring([("a", 0.01)])) == {0}


def test_the_order_of_hosts_does_not_matter() -> None:
    hosts = [("b", 1.0), ("a", 2.0), ("c", 0.5)]
    assert owners(hosts) == owners(hosts[::-1])


def test_every_machine_has_the_same_ring() -> None:
    # Values that must never change: a cluster of different versions has to agree.
    assert {client: cell(client) for client in CLIENT_CELLS} == CLIENT_CELLS
    table = owners([("a", 1.0), ("b", 1.0), ("c", 2.0)])
    assert [table[at] for at in range(0, CELLS, CELLS // 8)] == RING_SAMPLE


@pytest.mark.parametrize("count", [2, 3, 10, 100])
def test_removing_one_host_moves_its_own_clients_only_and_few(count: int) -> None:
    hosts = names(count)
    before = owners(hosts)
    for gone in range(0, count, max(1, count // 10)):
        after = owners(hosts[:gone] + hosts[gone + 1 :])
        moved = sum(1 for old, new in zip(before, after, strict=True) if old != new)
        assert moved == before.count(hosts[gone][0])
        assert moved <= 1.2 / count * CELLS


def test_of_thousands_one_that_leaves_moves_few_though_all_points_together_stay_as_many() -> None:
    hosts = names(3000)
    before, after = owners(hosts), owners(hosts[1:])
    moved = sum(1 for old, new in zip(before, after, strict=True) if old != new)
    assert before.count("host0") <= moved <= 2.5 / 3000 * CELLS
    assert sum(old != new for old, new in pairwise(before)) < ALL_POINTS
    assert min(Counter(before).values()) > CELLS / 3000 / 2


@pytest.mark.parametrize("weights", [(1.0, 0.5), (1.0, 2.0, 4.0), (0.1, 0.3, 0.7, 1.1), (256.0, 100.0)])
def test_each_host_owns_as_much_as_its_weight_says(weights: tuple[float, ...]) -> None:
    hosts = [(f"host{number}", weight) for number, weight in enumerate(weights)]
    count = Counter(ring(hosts))
    for number, weight in enumerate(weights):
        assert count[number] / CELLS == pytest.approx(weight / sum(weights), rel=0.2)


def test_a_weight_moves_clients_only_to_or_from_its_host() -> None:
    before = owners([("a", 2.0), ("b", 1.0), ("c", 1.0)])
    after = owners([("a", 2.0), ("b", 1.5), ("c", 1.0)])
    moved = {(old, new) for old, new in zip(before, after, strict=True) if old != new}
    assert moved == {("a", "b"), ("c", "b")}


def test_neighbours_addresses_are_strangers_on_the_ring() -> None:
    cells = sorted(cell(f"192.168.1.{last}") for last in range(256))
    gaps = [right - left for left, right in pairwise(cells)]
    assert max(gaps) < CELLS / 256 * 12
    assert len(set(cells)) >= 255


def test_looking_again_is_looking_elsewhere() -> None:
    places = {cell("10.0.0.1", look) for look in range(32)}
    assert len(places) == 32


def test_rendezvous_shares_by_weight() -> None:
    count = Counter(
        max((("a", 1.0), ("b", 3.0)), key=lambda host: rendezvous(f"10.0.0.{client}", *host))[0]
        for client in range(4000)
    )
    assert count["b"] / 4000 == pytest.approx(0.75, abs=0.03)
