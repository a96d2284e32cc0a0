"""Calls are asked about as long as that pays."""

from __future__ import annotations

from itertools import pairwise

from control.nearness import Nearness


def test_while_hosts_are_near_every_call_is_asked_about() -> None:
    nearness = Nearness()
    for _ in range(100):
        assert nearness.worth_asking()
        nearness.learn(True)


def test_far_hosts_are_asked_about_seldom_but_never_not_at_all() -> None:
    nearness = Nearness()
    asked = []
    for number in range(1000):
        if nearness.worth_asking():
            asked.append(number)
            nearness.learn(False)
    assert len(asked) < 25
    assert max(later - before for before, later in pairwise(asked)) == 64


def test_one_near_host_makes_it_worth_asking_again() -> None:
    nearness = Nearness()
    for _ in range(200):
        if nearness.worth_asking():
            nearness.learn(False)
    while not nearness.worth_asking():
        pass
    nearness.learn(True)
    assert all(nearness.worth_asking() for _ in range(10))
