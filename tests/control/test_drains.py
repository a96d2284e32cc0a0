"""All drains of a hub: ordered ones and what went without a word, over hubs and generations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gevent
import pytest

import control.drains
from control.closing import Closing
from control.drains import Drains
from control.questions import Questions
from director.addresses import Addresses
from director.config.changes import amend
from director.config.departures import settled
from director.config.edits import renumbered
from director.messages import Change, Grace, GroupEnable, HostDelete, HostDrain, HostUp, Member, Running
from tests.director.config.configs import ANN, RUNNING
from tests.waiting import until

SINCE = 1_700_000_000.0
A, B = 1, 2  # hosts of web/main


class FakeClosing(Closing):
    """Closes all that it is asked to, and takes it from what is open."""

    def __init__(self, open_: dict[int, int]) -> None:
        super().__init__(Questions(lambda identity, message: None), dict, lambda hosts: set())
        self.open = open_
        self.asked: list[tuple[set[int], int, str]] = []
        self.there = 0  # connections to where a host was
        self.answers: list[int | None] = []  # what is said of them before that
        self.counted = 0  # how often that was asked

    def count(self, hosts: Any, places: Any) -> int | None:
        self.counted += 1
        return self.answers.pop(0) if self.answers else self.there

    def close(self, hosts: Any, most: int, end: str, before: float | None = None, places: Any = ()) -> int:
        self.asked.append((set(hosts), most, end))
        if places:
            self.there, closed = max(0, self.there - most), min(most, self.there)
            return closed
        number = next(number for number in hosts if self.open.get(number))
        closed = min(most, self.open[number])
        self.open[number] -= closed
        return closed


class Bench:
    """A hub's drains, and what it is told."""

    def __init__(self) -> None:
        self.open: dict[int, int] = {A: 10, B: 5}
        self.addresses: dict[int, Addresses] = {}
        self.closing = FakeClosing(self.open)
        self.over: list[tuple[Any, ...]] = []
        self.running = RUNNING
        self.drains = Drains(self.open, self.addresses, self.closing, self.over.append)
        self.drains.arrange(self.running, {})

    def do(self, *changes: Change, members: Any = None) -> None:
        for change in changes:
            after, _ = amend(self.running, change, ANN, SINCE, force=True)
            numbered, _ = renumbered(after, self.running.config, 100)
            self.running = settled(numbered)
        self.drains.arrange(self.running, members or {})

    def move(self, before: Addresses, after: Addresses) -> None:
        """Host a is elsewhere."""
        self.addresses[A] = after
        self.drains.move(A, before)

    def look_and_count(self, since: float, seconds: range) -> None:
        """Look each second, and have workers asked what is left before the next one."""
        for second in seconds:
            before = self.closing.counted
            self.drains.look(since + second, float(second))
            until(lambda before=before: self.closing.counted > before + 1 or not self.drains.documents())  # type: ignore[misc]

    def look(self, after: float) -> None:
        self.drains.look(SINCE + after, after)
        gevent.sleep(0)

    def shown(self) -> list[tuple[str, str, int, int, int]]:
        return [
            (one["what"], one["stage"], one["open_at_start"], one["left"], one["closed"])
            for one in self.drains.documents()
        ]


@pytest.fixture
def bench() -> Bench:
    numbers = [host.number for host in RUNNING.config.services[0].groups[0].hosts]
    assert numbers == [A, B]
    return Bench()


def test_an_order_is_kept_closed_and_over(bench: Bench) -> None:
    bench.do(HostDrain("web", "main", "a", grace=Grace(60.0, 4.0)))
    bench.look(1)
    assert bench.shown() == [("web/main/a", "staying", 10, 10, 0)]
    bench.open[A] = 9
    bench.look(60)
    bench.look(61)
    assert bench.closing.asked == [({A}, 4, "KD")]
    for second in range(62, 70):
        bench.look(second)
    assert bench.shown() == [("web/main/a", "over", 10, 0, 9)]
    assert bench.over == []  # the host is kept out until somebody takes that back
    assert bench.drains.find("web/main/a") == bench.drains.documents()[0] == bench.drains.by_host()[A]
    bench.do(HostUp("web", "main", "a"))
    assert bench.shown() == []


def test_what_is_over_and_not_kept_out_is_told_to_the_master(bench: Bench) -> None:
    bench.do(GroupEnable("web", "next", Grace(0.0)))
    for second in range(5):
        bench.look(second)
    assert bench.open == {A: 0, B: 0}
    assert bench.over[0] == ((("web", "main"), SINCE),)
    bench.running = replace(bench.running, drains=())
    bench.do()
    assert bench.shown() == []
    found = bench.drains.find("web/main")
    another = Drains(bench.open, bench.addresses, bench.closing, bench.over.append)
    another.restore(bench.drains.dump())
    assert another.find("web/main") == found
    assert found is not None and (found["stage"], found["closed"]) == ("over", 15)


def test_what_goes_without_a_word_is_shown_while_it_has_connections(bench: Bench) -> None:
    bench.do(HostDelete("web", "main", "a"))
    bench.look(1)
    assert bench.shown() == [("web/main/a", "staying", 10, 10, 0)]
    assert bench.drains.by_host() == {}
    bench.open[A] = 0
    bench.look(2)
    bench.look(4)
    assert bench.shown() == [] and bench.over == []
    found = bench.drains.find("web/main/a")
    assert found is not None and (found["stage"], found["ended"]) == ("over", 10)


def test_what_goes_without_a_word_has_the_grace_of_its_service(bench: Bench) -> None:
    web, *others = bench.running.config.services
    web = replace(web, drain_within=0.0, drain_rate=4.0)
    bench.running = replace(bench.running, config=replace(bench.running.config, services=(web, *others)))
    bench.do()
    bench.do(HostDelete("web", "main", "a"))
    (one,) = bench.drains.documents()
    assert (one["by"], one["deadline"], one["rate"]) == ("", one["since"], 4.0)
    bench.drains.look(one["since"], 0.0)
    bench.drains.look(one["since"] + 1, 1.0)
    gevent.sleep(0)
    assert bench.closing.asked == [({A}, 4, "KD")]


def test_a_generation_without_the_host_goes_on_with_its_connections(bench: Bench) -> None:
    value = bench.drains.dump(hosts=True)
    bench.running, _ = amend(bench.running, HostDelete("web", "main", "a"), ANN, SINCE)
    new = Drains(bench.open, bench.addresses, bench.closing, bench.over.append)
    new.arrange(bench.running, {})
    assert new.documents() == []
    new.restore(value)
    assert [(one["what"], one["by"], one["left"]) for one in new.documents()] == [("web/main/a", "", 10)]


def test_members_of_a_name_belong_to_it_also_when_both_are_gone(bench: Bench) -> None:
    member = Member(-7, "a:1", RUNNING.config.services[0].groups[0].hosts[0].ip, 1.0, False)
    bench.open.update({A: 0, -7: 3})
    bench.do(members={A: (member,)})
    bench.do(HostDelete("web", "main", "a", Grace(0.0)))
    for second in range(3):
        bench.look(second)
    assert bench.closing.asked == [({A, -7}, 3, "KD")]


def test_the_next_hub_goes_on_where_this_one_was(bench: Bench) -> None:
    bench.do(HostDrain("web", "main", "a", grace=Grace(0.0, 2.0)), HostDelete("web", "main", "b"))
    for second in range(3):
        bench.look(second)
    before = bench.shown()
    assert ("web/main/a", "closing", 10, 6, 4) in before
    value = bench.drains.dump()
    late = Drains(bench.open, bench.addresses, bench.closing, bench.over.append)  # a hub that restores first
    late.restore(value)
    late.arrange(bench.running, {})
    standby = Drains({}, {}, bench.closing, bench.over.append)  # one that knew the config before
    standby.arrange(bench.running, {})
    standby.restore(value)
    for other in (late, standby):
        shown = {one["what"]: (one["open_at_start"], one["closed"]) for one in other.documents()}
        assert shown["web/main/a"] == (10, next(row[4] for row in before if row[0] == "web/main/a"))
        assert shown["web/main/b"] == (5, 0)


def test_a_new_order_for_the_same_begins_anew(bench: Bench) -> None:
    bench.do(HostDrain("web", "main", "a"))
    bench.running, _ = amend(bench.running, HostDrain("web", "main", "a", grace=Grace(5.0)), ANN, SINCE + 1)
    bench.do()
    (one,) = bench.drains.documents()
    assert (one["since"], one["deadline"]) == (SINCE + 1, SINCE + 6)
    assert isinstance(bench.running, Running)


OLD, NEW = ((2, ("10.0.0.1", 80)),), ((2, ("10.0.0.2", 80)),)


@pytest.fixture
def moving(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """One whose host a, with all the grace of no time, had three connections to where it was."""
    monkeypatch.setattr(control.drains, "_ASK", 0.01)
    web, *others = bench.running.config.services
    web = replace(web, drain_within=0.0, drain_rate=2.0)
    bench.running = replace(bench.running, config=replace(bench.running.config, services=(web, *others)))
    bench.do()
    bench.drains.deciding = True
    bench.closing.there = 3
    return bench


def test_connections_to_where_a_host_was_have_the_grace_of_its_service(moving: Bench) -> None:
    moving.closing.answers = [None]  # somebody was busy
    moving.move(OLD, NEW)
    until(moving.drains.documents)
    (one,) = moving.drains.documents()
    assert (one["what"], one["by"], one["open_at_start"], one["rate"]) == ("web/main/a", "", 3, 2.0)
    moving.look_and_count(one["since"], range(8))
    assert [(hosts, end) for hosts, _, end in moving.closing.asked] == [({A}, "KD")] * 2
    found = moving.drains.find("web/main/a")
    assert found is not None and (found["stage"], found["closed"], found["left"]) == ("over", 3, 0)
    assert moving.open[A] == 10  # where it is now


def test_a_worker_that_does_not_answer_ends_no_drain(moving: Bench) -> None:
    moving.move(OLD, NEW)
    until(moving.drains.documents)
    (one,) = moving.drains.documents()
    moving.closing.answers = [None] * 1000
    moving.look_and_count(one["since"], range(-9, -1))
    assert moving.shown() == [("web/main/a", "staying", 3, 3, 0)]


def test_a_host_that_comes_back_is_drained_no_more(moving: Bench) -> None:
    moving.move(OLD, NEW)
    until(moving.drains.documents)
    moving.do()
    assert len(moving.shown()) == 1  # a change of something else is none of it
    moving.move(NEW, OLD)
    until(lambda: [one["since"] for one in moving.drains.documents()] != [])
    assert all(OLD[0][1][0] not in drain.order.places for drain in moving.drains._drains.values())


def test_the_next_hub_goes_on_with_where_a_host_was(moving: Bench) -> None:
    moving.move(OLD, NEW)
    until(moving.drains.documents)
    other = Drains(moving.open, moving.addresses, moving.closing, moving.over.append)
    other.restore(moving.drains.dump())
    other.arrange(moving.running, {})
    (drain,) = other._drains.values()
    assert (drain.order.places, drain.progress.left) == (("10.0.0.1:80",), 3)


def test_a_hub_that_does_not_decide_leaves_it_to_the_one_that_does(moving: Bench) -> None:
    moving.drains.deciding = False
    moving.move(OLD, NEW)
    gevent.sleep(0)  # whoever would ask is at once asking
    assert (moving.shown(), moving.closing.counted) == ([], 0)


def test_a_host_that_is_back_before_all_have_answered_is_drained_nowhere(moving: Bench) -> None:
    moving.closing.answers = [None] * 3  # a worker that stands still
    moving.move(OLD, NEW)
    gevent.sleep(0)
    moving.closing.there = 3
    moving.move(NEW, OLD)
    until(lambda: not moving.closing.answers)
    until(moving.drains.documents)
    assert [drain.order.places for drain in moving.drains._drains.values()] == [("10.0.0.2:80",)]


def test_the_next_hub_asks_for_what_nobody_has_answered_yet(moving: Bench) -> None:
    moving.closing.answers = [None] * 1000
    moving.move(OLD, NEW)
    gevent.sleep(0)
    value = moving.drains.dump()
    moving.drains.deciding = False
    moving.closing.answers = []
    other = Drains(moving.open, moving.addresses, moving.closing, moving.over.append)
    other.restore(value)
    other.arrange(moving.running, {})
    other.deciding = True
    greenlet = gevent.spawn(other.run)
    until(other.documents)
    greenlet.kill()
    assert [drain.order.places for drain in other._drains.values()] == [("10.0.0.1:80",)]


def test_a_generation_that_has_a_host_elsewhere_drains_it_where_it_was(moving: Bench) -> None:
    moving.addresses[A] = OLD
    value = moving.drains.dump(hosts=True)
    other = Drains(moving.open, {A: NEW}, moving.closing, moving.over.append)
    other.arrange(moving.running, {})
    other.deciding = True
    other.restore(value)
    until(other.documents)
    assert [drain.order.places for drain in other._drains.values()] == [("10.0.0.1:80",)]
