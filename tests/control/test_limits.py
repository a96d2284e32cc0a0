"""The hub's shell around the ledger."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import gevent
import pytest
from hypothesis import given

from control.limits import Limits
from control.memory import LEDGER, Memory
from control.totals import Totals
from director import logs
from director.config.model import Config, Endpoint, Group, Host, Service
from director.messages import Grants, Happened, Load, Running, Slot, peer_incarnation, peer_slot
from director.scheduling.permits import limits, queue_of
from director.scheduling.scoreboard import CUT_HOLD
from tests.director.config.configs import histories
from tests.shortage import no_room
from tests.waiting import until

WEB = 1


def config(maxconn: int | None) -> Config:
    host = Host(name="a", ip=Endpoint("127.0.0.1", 80), number=3)
    group = Group(name="main", hosts=(host,), number=2)
    return Config(services=(Service(name="web", groups=(group,), enabled="main", number=WEB, maxconn=maxconn),))


@pytest.fixture
def events() -> Iterator[list[Happened]]:
    """What is logged."""
    told: list[Happened] = []
    logs.listen(told.append)
    yield told
    logs.listen(None)


@pytest.fixture
def fd() -> Iterator[int]:
    fd = os.memfd_create("test")
    yield fd
    os.close(fd)


def row(incarnation: int, sequence: int, version: int, used: int, wanted: int) -> Load:
    return Load(Slot(0), incarnation, sequence, False, {}, {WEB: (version, used, wanted)})


def hear(limits: Limits, incarnation: int, sequence: int, used: int, wanted: int) -> None:
    """A row of one who has seen all that it was told."""
    _, version = limits.ledger.grants(incarnation)[WEB]
    limits.heard(row(incarnation, sequence, version, used, wanted))


def test_workers_are_told_what_they_may_use_once_they_have_said_what_they_do(fd: int) -> None:
    told: dict[int, Grants] = {}
    limits = Limits(Memory(fd, LEDGER), told.__setitem__, Totals())
    limits.configure(config(100))
    limits.join(7)
    until(lambda: 7 in told)
    assert told[7].allotments[WEB][0] == 0
    hear(limits, 7, 1, 0, 0)
    until(lambda: told[7].allotments[WEB][0] == 50)


def test_the_next_hub_knows_what_was_promised(fd: int) -> None:
    told: dict[int, Grants] = {}
    limits = Limits(Memory(fd, LEDGER), told.__setitem__, Totals())
    limits.configure(config(10))
    limits.join(7)
    hear(limits, 7, 1, 0, 10)
    until(lambda: 7 in told and told[7].allotments[WEB][0] == 10)
    again = Limits(Memory(fd, LEDGER), told.__setitem__, Totals())
    again.configure(config(10))
    again.join(8)
    hear(again, 8, 1, 0, 10)
    until(lambda: 8 in told)
    assert told[8].allotments[WEB][0] == 0


def test_what_could_not_be_saved_is_told_to_nobody_until_it_is(fd: int) -> None:
    told: dict[int, Grants] = {}
    limits = Limits(Memory(fd, LEDGER), told.__setitem__, Totals())
    with no_room():
        limits.configure(config(10))
        limits.join(7)
        hear(limits, 7, 1, 0, 0)
        gevent.sleep(0.05)
        limits.repeat()
        assert told == {}
    until(lambda: 7 in told)
    assert told[7].allotments[WEB][0] == 5


def test_who_decides_again_shares_out_all_that_the_config_allows(fd: int) -> None:
    told: dict[int, Grants] = {}
    limits = Limits(Memory(fd, LEDGER), told.__setitem__, Totals())
    limits.configure(config(100))
    limits.join(7)
    until(lambda: 7 in told)
    for left in (None, [[WEB, 9, 6, 6, 1, False]]):
        limits.hand_over()
        limits.granted({WEB: (4, 10**6)})
        assert limits.ledger.limits[WEB] == 4
        if left is None:
            limits.reign(config(100))
        else:
            limits.take_over(left, 2, 1, config(100))
        assert (limits.ledger.limits[WEB], limits.branch) == (100, None)


def test_what_older_generations_had_is_not_ours_when_another_takes_over(fd: int) -> None:
    told: dict[int, Grants] = {}
    limits = Limits(Memory(fd, LEDGER), told.__setitem__, Totals())
    limits.configure(config(10))
    elder = peer_incarnation(1)
    limits.ledger.adopt(elder, {WEB: (0, 8, 0)})
    limits.join(7)
    hear(limits, 7, 1, 0, 20)
    until(lambda: elder in told)
    hear(limits, elder, 1, 8, 0)
    until(lambda: 7 in told and told[7].allotments[WEB][0] == 2)
    limits.hand_over()
    hear(limits, 7, 2, 2, 20)
    until(lambda: not limits.ledger.has_news)
    assert (told[7].allotments[WEB][0], limits.ledger.booked(WEB)) == (2, 2)


def test_a_generation_that_retires_takes_no_spare_permit_with_it(fd: int) -> None:
    limits = Limits(Memory(fd, LEDGER), lambda incarnation, grants: None, Totals())
    limits.configure(config(10))
    elder = peer_incarnation(1)
    limits.ledger.adopt(elder, {WEB: (0, 10, 0)})
    limits.join(7)
    hear(limits, 7, 1, 0, 0)
    for sequence, used in enumerate((10, 1, 1), start=1):
        hear(limits, elder, sequence, used, 0)
    limits.leave(elder)
    assert limits.ledger.entries[WEB][elder].booked == 1


def test_the_permits_of_the_dead_come_back(fd: int) -> None:
    told: dict[int, Grants] = {}
    limits = Limits(Memory(fd, LEDGER), told.__setitem__, Totals())
    limits.configure(config(10))
    for incarnation in (7, 8):
        limits.join(incarnation)
    hear(limits, 8, 1, 0, 0)
    hear(limits, 7, 1, 0, 20)
    until(lambda: 7 in told and told[7].allotments[WEB][0] >= 5)
    limits.leave(7)
    hear(limits, 8, 2, 0, 20)
    until(lambda: told[8].allotments[WEB][0] == 10)


def test_places_in_a_queue_are_free_as_soon_as_who_had_them_is_dead(fd: int) -> None:
    told: dict[int, Grants] = {}
    limits = Limits(Memory(fd, LEDGER), told.__setitem__, Totals())
    limits.configure(config(10))
    queue = queue_of(WEB)
    places = limits.ledger.limits[queue]

    def wait(incarnation: int, sequence: int, waiting: int, wanted: int) -> None:
        version = limits.ledger.grants(incarnation)[queue][1]
        limits.heard(Load(Slot(0), incarnation, sequence, False, {}, {queue: (version, waiting, wanted)}))

    limits.join(7)
    wait(7, 1, 0, places)
    until(lambda: 7 in told and told[7].allotments.get(queue, (0,))[0] == places)
    wait(7, 2, places, 0)
    limits.join(8)
    wait(8, 1, 0, places)
    began = time.monotonic()
    limits.vacate(7)
    wait(7, 3, places, 0)  # a last word of it, which comes late
    until(lambda: 8 in told and told[8].allotments.get(queue, (0,))[0] == places)
    assert time.monotonic() - began < CUT_HOLD


def test_a_worker_that_has_said_nothing_yet_keeps_no_places_from_others(fd: int) -> None:
    told: dict[int, Grants] = {}
    limits = Limits(Memory(fd, LEDGER), told.__setitem__, Totals())
    limits.configure(config(10))
    queue = queue_of(WEB)
    for incarnation in (7, 8):
        limits.join(incarnation)
    until(lambda: 7 in told)
    limits.heard(Load(Slot(0), 7, 1, False, {}, {queue: (told[7].allotments[queue][1], 0, 600)}))
    until(lambda: told[7].allotments.get(queue, (0,))[0] >= 600)


def test_who_asks_for_a_place_hears_that_there_is_none_and_by_which_row_of_his(fd: int) -> None:
    told: list[Grants] = []
    limits = Limits(Memory(fd, LEDGER), lambda incarnation, grants: told.append(grants), Totals())
    limits.configure(config(10))
    queue = queue_of(WEB)
    places = limits.ledger.limits[queue]
    limits.join(7)
    for sequence in (4, 5):
        told.clear()
        _, version = limits.ledger.grants(7)[queue]
        limits.heard(Load(Slot(0), 7, sequence, False, {}, {queue: (version, places, 1)}))
        until(lambda: any(grants.full for grants in told))
        assert (told[-1].full, told[-1].heard) == ((queue,), sequence)


class BesideAnElder:
    """Limits with a worker, 7, and a generation that retires, for which all places in the queue are booked."""

    def __init__(self, fd: int) -> None:
        self.told: list[Grants] = []
        self.totals, self.queue = Totals(), queue_of(WEB)
        self.limits = Limits(Memory(fd, LEDGER), lambda incarnation, grants: self.told.append(grants), self.totals)
        self.limits.configure(config(10))
        self.places = self.limits.ledger.limits[self.queue]
        self.rows = {WEB: (0, 0, 0), self.queue: (0, self.places, 0)}
        self.limits.ledger.adopt(peer_incarnation(1), self.rows)
        self.limits.join(7)

    def elder_says(self, sequence: int, waiting: int) -> None:
        load = Load(peer_slot(1), peer_incarnation(1), sequence, True, {}, self.rows, {WEB: waiting})
        self.totals.load(load, 1.0, 1.0)
        self.limits.heard(load)

    def is_told_full(self, sequence: int) -> bool:
        """Whether the worker that asks for a place is told that there is none."""
        self.told.clear()
        hear_all(self.limits, 7, sequence, {self.queue: (0, 1)})
        until(lambda: not self.limits.ledger.is_asked)
        return any(grants.full for grants in self.told)


def test_places_that_are_only_booked_for_a_generation_that_retires_fill_no_queue(fd: int) -> None:
    two = BesideAnElder(fd)
    for sequence, waiting in enumerate((0, two.places), start=1):
        two.elder_says(sequence, waiting)
        assert two.is_told_full(sequence) is (waiting == two.places)


def test_places_of_a_generation_whose_hub_is_dead_fill_no_queue(fd: int) -> None:
    two = BesideAnElder(fd)
    two.elder_says(1, two.places)
    assert two.is_told_full(1)
    for _ in range(20):
        two.limits.look()
    assert not two.is_told_full(2)


def test_while_another_generation_decides_nobody_hears_that_a_queue_is_full(fd: int) -> None:
    told: list[Grants] = []
    limits = Limits(Memory(fd, LEDGER), lambda incarnation, grants: told.append(grants), Totals())
    limits.configure(config(10), ours=False)
    queue = queue_of(WEB)
    limits.join(7)
    for hand_over in (False, True):
        if hand_over:
            limits.hand_over()
        limits.heard(Load(Slot(0), 7, 4 + hand_over, False, {}, {queue: (0, 0, 1)}))
        until(lambda: not limits.ledger.is_asked)
    assert told
    assert not any(grants.full for grants in told)


def test_a_worker_that_stands_still_keeps_no_new_limit_from_others_nor_places_that_it_has_no_clients_for(
    fd: int,
) -> None:
    told: dict[int, Grants] = {}
    totals = Totals()
    totals.own(config(10))
    limits = Limits(Memory(fd, LEDGER), told.__setitem__, totals)
    limits.configure(config(None))
    for incarnation in (7, 8):
        limits.join(incarnation)
        load = Load(Slot(incarnation), incarnation, 1, True, {3: 4})
        totals.load(load, 1.0, 1.0)
        limits.heard(load)
    limits.configure(config(10))
    queue = queue_of(WEB)
    hear_all(limits, 8, 2, {WEB: (4, 9), queue: (0, 1000)})
    assert WEB in limits.ledger.silent(7)
    for sequence in range(3, 12):
        limits.look()
        hear_all(limits, 8, sequence, {WEB: (4, 9), queue: (0, 1000)})
    until(lambda: limits.ledger.grants(8)[WEB][0] == 6)
    assert limits.ledger.grants(8)[queue][0] == limits.ledger.limits[queue]
    hear_all(limits, 7, 2, {WEB: (3, 0), queue: (0, 0)})  # it goes on
    hear_all(limits, 8, 12, {WEB: (6, 9), queue: (0, 1000)})
    until(lambda: limits.ledger.grants(8)[WEB][0] == 7)


def hear_all(limits: Limits, incarnation: int, sequence: int, said: dict[int, tuple[int, int]]) -> None:
    """A row of one who has seen all that it was told: {limit: (used, wanted)}."""
    grants = limits.ledger.grants(incarnation)
    rows = {number: (grants[number][1], used, wanted) for number, (used, wanted) in said.items()}
    limits.heard(Load(Slot(incarnation), incarnation, sequence, False, {}, rows))


def test_a_limit_that_is_near_and_reached_is_said_once(fd: int, events: list[Happened]) -> None:
    limits = Limits(Memory(fd, LEDGER), lambda incarnation, grants: None, Totals())
    limits.configure(config(10))
    limits.join(7)
    for sequence, used in enumerate((5, 8, 9, 10, 10, 5, 10)):
        limits.heard(row(7, sequence, 0, used, 0))
    assert [(one.event, one.fields) for one in events] == [
        ("limit near", {"limit": "web", "used": "8", "maxconn": "10"}),
        ("limit reached", {"limit": "web", "maxconn": "10"}),  # again a moment later, which needs no second line
    ]


def test_what_another_ledger_allots_is_no_limit_that_is_reached(fd: int, events: list[Happened]) -> None:
    limits = Limits(Memory(fd, LEDGER), lambda incarnation, grants: None, Totals())
    limits.configure(config(10))
    limits.join(7)
    hear(limits, 7, 1, 3, 0)
    limits.hand_over()
    limits.granted({WEB: (3, 1)})
    assert limits.ledger.limits[WEB] == 3
    hear(limits, 7, 2, 3, 0)
    assert events == []


def test_what_is_booked_for_a_generation_that_has_nothing_open_is_no_limit_reached(fd: int) -> None:
    told: list[Happened] = []
    logs.listen(told.append)
    try:
        totals, elder = Totals(), peer_incarnation(1)
        totals.own(config(10))
        limits = Limits(Memory(fd, LEDGER), lambda incarnation, grants: None, totals)
        limits.configure(config(10))
        limits.ledger.adopt(elder, {WEB: (0, 10, 0)})
        for sequence, open_ in enumerate((0, 9)):
            load = Load(peer_slot(1), elder, sequence, True, {3: open_}, {WEB: (0, 10, 0)})
            totals.load(load, 1.0, 1.0)
            limits.heard(load)
    finally:
        logs.listen(None)
    assert [one.fields for one in told] == [{"limit": "web", "used": "9", "maxconn": "10"}]


@given(histories())
def test_change_by_change_the_limits_are_those_of_the_config(history: list[Running]) -> None:
    fd = os.memfd_create("test")
    shared = Limits(Memory(fd, LEDGER), lambda incarnation, grants: None, Totals())
    shared.ledger.join(7)
    for running in history:
        shared.configure(running.config)
        assert shared.ledger.limits == limits(running.config)
        assert shared.ledger.entries.keys() <= shared.ledger.limits.keys()
        assert all(7 in shared.ledger.entries[number] for number in shared.ledger.limits)
    os.close(fd)
