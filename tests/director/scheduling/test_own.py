"""Schedulers of users' own: what they see, and that no mistake of theirs gets further than a fallback."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from director.scheduling.own import OwnPolicy, Request, Seen, Surroundings, told
from director.scheduling.policies import Policy
from director.scheduling.scheduler import GroupScheduler, built_in
from director.scheduling.scoreboard import HostLoad
from tests.director.scheduling.farms import board, hosts


class Fewest:
    def choose(self, hosts: tuple[Seen, ...], request: Request) -> Seen:
        return min(hosts, key=lambda host: host.score / host.weight)


def own(choose: Callable[[Any, Any], Any]) -> type:
    """A class with this method `choose`."""
    return type("Theirs", (), {"choose": lambda self, hosts, request: choose(hosts, request)})


def group(scheduler: Any, members: list[HostLoad], **more: Any) -> GroupScheduler:
    around = Surroundings(lambda: 1000.0, lambda: 999.5)

    def make(name: str, random: Random) -> Policy:
        return OwnPolicy(random, scheduler, around) if name == "python:m:C" else built_in(name, random)

    return GroupScheduler("python:m:C", members, Random(1), make=make, **more)


def test_it_sees_hosts_weights_loads_the_client_the_time_and_the_age() -> None:
    seen: list[Any] = []

    def choose(hosts: tuple[Seen, ...], request: Request) -> Seen:
        seen.append(([(h.name, h.weight, h.open, h.own, h.score, h.maxconn, h.backup) for h in hosts], request))
        return hosts[1]

    members = hosts(1, 2)
    counts = board(members, workers=2)
    scheduler = group(own(choose), members)
    counts.set_others(1, {0: 3}, whole=False)
    counts.acquire(members[1])
    assert scheduler.choose("10.0.0.9") is members[1]
    ((shown, request),) = seen
    assert shown == [("h0", 1, 3, 0, 3, None, False), ("h1", 2, 1, 1, 2, None, False)]
    assert (request.client, request.now, request.age) == ("10.0.0.9", 1000.0, 0.5)
    assert 0 <= request.random.random() < 1


def test_it_gets_only_hosts_that_may_be_chosen() -> None:
    members = hosts(1, 1, 0, 1, maxconn=1)
    members[0].usable = False
    counts = board(members)
    scheduler = group(own(lambda hosts, request: hosts[0]), members)
    assert scheduler.choose("c") is members[1]
    assert scheduler.choose("c", (1,)) is members[3]
    counts.acquire(members[1])
    assert scheduler.choose("c") is members[3]
    assert scheduler.choose("c", (3,)) is None
    assert scheduler.fault == ""


def test_ten_lines_are_enough() -> None:
    members = hosts(1, 2)
    counts = board(members)
    scheduler = group(Fewest, members)
    for _ in range(30):
        host = scheduler.choose("c")
        assert host is not None
        counts.acquire(host)
    assert [host.own for host in members] == [10, 20]


def _divides(hosts: Any, request: Any) -> Any:
    return 1 / 0


def _exits(hosts: Any, request: Any) -> Any:
    raise SystemExit(1)


class Mute(Exception):
    """One whose text has a mistake in it."""

    def __str__(self) -> str:
        return self.missing  # type: ignore[attr-defined,no-any-return]


class Faceless:
    """Ends whoever wants to show it, or to know what it is."""

    def __repr__(self) -> str:
        raise SystemExit(3)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise SystemExit(4)


def _is_mute(hosts: Any, request: Any) -> Any:
    raise Mute


BAD = {
    "it raises": (_divides, "ZeroDivisionError"),
    "it exits": (_exits, "SystemExit"),
    "it raises what has no text": (_is_mute, "Mute, whose text can't be made: AttributeError"),
    "it returns nothing": (lambda hosts, request: None, "returned None"),
    "it returns a name": (lambda hosts, request: "h0", "returned 'h0'"),
    "it returns a host it made": (lambda hosts, request: Seen(HostLoad(7, "x")), "none of the hosts"),
    "it returns what has no face": (lambda hosts, request: Faceless(), "returned a Faceless"),
}


@pytest.mark.parametrize(("choose", "words"), BAD.values(), ids=BAD.keys())
def test_the_client_gets_a_host_by_the_fallback_and_one_fault_is_said(choose: Any, words: str) -> None:
    faults: list[GroupScheduler] = []
    members = hosts(1, 1)
    counts = board(members)
    counts.acquire(members[0])
    scheduler = group(own(choose), members, fallback="first", on_fault=lambda group, failed: faults.append(group))
    assert scheduler.choose("c") is members[0]
    assert scheduler.choose("c", (0,)) is members[1]
    assert faults == [scheduler]
    assert words in scheduler.fault
    assert (scheduler.name, scheduler.reason, scheduler.scheduler) == ("first", "first", "python:m:C")
    assert members[0].own == 1


def test_a_host_kept_from_an_earlier_choice_is_none_it_was_given() -> None:
    kept: list[Seen] = []

    def choose(hosts: tuple[Seen, ...], request: Request) -> Seen:
        kept.extend(hosts)
        return kept[0]

    members = hosts(1, 1)
    scheduler = group(own(choose), members)
    assert scheduler.choose("c") is members[0]
    assert scheduler.choose("c", (0,)) is members[1]
    assert "none of the hosts" in scheduler.fault


@pytest.mark.parametrize("error", [ValueError("no table"), SystemExit("no table")])
def test_one_that_can_not_be_made_is_never_asked(error: BaseException) -> None:
    def broken() -> Any:
        raise error

    scheduler = group(broken, hosts(1))
    assert "no table" in scheduler.fault
    assert scheduler.name == "leastconns"
    assert scheduler.choose("c") is not None


def test_a_fallback_that_fails_too_leaves_leastconns() -> None:
    scheduler = group(own(_divides), hosts(1), fallback="python:m:C")
    assert scheduler.choose("c") is not None
    assert scheduler.choose("c") is not None
    assert scheduler.name == "leastconns"


def test_one_that_is_tried_again_goes_on_or_falls_back_to_what_was_in_use() -> None:
    faults: list[str] = []
    broken = [True]

    def choose(hosts: Any, request: Any) -> Any:
        return 1 / 0 if broken[0] else hosts[-1]

    members = hosts(1, 1)
    scheduler = group(own(choose), members, fallback="first", on_fault=lambda group, failed: faults.append(group.fault))
    assert scheduler.choose("c") is members[0]
    scheduler.try_again()
    assert (scheduler.choose("c"), scheduler.name, len(faults)) == (members[0], "first", 2)
    broken[0] = False
    scheduler.try_again()
    assert (scheduler.choose("c"), scheduler.name, scheduler.fault) == (members[1], "python:m:C", "")
    assert len(faults) == 2


def test_an_error_is_told_in_one_line_with_its_place() -> None:
    try:
        _divides(None, None)
    except ZeroDivisionError as error:
        assert told(error).startswith("test_own.py:")
        assert told(error).endswith("ZeroDivisionError: division by zero")
    try:
        compile("def f(:", "/etc/x/mine.py", "exec")
    except SyntaxError as error:
        assert told(error) == f"mine.py:1: {error.msg}"
    assert told(ValueError()) == "ValueError"
    assert told(ValueError("no \udcff\x1b[31m here")) == r"ValueError: no \udcff\x1b[31m here"
