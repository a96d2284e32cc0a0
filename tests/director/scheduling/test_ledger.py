"""Limits over all processes: never exceeded whatever the network does, and never starved."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from director.scheduling.ledger import Ledger
from director.scheduling.permits import Grant, Row, queue_of
from tests.director.scheduling.peer import LIMIT, Peer, fill, talk


class Network(RuleBasedStateMachine):
    """Workers and a hub, and messages between them that are lost, repeated and overtaken."""

    @initialize(limit=st.integers(0, 12), workers=st.integers(1, 4))
    def start(self, limit: int, workers: int) -> None:
        self.limit = limit
        self.ledger = Ledger()
        self.ledger.configure({LIMIT: limit})
        self.saved = self.ledger.dump()
        self.peers: dict[int, Peer] = {}
        self.dead: dict[int, int] = {}  # {peer: connections that its hosts may still have}
        self.said: dict[int, int] = {}  # {peer: what it used, by the last row that this hub heard}
        self.rows: list[tuple[int, int, dict[int, Row]]] = []
        self.grants: list[tuple[int, dict[int, Grant]]] = []
        self.booked = 0
        self.last = 0
        for _ in range(workers):
            self.join()

    def join(self) -> None:
        self.last += 1
        self.peers[self.last] = Peer(self.last, [LIMIT])
        self.ledger.join(self.last)
        self.tell()

    def tell(self) -> None:
        self.saved = self.ledger.dump()  # before anybody hears of it
        self.grants += self.ledger.news().items()

    def pick(self, data: st.DataObject) -> Peer:
        return self.peers[data.draw(st.sampled_from(sorted(self.peers)))]

    @rule(data=st.data())
    def connect(self, data: st.DataObject) -> None:
        peer = self.pick(data)
        if peer.permits.room(LIMIT):
            peer.permits.take(LIMIT)
        else:
            peer.permits.want({LIMIT: peer.waiting + 1})

    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        peer = self.pick(data)
        peer.permits.give(LIMIT)
        self.serve(peer)

    def serve(self, peer: Peer) -> None:
        while peer.waiting and peer.permits.room(LIMIT):
            peer.permits.take(LIMIT)
            peer.permits.want({LIMIT: peer.waiting - 1})

    @rule(data=st.data(), whole=st.booleans())
    def send_row(self, data: st.DataObject, whole: bool) -> None:
        peer = self.pick(data)
        peer.sent += 1
        self.rows.append((peer.number, peer.sent, peer.permits.rows(whole)))

    @rule(data=st.data())
    def send_all_grants(self, data: st.DataObject) -> None:
        peer = self.pick(data)
        self.grants.append((peer.number, self.ledger.grants(peer.number)))

    @rule(data=st.data(), keep=st.booleans())
    def deliver_row(self, data: st.DataObject, keep: bool) -> None:
        if self.rows:
            place = data.draw(st.integers(0, len(self.rows) - 1))
            peer, sequence, rows = self.rows[place] if keep else self.rows.pop(place)
            if LIMIT in rows and sequence > self.ledger.peers.get(peer, sequence) and peer not in self.dead:
                self.said[peer] = rows[LIMIT][1]
            self.ledger.heard(peer, sequence, rows)
            self.tell()

    @rule(data=st.data(), keep=st.booleans())
    def deliver_grant(self, data: st.DataObject, keep: bool) -> None:
        if self.grants:
            place = data.draw(st.integers(0, len(self.grants) - 1))
            number, grants = self.grants[place] if keep else self.grants.pop(place)
            if number in self.peers:
                self.peers[number].permits.granted(grants)
                self.serve(self.peers[number])

    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        for messages in (self.rows, self.grants):
            if messages:
                messages.pop(data.draw(st.integers(0, len(messages) - 1)))

    @rule(data=st.data())
    def worker_dies(self, data: st.DataObject) -> None:
        if len(self.peers) > 1:
            peer = self.pick(data)
            self.dead[peer.number] = peer.used
            self.said.pop(peer.number, None)
            del self.peers[peer.number]
            self.ledger.leave(peer.number)
            self.tell()
            self.join()

    @rule()
    def hosts_notice_the_dead(self) -> None:
        for number in list(self.dead):
            del self.dead[number]
            self.ledger.forget(number)
        self.tell()

    @rule()
    def hub_dies(self) -> None:
        self.ledger = Ledger()
        self.ledger.restore(self.saved)
        self.ledger.configure({LIMIT: self.limit})
        self.said = {}
        for number in self.peers:
            self.ledger.join(number)
        for number in self.dead:
            self.ledger.leave(number)
        self.tell()

    @rule(limit=st.integers(0, 12))
    def limit_changes(self, limit: int) -> None:
        self.limit = limit
        self.ledger.configure({LIMIT: limit})
        self.tell()

    @invariant()
    def nobody_uses_more_than_is_booked_and_no_more_is_booked_than_there_is(self) -> None:
        entries = self.ledger.entries[LIMIT]
        for peer in self.peers.values():
            assert peer.used <= entries[peer.number].booked
        for number, used in self.dead.items():
            assert used <= entries[number].booked
        booked = sum(entry.booked for entry in entries.values())
        assert booked <= max(self.limit, self.booked)
        self.booked = booked

    @invariant()
    def nobody_hears_that_a_limit_is_full_before_all_who_may_have_had_any_of_it_have_said_so(self) -> None:
        if self.ledger.is_full(LIMIT):
            kept = sum(self.ledger.entries[LIMIT][number].booked for number in self.dead)
            assert sum(self.said.values()) + kept >= self.limit

    def settle(self) -> None:
        """All messages arrive, in order, until nobody has anything new to say."""
        self.hosts_notice_the_dead()
        for _ in range(30):
            for peer in self.peers.values():
                peer.permits.granted(self.ledger.grants(peer.number))
                self.serve(peer)
                peer.sent += 1
                self.ledger.heard(peer.number, peer.sent, peer.permits.rows(whole=True))
            self.ledger.news()

    def teardown(self) -> None:
        if not hasattr(self, "ledger"):
            return
        self.settle()
        used = sum(peer.used for peer in self.peers.values())
        waiting = sum(peer.waiting for peer in self.peers.values())
        assert self.ledger.used(LIMIT) == used
        assert waiting == 0 or used >= self.limit
        assert self.ledger.is_full(LIMIT) == (used >= self.limit)
        for peer in self.peers.values():
            assert self.ledger.entries[LIMIT][peer.number].used == peer.used


TestNetwork = Network.TestCase


@given(
    limit=st.integers(0, 12),
    open_=st.lists(st.integers(0, 12), min_size=2, max_size=3),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["connect", "learn", "grants", "row", "end", "late row", "late grants", "hub dies"]),
            st.integers(0, 2),
        ),
        min_size=20,
    ),
)
def test_a_limit_that_comes_hands_out_only_what_is_left(
    limit: int, open_: list[int], steps: list[tuple[str, int]]
) -> None:
    """Peers have connections when the limit is set, learn of it at different times, and say so early or late."""
    ledger = Ledger()
    peers = [Peer(number, []) for number in range(len(open_))]
    free = dict(enumerate(open_))  # connections of those who have not learned of it
    for peer in peers:
        ledger.join(peer.number)
    ledger.configure({LIMIT: limit})
    rows = [(peer.number, 0, peer.permits.rows(whole=True)) for peer in peers]
    grants = list(ledger.news().items())

    def learn(peer: Peer) -> None:
        peer.permits.configure([LIMIT], lambda _: free.pop(peer.number))

    def total() -> int:
        return sum(free.values()) + sum(peer.used for peer in peers if peer.number not in free)

    for step, who in steps:
        peer = peers[who % len(peers)]
        if step == "hub dies":
            saved, ledger = ledger.dump(), Ledger()
            ledger.restore(saved)
            ledger.configure({LIMIT: limit})
            for one in peers:
                ledger.join(one.number)
        elif step == "learn":
            if peer.number in free:
                learn(peer)
        elif step in ("connect", "end") and peer.number in free:
            free[peer.number] += 1 if step == "connect" else -bool(free[peer.number])
        elif step == "connect" and peer.permits.room(LIMIT):
            assert total() < limit
            peer.does(step)
        elif step in ("connect", "end"):
            peer.does(step)
        elif step == "row":
            peer.sent += 1
            rows.append((peer.number, peer.sent, peer.permits.rows(whole=True)))
            ledger.heard(*rows[-1])
        elif step == "late row":
            ledger.heard(*rows[who % len(rows)])
        elif step == "grants":
            grants.append((peer.number, ledger.grants(peer.number)))
            peer.permits.granted(grants[-1][1])
        else:
            number, late = grants[who % len(grants)]
            peers[number].permits.granted(late)
    for peer in peers:
        if peer.number in free:
            learn(peer)
        peer.permits.want({LIMIT: 12})
    fill(ledger, peers)  # once all is quiet, who waits gets what is left
    assert total() >= limit


def exchange(ledger: Ledger, *peers: Peer) -> None:
    """A row of each, then what the ledger has to say: two message delays."""
    for peer in peers:
        peer.sent += 1
        ledger.heard(peer.number, peer.sent, peer.permits.rows(whole=True))
    for number, grants in ledger.news().items():
        peers[number - 1].permits.granted(grants)


def pair(limit: int, ends: Callable[[int], bool] = lambda peer: False) -> tuple[Ledger, Peer, Peer]:
    ledger = Ledger(ends)
    ledger.configure({LIMIT: limit})
    peers = Peer(1, [LIMIT]), Peer(2, [LIMIT])
    for peer in peers:
        ledger.join(peer.number)
    for _ in range(2):  # what they may use is told once all have said what they use
        exchange(ledger, *peers)
    return ledger, *peers


def test_far_from_the_limit_each_has_room_without_asking() -> None:
    _, one, two = pair(100)
    assert [peer.permits.limits[LIMIT].allotted for peer in (one, two)] == [25, 25]


def test_what_nobody_uses_comes_down_when_another_waits() -> None:
    ledger, one, two = pair(100)
    one.permits.limits[LIMIT].used = 25
    one.permits.want({LIMIT: 200})
    for _ in range(3):
        exchange(ledger, one, two)
    assert one.permits.limits[LIMIT].allotted == 100
    assert two.permits.limits[LIMIT].allotted == 0


def test_who_begins_nothing_new_holds_nothing_but_what_he_uses() -> None:
    ledger, old, new = pair(100, ends=lambda peer: peer == 1)
    assert [peer.permits.limits[LIMIT].allotted for peer in (old, new)] == [0, 50]
    old.permits.want({LIMIT: 5})
    exchange(ledger, old, new)
    old.permits.limits[LIMIT].used = 5
    old.permits.want({})
    for used in (5, 3):
        old.permits.limits[LIMIT].used = used
        for _ in range(2):
            exchange(ledger, old, new)
        assert ledger.entries[LIMIT][1].booked == used
    ledger.leave(1)
    new.permits.want({LIMIT: 200})
    for _ in range(2):
        exchange(ledger, old, new)
    assert new.permits.limits[LIMIT].allotted == 97, "all but the three whose hosts may not have noticed"


def test_those_who_wait_share_evenly() -> None:
    ledger, one, two = pair(100)
    for peer in (one, two):
        peer.permits.want({LIMIT: 500})
    for _ in range(3):
        exchange(ledger, one, two)
    assert one.permits.limits[LIMIT].allotted == two.permits.limits[LIMIT].allotted == 50


@pytest.mark.parametrize("limit", [0, 1, 2, 3])
def test_a_small_limit_serves_everybody_in_turn(limit: int) -> None:
    ledger, one, two = pair(limit)
    left = [5, 5]
    for _ in range(60):
        for place, peer in enumerate((one, two)):
            peer.permits.give(LIMIT)
            if left[place] and peer.permits.room(LIMIT):
                peer.permits.take(LIMIT)
                left[place] -= 1
            peer.permits.want({LIMIT: left[place]})
        assert one.used + two.used <= limit
        exchange(ledger, one, two)
    assert left == ([0, 0] if limit else [5, 5])


def test_a_limit_set_below_use_shrinks_as_connections_end() -> None:
    ledger, one, two = pair(100)
    one.permits.limits[LIMIT].used = two.permits.limits[LIMIT].used = 20
    exchange(ledger, one, two)
    ledger.configure({LIMIT: 10})
    for used in (20, 15, 8, 5):
        exchange(ledger, one, two)
        for peer in (one, two):
            while peer.used > used:
                peer.permits.give(LIMIT)
            if used > 5:
                assert not peer.permits.room(LIMIT)
    exchange(ledger, one, two)
    assert sum(entry.booked for entry in ledger.entries[LIMIT].values()) <= 10


def test_a_dead_peer_s_permits_are_kept_until_its_hosts_have_noticed() -> None:
    ledger, one, two = pair(10)
    one.permits.limits[LIMIT].used = 2
    exchange(ledger, one, two)
    ledger.leave(1)
    two.permits.want({LIMIT: 20})
    two.sent += 1
    ledger.heard(2, two.sent, two.permits.rows(whole=True))
    assert ledger.entries[LIMIT][2].booked <= 10 - ledger.entries[LIMIT][1].booked
    ledger.forget(1)
    assert ledger.grants(2)[LIMIT][0] == 10


def test_a_restored_ledger_books_what_the_old_one_did() -> None:
    ledger, *_ = pair(10)
    again = Ledger()
    again.restore(ledger.dump())
    again.configure({LIMIT: 10})
    booked = {peer: entry.booked for peer, entry in again.entries[LIMIT].items()}
    assert all(booked[peer] >= entry.booked for peer, entry in ledger.entries[LIMIT].items())
    assert again.used(LIMIT) == 0, "nobody has said yet what he uses"
    assert sum(booked.values()) <= 10


def test_a_late_word_about_a_limit_that_was_removed_does_not_last() -> None:
    ledger, one, two = pair(10)
    late = ledger.grants(1)
    for limits in ({}, {LIMIT: 1}):
        ledger.configure(limits)
        for peer in (one, two):
            peer.permits.configure(limits, lambda _: 0)
    one.permits.granted(late)
    assert one.permits.limits[LIMIT].allotted > 1
    exchange(ledger, one, two)
    assert sum(peer.permits.limits[LIMIT].allotted for peer in (one, two)) <= 1


def test_a_lost_grant_is_said_again_to_who_shows_that_he_missed_it() -> None:
    ledger, one, two = pair(10)
    one.permits.want({LIMIT: 10})
    exchange(ledger, one, two)
    one.permits.give(LIMIT)
    two.permits.limits[LIMIT].used = 1
    ledger.configure({LIMIT: 4})
    ledger.news()  # lost
    exchange(ledger, one, two)
    exchange(ledger, one, two)
    assert one.permits.limits[LIMIT].version == ledger.entries[LIMIT][1].version


@given(
    limit=st.integers(0, 12),
    steps=st.lists(
        st.tuples(st.sampled_from(["connect", "end", "talk", "row", "look"]), st.integers(0, 2)), min_size=10
    ),
)
def test_what_a_peer_that_stands_still_does_not_use_is_for_others_and_all_are_within_the_limit_when_it_goes_on(
    limit: int, steps: list[tuple[str, int]]
) -> None:
    """Peer 0 stands still, and goes on at the end; peers 1 and 2 ask."""
    ledger = Ledger()
    ledger.configure({LIMIT: limit})
    peers = [Peer(number, [LIMIT]) for number in range(3)]
    for peer in peers:
        ledger.join(peer.number)
    for _ in range(3):
        talk(ledger, peers)
    still, *others = peers
    while still.permits.room(LIMIT) and still.used < 2:
        still.permits.take(LIMIT)
    talk(ledger, [still])
    for step, who in steps:
        if step == "look":
            ledger.suppose(still.number, {LIMIT: still.used})
        elif step == "talk":
            talk(ledger, others)
        elif step == "row" and who:
            talk(ledger, [peers[who]])
        elif who and step in ("connect", "end"):
            peers[who].does(step)
        assert sum(peer.used for peer in peers) <= limit
    ledger.suppose(still.number, {LIMIT: still.used})
    for peer in others:
        peer.permits.want({LIMIT: 12})
    fill(ledger, others)
    assert sum(peer.used for peer in peers) == limit
    still.does("connect")  # it has not heard yet
    for _ in range(24):
        talk(ledger, peers)
        for peer in peers[:-1]:
            peer.permits.want({})
            peer.permits.give(LIMIT)
    assert ledger.booked(LIMIT) <= limit
    assert sum(peer.permits.limits[LIMIT].allotted for peer in peers) <= limit
    assert others[-1].permits.limits[LIMIT].allotted == limit


QUEUE = queue_of(LIMIT)


def asks(ledger: Ledger, peer: int, sequence: int, used: int, wanted: int) -> bool:
    """A row of one that has heard all it was told; returns whether it is to hear that there is no place."""
    ledger.heard(peer, sequence, {QUEUE: (ledger.grants(peer)[QUEUE][1], used, wanted)})
    return QUEUE in ledger.asked().get(peer, ()) and ledger.is_full(QUEUE)


def test_who_wants_a_place_is_answered_only_when_all_are_in_use_and_each_time_he_asks() -> None:
    ledger = Ledger()
    ledger.configure({QUEUE: 10})
    for peer in (1, 2):
        ledger.join(peer)
    assert not asks(ledger, 1, 1, 5, 4)
    assert not asks(ledger, 2, 1, 1, 0)
    assert asks(ledger, 1, 2, 9, 1)
    assert asks(ledger, 1, 3, 9, 1)
    assert not ledger.is_asked
    assert not asks(ledger, 1, 4, 9, 0)


def test_what_a_peer_says_but_does_not_use_fills_no_queue() -> None:
    ledger = Ledger()
    ledger.configure({QUEUE: 10})
    for peer in (1, 2):
        ledger.join(peer)
        asks(ledger, peer, 1, 5, 1)
    assert ledger.is_full(QUEUE)
    assert ledger.is_full(QUEUE, {1: 7})
    assert not ledger.is_full(QUEUE, {1: 4})


def test_after_the_death_of_a_hub_nobody_is_refused_before_those_who_may_have_places_free_have_spoken() -> None:
    before = Ledger()
    before.configure({QUEUE: 10})
    for peer in (1, 2):
        before.join(peer)
        before.heard(peer, 1, {QUEUE: (before.grants(peer)[QUEUE][1], 0, 0)})
    assert before.entries[QUEUE][2].booked > 0
    ledger = Ledger()
    ledger.restore(before.dump())
    ledger.configure({QUEUE: 10})
    assert not asks(ledger, 1, 2, 9, 2)
    assert not asks(ledger, 2, 2, 1, 0)
    assert asks(ledger, 1, 3, 9, 2)
