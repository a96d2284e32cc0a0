"""What is explained is what happens: the choice that follows, and each host's reason."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from director.messages import HostState
from director.scheduling.explain import explain
from director.scheduling.own import OwnPolicy, Surroundings
from director.scheduling.policies import POLICIES
from director.scheduling.scheduler import GroupScheduler
from director.scheduling.scoreboard import HostLoad
from director.scheduling.sticky import StickyScheduler, StickyTable
from tests.director.scheduling.farms import board, hosts, scheduler


def told(group: GroupScheduler, client: str = "10.0.0.1", state: HostState = HostState.DOWN) -> dict[str, Any]:
    return explain(group, client, lambda host: state, 1000.0)


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {host["host"]: host["verdict"] for host in document["hosts"]}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(POLICIES)),
    st.lists(st.tuples(st.sampled_from([1.0, 2.0, 0.5, 0.0]), st.booleans(), st.booleans()), min_size=1, max_size=6),
    st.lists(st.integers(0, 5), max_size=12),
    st.integers(0, 9),
)
def test_the_choice_that_follows_is_the_one_told(
    name: str, farm: list[tuple[float, bool, bool]], taken: list[int], client: int
) -> None:
    members = hosts(*(weight for weight, _, _ in farm), maxconn=4)
    for host, (_, backup, usable) in zip(members, farm, strict=True):
        host.backup, host.usable = backup, usable
    counts = board(members)
    group = scheduler(name, members)
    for place in taken:
        if place < len(members) and members[place].usable:
            counts.acquire(members[place])
    address = f"10.0.0.{client}"
    document = told(group, address)
    assert told(group, address) == document  # to tell changes nothing
    got = group.choose(address)
    possible = [document["chosen"]] if document["chosen"] else document["one_of"]
    assert got.name in possible if got is not None else possible == []
    marked = {name for name, verdict in verdicts(document).items() if verdict in ("chosen", "tied")}
    assert marked == set(possible)


def test_to_tell_of_many_hosts_alike_none_is_compared_with_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []

    def compare(ours: HostLoad, other: object) -> bool:
        compared.append(other)
        return ours is other

    monkeypatch.setattr(HostLoad, "__eq__", compare)
    members = hosts(*[1.0] * 300)
    board(members)
    assert set(verdicts(told(scheduler("leastconns", members))).values()) == {"tied"}
    assert len(compared) < 300


def test_each_host_that_is_left_out_has_its_reason() -> None:
    members = hosts(1, 1, 0, 1, 1, 1)
    members[0].usable = False
    members[1].maxconn = 0
    members[3].backup = True
    counts = board(members)
    counts.acquire(members[4])
    document = told(scheduler("leastconns", members), state=HostState.MAINT)
    assert verdicts(document) == {
        "h0": "maint", "h1": "limit", "h2": "no weight", "h3": "backup", "h4": "-", "h5": "chosen",
    }  # fmt: skip
    assert document["chosen"] == "h5"
    assert [host["score"] for host in document["hosts"]] == [None, None, None, None, 2.0, 1.0]


def test_a_tie_names_those_tied_and_how_it_is_broken() -> None:
    document = told(scheduler("leastconns", hosts(1, 1)))
    assert (document["chosen"], document["one_of"], document["tie_break"]) == (None, ["h0", "h1"], "at random")


def test_a_sticky_client_returns_and_the_others_are_left_out_for_it() -> None:
    table = StickyTable(60.0, 10)
    group = StickyScheduler("leastconns,sticky", hosts(1, 1), Random(1), table, lambda: 1000.0)
    assert told(group)["sticky"] == ""
    table.stick("10.0.0.1", 1, 999.0)
    document = told(group)
    assert (document["sticky"], document["chosen"]) == ("h1", "h1")
    assert verdicts(document) == {"h0": "sticky", "h1": "chosen"}
    group.hosts[1].usable = False
    group.refresh()
    assert verdicts(told(group)) == {"h0": "chosen", "h1": "down"}


def test_a_users_own_is_not_asked_and_its_fault_is_told() -> None:
    asked: list[int] = []

    class Theirs:
        def choose(self, hosts: Any, request: Any) -> Any:
            asked.append(1)
            raise ValueError("no")

    around = Surroundings(lambda: 0.0, lambda: 0.0)
    members = hosts(1, 1)

    def make(name: str, random: Random) -> Any:
        return OwnPolicy(random, Theirs, around) if name == "python:m:C" else POLICIES[name](random)

    group = GroupScheduler("python:m:C", members, Random(1), make=make)
    assert told(group)["one_of"] == ["h0", "h1"]
    assert asked == []
    group.choose("c")
    document = told(group)
    assert (document["scheduler"], document["in_use"]) == ("python:m:C", "leastconns")
    assert "ValueError: no" in document["fault"]


@pytest.mark.parametrize("name", POLICIES)
def test_nobody_is_told_as_nobody(name: str) -> None:
    members: list[HostLoad] = hosts(1, 1)
    for host in members:
        host.usable = False
    document = told(scheduler(name, members))
    assert (document["chosen"], document["one_of"]) == (None, [])
