"""Generations under one limit: what an old one has is known to the new one, and becomes the new one's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from director.scheduling.branch import Branch
from director.scheduling.ledger import Ledger
from tests.director.scheduling.peer import LIMIT, Peer, fill, talk


@given(
    limit=st.integers(0, 8),
    steps=st.lists(
        st.tuples(st.sampled_from(["connect", "end", "old row", "new row", "up", "down"]), st.integers(0, 3))
    ),
)
def test_an_old_generation_and_a_new_one_stay_within_one_limit(limit: int, steps: list[tuple[str, int]]) -> None:
    """Peers 0 and 1 are the old generation's, 2 and 3 the new one's; messages arrive at any time, or late."""
    ledger = Ledger()
    ledger.configure({LIMIT: limit})
    peers = [Peer(number, [LIMIT]) for number in range(4)]
    for peer in peers[:2]:
        ledger.join(peer.number)
        peer.permits.want({LIMIT: 3})
    for _ in range(4):
        talk(ledger, peers[:2])
    branch, new = Branch(ledger), Ledger()
    new.configure({LIMIT: limit})
    new.adopt(9, branch.rows())
    for peer in peers[2:]:
        new.join(peer.number)
    sent = 0
    for step, who in steps:
        peer = peers[who]
        if step in ("connect", "end"):
            peer.does(step)
        elif step == "up":
            sent += 1
            new.heard(9, sent, branch.rows())
        elif step == "down":
            branch.granted(new.grants(9))
        else:
            talk(ledger, peers[:2]) if step == "old row" else talk(new, peers[2:])
        assert sum(peer.used for peer in peers) <= limit
        assert new.entries[LIMIT][9].booked >= ledger.booked(LIMIT)
    for _ in range(8):  # once all is quiet, who waits gets what is left
        talk(ledger, peers[:2])
        talk(new, peers[2:])
        sent += 1
        new.heard(9, sent, branch.rows())
        branch.granted(new.grants(9))
    assert new.booked(LIMIT) <= limit
    assert sum(peer.used for peer in peers[:2]) <= new.entries[LIMIT][9].used <= ledger.booked(LIMIT)


@given(
    limit=st.integers(0, 8),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["connect", "end", "row", "up", "down"]),
            st.integers(0, 2),
        )
    ),
)
def test_a_generation_lives_on_under_the_ledger_after_next(limit: int, steps: list[tuple[str, int]]) -> None:
    """Each peer is a generation's; that of the second has counted far more versions than that of the third."""
    ledgers = [Ledger() for _ in range(3)]
    ledgers[0].configure({LIMIT: limit})
    peers = [Peer(number, [LIMIT]) for number in range(3)]
    join(ledgers[0], peers[0])
    branches = {9: Branch(ledgers[0])}
    for many in range(20):
        ledgers[1].configure({LIMIT: many})
        join(ledgers[1], Peer(-1, [LIMIT]))
    ledgers[1].forget(-1)
    ledgers[1].configure({LIMIT: limit})
    ledgers[1].adopt(9, branches[9].rows())
    join(ledgers[1], peers[1])
    exchange_above(ledgers[1], branches)
    left = {below: entry.booked for below, entry in ledgers[1].entries[LIMIT].items()}
    ledgers[1].release([9])
    branches[10] = Branch(ledgers[1])
    branches[9].redirect()
    ledgers[2].configure({LIMIT: limit})
    for generation, below in ((9, 9), (10, peers[1].number)):
        ledgers[2].adopt(generation, {LIMIT: (0, left[below], 0)})
    join(ledgers[2], peers[2])
    for step, who in steps:
        peer = peers[who]
        if step in ("connect", "end"):
            peer.does(step)
        elif step == "row":
            talk(ledgers[who], [peer])
        else:
            exchange_above(ledgers[2], branches, up=step == "up", down=step == "down")
        assert sum(peer.used for peer in peers) <= limit
    for peer in peers:
        peer.permits.want({})
    peers[2].permits.want({LIMIT: limit})
    for _ in range(24):  # once all is quiet, the last generation gets what the others do not use
        for ledger, peer in zip(ledgers, peers, strict=True):
            talk(ledger, [peer])
        exchange_above(ledgers[2], branches)
    assert peers[2].permits.limits[LIMIT].allotted == limit - peers[0].used - peers[1].used


def join(ledger: Ledger, peer: Peer) -> None:
    """It uses half of what it gets at first."""
    ledger.join(peer.number)
    for _ in range(3):
        talk(ledger, [peer])
    for _ in range(peer.permits.limits[LIMIT].allotted // 2):
        peer.permits.take(LIMIT)


def exchange_above(above: Ledger, branches: dict[int, Branch], up: bool = True, down: bool = True) -> None:
    """What generations tell the ledger above them, and what it says back."""
    for generation, branch in branches.items():
        if up:
            above.heard(generation, above.peers[generation] + 1, branch.rows())
        if down:
            branch.granted(above.grants(generation))


def test_what_an_old_generation_does_not_need_any_more_is_for_the_new_one() -> None:
    ledger, new = Ledger(), Ledger()
    ledger.configure({LIMIT: 12})
    old = [Peer(number, [LIMIT]) for number in range(2)]
    for peer in old:
        ledger.join(peer.number)
        peer.permits.want({LIMIT: 6})
    fill(ledger, old)
    assert [peer.used for peer in old] == [6, 6]
    branch = Branch(ledger)
    new.configure({LIMIT: 12})
    new.adopt(9, branch.rows())
    young = Peer(2, [LIMIT])
    new.join(young.number)
    for peer in old:
        peer.permits.want({})
    for peer in (old[0], *old[:1] * 3, *old[1:] * 3):
        peer.permits.give(LIMIT)
    young.permits.want({LIMIT: 7})
    for sent in range(1, 12):
        talk(ledger, old)
        talk(new, [young])
        new.heard(9, sent, branch.rows())
        branch.granted(new.grants(9))
    assert [peer.used for peer in old] == [2, 3]
    assert young.permits.limits[LIMIT].allotted == 7


@given(
    limit=st.integers(0, 12),
    had=st.integers(0, 12),
    steps=st.lists(st.sampled_from(["connect", "end", "row", "old ends", "loads"]), min_size=10),
)
def test_a_generation_that_does_not_know_of_a_limit_keeps_what_it_has_and_gets_nothing(
    limit: int, had: int, steps: list[str]
) -> None:
    """What it has is known by its loads, which may be late: they only fall."""
    ledger, peer, told = Ledger(), Peer(1, [LIMIT]), had
    ledger.adopt(9, {})
    ledger.join(peer.number)
    ledger.configure({LIMIT: limit})
    for step in steps:
        if step == "loads":
            ledger.suppose(9, {LIMIT: had})
            told = had
        elif step == "old ends":
            had = max(0, had - 1)
        elif step == "row":
            talk(ledger, [peer])
        else:
            peer.does(step)
        assert peer.used + told <= max(limit, told)
    ledger.suppose(9, {LIMIT: had})
    peer.permits.want({LIMIT: 12})
    for _ in range(4):
        talk(ledger, [peer])
    assert ledger.grants(9)[LIMIT][0] == 0
    assert peer.permits.limits[LIMIT].allotted == max(0, limit - had)


def test_a_generation_says_nothing_of_a_limit_that_not_all_of_its_workers_have_heard_of() -> None:
    ledger, peer = Ledger(), Peer(0, [LIMIT])
    ledger.configure({LIMIT: 4})
    ledger.join(peer.number)
    branch = Branch(ledger)
    assert branch.rows() == {}
    for _ in range(2):
        talk(ledger, [peer])
    assert branch.rows().keys() == {LIMIT}
