"""Drawing at random by weight."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.scheduling.bag import Bag
from tests.director.scheduling.farms import hosts


def filled(*weights: float) -> Bag:
    bag = Bag(Random(7).random)
    for host in hosts(*weights):
        bag.add(host)
    return bag


@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (1, 0.5, 2, 7), (3, 2, 2.5), (0.01, 100), (1, 1000, 1, 1)])
def test_each_host_is_drawn_as_often_as_its_weight_says(weights: tuple[float, ...]) -> None:
    bag = filled(*weights)
    draws = 20_000
    count: Counter[int] = Counter()
    for _ in range(draws):
        host = bag.draw()
        assert host is not None
        count[host.number] += 1
    for number, weight in enumerate(weights):
        expected = draws * weight / sum(weights)
        assert abs(count[number] - expected) <= 5 * expected**0.5 + 1


def test_an_empty_bag_gives_nobody() -> None:
    assert filled().draw() is None
    assert filled().draw_other({1}) is None


def test_another_is_drawn_even_if_it_weighs_next_to_nothing() -> None:
    host = filled(1e6, 1e-6).draw_other({0})
    assert host is not None
    assert host.number == 1


def test_nobody_is_left_when_all_have_been_tried() -> None:
    assert filled(1, 2, 3).draw_other({0, 1, 2}) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5))))
def test_it_holds_what_was_added_and_not_removed(steps: list[tuple[bool, int]]) -> None:
    members = hosts(1, 1, 0.3, 2, 2, 9)
    bag = Bag(Random(7).random)
    inside = set()
    for add, number in steps:
        host = members[number]
        if add and host not in inside:
            bag.add(host)
            inside.add(host)
        elif not add and host in inside:
            bag.remove(host)
            inside.remove(host)
        assert set(bag) == inside
        assert len(bag) == len(inside)
        assert (bag.draw() in inside) if inside else (bag.draw() is None)
