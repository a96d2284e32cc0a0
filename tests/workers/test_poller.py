"""The nested epoll."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from itertools import chain
from tempfile import TemporaryFile

import gevent

from tests.descriptors import descriptors
from tests.waiting import until
from workers.poller import ALL_EDGES, Poller


class Owner:
    """Notes the events it is told of."""

    def __init__(self, react: Callable[[Owner], None] = lambda owner: None) -> None:
        self.fd = -1
        self.events: list[int] = []
        self.react = react
        self.stage = self._on_event

    def _on_event(self, owner: Owner, mask: int) -> None:
        assert owner is self
        self.events.append(mask)
        self.react(self)


def test_events_go_to_the_owner_until_the_descriptor_is_closed() -> None:
    poller = Poller(gevent.get_hub())
    ours, theirs = socket.socketpair()
    owner = Owner()
    poller.add(ours.fileno(), owner, ALL_EDGES)
    until(lambda: owner.events)
    theirs.send(b"x")
    until(lambda: len(owner.events) == 2)
    fd = ours.detach()
    poller.close(fd)
    until(lambda: not os.path.exists(f"/proc/self/fd/{fd}"))
    theirs.close()
    poller.stop()


def test_of_many_that_are_added_each_gets_its_events_and_who_can_not_be_costs_only_itself() -> None:
    poller = Poller(gevent.get_hub())
    abandoned: list[object] = []
    poller.abandon = abandoned.append
    pairs = [socket.socketpair() for _ in range(3)]
    owners = [Owner() for _ in range(4)]
    with TemporaryFile() as file:  # the kernel watches no file
        for owner, fd in zip(owners, (pairs[0][0].fileno(), file.fileno(), 9000, pairs[1][0].fileno()), strict=True):
            owner.fd = fd
        poller.add_all(owners)
    assert abandoned == owners[1:3]
    for pair in pairs:
        pair[1].send(b"x")
    until(lambda: owners[0].events and owners[3].events)
    assert not owners[1].events and not owners[2].events
    for sock in chain(*pairs):
        sock.close()
    poller.stop()


def test_a_descriptor_closed_in_a_turn_gets_no_event_of_that_turn_and_no_successor_its_number() -> None:
    poller = Poller(gevent.get_hub())
    (a, a2), (b, b2) = socket.socketpair(), socket.socketpair()
    fds = {"a": a.detach(), "b": b.detach()}
    seen: list[str] = []

    def close_other(name: str, other: str) -> Callable[[Owner], None]:
        def react(owner: Owner) -> None:
            seen.append(name)
            if len(seen) == 1:
                poller.close(fds[other])
                with socket.socket() as fresh:
                    assert fresh.fileno() != fds[other]

        return react

    poller.add(fds["a"], Owner(close_other("a", "b")), ALL_EDGES)
    poller.add(fds["b"], Owner(close_other("b", "a")), ALL_EDGES)
    until(lambda: seen)
    gevent.sleep(0.01)
    assert len(seen) == 1
    for fd in fds.values():
        if os.path.exists(f"/proc/self/fd/{fd}"):
            os.close(fd)
    a2.close()
    b2.close()
    poller.stop()


def test_who_has_more_to_do_than_is_fair_goes_on_after_the_others() -> None:
    poller = Poller(gevent.get_hub())
    order: list[str] = []
    owner = Owner()

    def go_on(owner: object) -> None:
        order.append("again")
        if len(order) < 30:
            poller.unfinished(go_on, owner)  # type: ignore[arg-type]

    poller.unfinished(go_on, owner)
    until(lambda: len(order) == 30)
    poller.stop()


def test_high_descriptor_numbers_fit() -> None:
    poller = Poller(gevent.get_hub())
    ours, theirs = socket.socketpair()
    high = 9000
    os.dup2(ours.fileno(), high)
    owner = Owner()
    poller.add(high, owner, ALL_EDGES)
    until(lambda: owner.events)
    poller.close(high)
    until(lambda: not os.path.exists(f"/proc/self/fd/{high}"))
    ours.close()
    theirs.close()
    poller.stop()


def test_stopping_gives_back_the_epoll() -> None:
    before = descriptors()
    poller = Poller(gevent.get_hub())
    poller.stop()
    assert descriptors() <= before


def test_a_bug_costs_the_one_whose_event_it_was_and_nobody_else() -> None:
    poller = Poller(gevent.get_hub())
    pairs = [socket.socketpair() for _ in range(3)]
    abandoned: list[object] = []
    poller.abandon = abandoned.append

    def fail(owner: Owner) -> None:
        raise ValueError("a bug")

    owners = [Owner(), Owner(fail), Owner()]
    for (ours, _), owner in zip(pairs, owners, strict=True):
        poller.add(ours.fileno(), owner)
    for _ in range(2):
        for _, theirs in pairs:
            theirs.send(b"x")
        seen = len(owners[2].events)
        until(lambda seen=seen: len(owners[2].events) > seen)  # type: ignore[misc]
    assert len(owners[0].events) == 2
    assert set(abandoned) == {owners[1]}
    for pair in pairs:
        for sock in pair:
            sock.close()
    poller.stop()


def test_a_descriptor_that_was_never_added_can_be_closed_whatever_its_number() -> None:
    poller = Poller(gevent.get_hub())
    fd = os.dup2(os.open(os.devnull, os.O_RDONLY), 5000)
    poller.close(fd)
    until(lambda: not os.path.exists(f"/proc/self/fd/{fd}"))
    poller.stop()
