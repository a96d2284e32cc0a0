"""What a hub leaves to the next one, of its own generation and of another."""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random

import pytest

from control.closing import Closing
from control.drains import Drains
from control.estate import Estate
from control.fallbacks import Fallbacks
from control.limits import Limits
from control.memory import COUNTS, LEDGER, Memory
from control.questions import Questions
from control.resolver import Resolver
from control.reunion import Reunion
from control.totals import Totals
from control.verdicts import Verdicts
from director.config.model import Config, Endpoint, Group, Host, Service
from director.messages import Load, Slot, Tally, peer_incarnation, peer_slot
from director.scheduling.sticky import Stickies
from director.tally import HostTally
from tests.waiting import until

WEB, HOST, WORKER = 1, 3, 7
GROUP = Group(name="main", hosts=(Host(name="a", ip=Endpoint("127.0.0.1", 80), number=HOST),), number=2)
CONFIG = Config(services=(Service(name="web", groups=(GROUP,), enabled="main", number=WEB, maxconn=10),))


class Heir:
    """A hub as far as it has a past."""

    def __init__(self, fd: int, ordinal: int = 1) -> None:
        self.decides = True
        self.totals = Totals()
        self.limits = Limits(Memory(fd, LEDGER), lambda peer, grants: None, self.totals)
        self.limits.configure(CONFIG)
        self.resolver = Resolver(lambda number, before: None, lambda: None)
        self.estate = Estate(
            Memory(fd),
            Memory(fd, COUNTS),
            ordinal,
            self.totals,
            Verdicts(lambda number: (), lambda target: None, lambda: None, Random(1)),
            Fallbacks(),
            self.resolver,
            Drains(
                self.totals.open,
                {},
                Closing(Questions(lambda identity, message: None), dict, self.totals.holders),
                lambda over: None,
            ),
            Stickies(relays=True),
            self.limits,
            lambda: self.decides,
        )

    def hears(self, open_: int, total: int) -> None:
        self.totals.load(Load(Slot(0), WORKER, 1, True, {HOST: open_}), 0.0, 0.0)
        self.totals.tally(Tally(Slot(0), WORKER, True, {HOST: HostTally(total=total).row()}, {}, {}), 0.0)
        self.estate.dirty = True

    def joins(self, worker: int, used: int) -> None:
        """A worker that says what it uses, so that it gets a part of the limit."""
        self.limits.join(worker)
        _, version = self.limits.ledger.grants(worker)[WEB]
        self.limits.heard(Load(Slot(0), worker, 1, False, {}, {WEB: (version, used, 0)}))

    def wants(self, worker: int, sequence: int, wanted: int) -> None:
        _, version = self.limits.ledger.grants(worker)[WEB]
        self.limits.heard(Load(Slot(0), worker, sequence, False, {}, {WEB: (version, 0, wanted)}))

    def granted(self, worker: int) -> int:
        return self.limits.ledger.grants(worker)[WEB][0]

    def knows(self) -> tuple[int, int]:
        return self.totals.open.get(HOST, 0), self.totals.host(HOST).total


@pytest.fixture
def fd() -> int:
    """Never closed: what is written a little later must not go to who has the number next."""
    return os.memfd_create("test")


other = fd


def test_the_next_hub_of_a_generation_knows_what_the_one_before_had_saved(fd: int) -> None:
    one, two = Heir(fd), Heir(fd)
    assert not one.estate.inherit(-1, Reunion())
    one.hears(2, 5)
    assert one.estate.save()
    assert not one.estate.dirty
    assert two.estate.inherit(-1, Reunion())
    assert two.knows() == (2, 5)


def test_what_another_decides_is_not_written(fd: int) -> None:
    one = Heir(fd)
    one.hears(2, 5)
    one.decides = False
    assert one.estate.save()
    assert one.estate.bequeath()
    assert Memory(fd).load() is None
    one.decides = True
    assert one.estate.save()
    assert Memory(fd).load() is not None


def test_what_is_counted_while_another_decides_is_known_to_the_next_hub_and_what_was_left_stays(fd: int) -> None:
    one = Heir(fd)
    one.hears(2, 5)
    assert one.estate.bequeath()
    left = Memory(fd).load()
    one.decides = False
    one.hears(1, 6)
    one.totals.bury(WORKER)
    assert one.estate.save()
    assert Memory(fd).load() == left
    two = Heir(fd)
    two.decides = False
    assert two.estate.inherit(-1, Reunion())
    assert two.knows() == (0, 6)


def test_what_was_counted_before_all_was_left_to_another_again_is_forgotten(fd: int) -> None:
    one = Heir(fd)
    for total in (5, 7):
        one.decides = True
        one.hears(2, total)
        assert one.estate.bequeath()
        one.decides = False
        if total == 5:
            one.hears(2, 6)
            assert one.estate.save()
    two = Heir(fd)
    assert two.estate.inherit(-1, Reunion())
    assert two.knows() == (2, 7)


def test_where_it_can_not_be_written_it_is_tried_again() -> None:
    reading = os.open("/dev/null", os.O_RDONLY)
    one = Heir(reading)
    one.hears(2, 5)
    assert not one.estate.save()
    assert one.estate.dirty
    os.close(reading)


def test_what_is_saved_at_once_is_saved_before_the_next_thing_happens_and_soon_after_the_one_before(fd: int) -> None:
    one = Heir(fd)
    for total in (5, 6, 7):
        one.hears(2, total)
        one.estate.save_at_once()
        if total == 5:
            assert Memory(fd).load() is not None
    until(lambda: not one.estate.dirty)
    two = Heir(fd)
    assert two.estate.inherit(-1, Reunion())
    assert two.knows() == (2, 7)


def test_another_generation_goes_on_with_all_of_it_as_one_row(fd: int, other: int) -> None:
    one = Heir(fd)
    one.hears(2, 5)
    assert one.estate.bequeath()
    heir = Heir(other, ordinal=2)
    assert heir.estate.take_over(fd, CONFIG)
    assert heir.knows() == (2, 5)
    assert list(heir.totals.rows) == [peer_incarnation(1)]


def test_what_elder_generations_have_booked_is_known_though_our_ledger_goes_on_without_them(
    fd: int, other: int
) -> None:
    one = Heir(fd, ordinal=2)
    elder, ours = peer_incarnation(1), peer_incarnation(2)
    one.limits.ledger.adopt(elder, {WEB: (0, 8, 0)})
    one.joins(ours + 1, 1)
    booked = one.limits.ledger.entries[WEB][ours + 1].booked
    assert one.estate.bequeath()
    one.limits.hand_over()
    until(lambda: Memory(fd, LEDGER).load() is not None)
    heir = Heir(other, ordinal=3)
    assert heir.estate.take_over(fd, CONFIG)
    known = {peer: entry.booked for peer, entry in heir.limits.ledger.entries[WEB].items()}
    assert known[elder] >= 8
    assert sum(known.values()) <= 10
    assert 0 < booked <= known[ours]


def test_a_hub_that_dies_once_it_has_taken_over_leaves_to_the_next_what_others_have_booked(fd: int, other: int) -> None:
    one = Heir(fd)
    one.joins(WORKER, 2)
    one.hears(2, 5)
    assert one.estate.bequeath()
    heir = Heir(other, ordinal=2)
    assert heir.estate.take_over(fd, CONFIG)
    heir.estate.dirty = True
    assert heir.estate.save()
    booked = Heir(other, ordinal=2).limits.ledger.booked(WEB)
    assert booked == one.limits.ledger.booked(WEB) > 0


def test_a_hub_that_died_left_its_ledger_as_it_was_last(fd: int, other: int) -> None:
    one = Heir(fd)
    one.joins(WORKER, 2)
    one.hears(2, 5)
    assert one.estate.save()
    until(lambda: Memory(fd, LEDGER).load() is not None)
    heir = Heir(other, ordinal=2)
    assert heir.estate.take_over(fd, CONFIG)
    assert heir.limits.ledger.entries[WEB][peer_incarnation(1)].used == one.limits.ledger.booked(WEB) > 0


def test_a_limit_that_is_new_with_another_generation_counts_what_the_one_before_has_open(fd: int, other: int) -> None:
    one = Heir(fd)
    one.limits.configure(Config())
    one.hears(7, 9)
    assert one.estate.bequeath()
    heir, elder = Heir(other, ordinal=2), peer_incarnation(1)
    heir.totals.own(CONFIG)
    assert heir.estate.take_over(fd, CONFIG)
    heir.joins(WORKER, 0)
    sequence = 2
    heir.wants(WORKER, sequence, 20)
    assert heir.granted(WORKER) == 3
    for used, left in ((2, 8), (0, 10)):
        sequence += 1
        load = Load(peer_slot(1), elder, sequence, True, {HOST: used})
        heir.totals.load(load, 1.0, 1.0)
        heir.limits.heard(load)
        heir.wants(WORKER, sequence + 1, 20)
        assert heir.granted(WORKER) == left


def test_a_limit_that_comes_later_counts_what_elder_generations_have_open(fd: int, other: int) -> None:
    one = Heir(fd)
    one.hears(7, 9)
    assert one.estate.bequeath()
    heir = Heir(other, ordinal=2)
    heir.totals.own(CONFIG)
    assert heir.estate.take_over(fd, CONFIG)
    group = replace(GROUP, hosts=(replace(GROUP.hosts[0], maxconn=8),))
    both = Config(services=(replace(CONFIG.services[0], groups=(group,)),))
    heir.totals.own(both)
    heir.limits.configure(both)
    heir.limits.join(WORKER)
    _, version = heir.limits.ledger.grants(WORKER)[HOST]
    heir.limits.heard(Load(Slot(0), WORKER, 1, False, {}, {HOST: (version, 0, 9)}))
    assert heir.limits.ledger.grants(WORKER)[HOST][0] == 1
