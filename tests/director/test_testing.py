"""The tools for tests of users' own schedulers, used as a user would."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from director.testing import Clock, Farm, SchedulerFault


class Fewest:
    def choose(self, hosts: Any, request: Any) -> Any:
        return min(hosts, key=lambda host: host.score / host.weight)


class Patient:
    """Prefers the first while data are fresh; else one at random."""

    def choose(self, hosts: Any, request: Any) -> Any:
        return hosts[0] if request.age < 1 else request.random.choice(hosts)


def test_loads_and_weights_are_as_set() -> None:
    farm = Farm(Fewest, a=1, b=2)
    farm.load(a=3, b=4)
    assert farm.choose("10.0.0.1") == "b"
    farm.connect(300)
    assert farm.open == {"a": 103, "b": 204}
    farm.leave("a", 5)
    assert farm.choose() == "a"


def test_hosts_go_down_and_come_up() -> None:
    farm = Farm(Fewest, a=1, b=1)
    farm.down("a")
    assert farm.choose() == "b"
    assert farm.choose(tried=("b",)) is None
    farm.up("a")
    assert farm.choose(tried=("b",)) == "a"


def test_the_clock_goes_when_told_to_and_data_grow_old() -> None:
    farm = Farm(Patient, a=1, b=1, c=1)
    assert {farm.choose() for _ in range(20)} == {"a"}
    farm.clock.advance(2)
    assert {farm.choose() for _ in range(60)} == {"a", "b", "c"}
    assert Clock(5.0)() == 5.0


def test_mistakes_are_raised_not_covered() -> None:
    class Broken:
        def choose(self, hosts: Any, request: Any) -> Any:
            return hosts[0].nonsense

    with pytest.raises(SchedulerFault, match="AttributeError"):
        Farm(Broken, a=1).choose()

    class Mute(Exception):
        __str__ = None  # type: ignore[assignment]

    class Raising:
        def choose(self, hosts: Any, request: Any) -> Any:
            raise Mute

    with pytest.raises(SchedulerFault, match="Mute"):
        Farm(Raising, a=1).choose()
    with pytest.raises(SchedulerFault, match="can't be made"):
        Farm(lambda: 1 / 0, a=1)


def test_what_a_test_gets_wrong_itself_is_told() -> None:
    class First:
        def choose(self, hosts: Any, request: Any) -> Any:
            return hosts[0]

    farm = Farm(First, a=1, b=1)
    farm.connect(2)
    with pytest.raises(ValueError, match="can't end 3 connections of a: connect\\(\\) made 2"):
        farm.leave("a", 3)
    wrong: list[Callable[[], object]] = [
        lambda: farm.leave("c"),
        lambda: farm.load(c=1),
        lambda: farm.down("c"),
        lambda: farm.choose(tried=("c",)),
    ]
    for step in wrong:
        with pytest.raises(ValueError, match="there is no host 'c'; this farm has a, b"):
            step()
    unlike: list[tuple[str, Callable[[], object]]] = [
        ("can't give host 'a' a weight of '1': write a number", lambda: Farm(First, a="1")),  # type: ignore[arg-type]
        ("can't give host 'a' a weight of -1", lambda: Farm(First, a=-1)),
        ("can't load -3 connections: write a whole number", lambda: farm.load(a=-3)),
        ("can't connect '3' connections", lambda: farm.connect("3")),  # type: ignore[arg-type]
        ("can't end -3 connections", lambda: farm.leave("a", -3)),
        ("'a' is one name; write tried=\\('a',\\)", lambda: farm.choose(tried="a")),  # type: ignore[arg-type]
    ]
    for said, step in unlike:
        with pytest.raises(ValueError, match=said):
            step()
    assert farm.open == {"a": 2, "b": 0}


def test_a_choice_that_takes_too_long_is_a_mistake() -> None:
    class Slow:
        def choose(self, hosts: Any, request: Any) -> Any:
            for _ in range(10_000_000):
                pass
            return hosts[0]

    with pytest.raises(SchedulerFault, match="50 ms"):
        Farm(Slow, a=1).choose()


def test_the_example_in_etc_does_what_it_says() -> None:
    example = runpy.run_path(str(Path(__file__).parent.parent.parent / "etc" / "by_network.py"))
    weights = {"office-1": 1, "office-2": 2, "public-1": 1}
    farm = Farm(example["ByNetwork"], **weights)
    farm.connect(30, network="10.20")
    assert farm.open == {"office-1": 10, "office-2": 20, "public-1": 0}
    assert farm.choose("192.0.2.1") == farm.choose("2001:db8::1") == farm.choose("unix") == "public-1"
    farm.down("public-1")
    assert farm.choose("192.0.2.1") in ("office-1", "office-2")
