"""Sockets and timers have their turn between any two pieces of long work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import gevent
from gevent import socket

from control.turn import in_turns, let_others, take_turns


def test_a_socket_is_read_between_any_two_pieces() -> None:
    ours, theirs = socket.socketpair()
    heard: list[int] = []
    done = 0

    def listen() -> None:
        while theirs.recv(1):
            heard.append(done)

    listener = gevent.spawn(listen)
    gevent.sleep(0.01)
    for done in range(1, 41):  # noqa: B007
        ours.send(b"x")
        until = time.perf_counter() + 0.0005
        while time.perf_counter() < until:
            pass
        let_others()
    ours.close()
    listener.join(5)
    theirs.close()
    assert len(heard) == 40
    assert all(at <= number + 2 for number, at in enumerate(heard))


def test_a_timer_is_not_late() -> None:
    turns: list[int] = []
    done = 0
    gevent.spawn_later(0.005, lambda: turns.append(done))
    for done in range(200):  # noqa: B007
        until = time.perf_counter() + 0.001
        while time.perf_counter() < until:
            pass
        let_others()
    assert turns and turns[0] < 40


def busy(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def test_of_many_at_long_work_one_has_its_turn_in_each_round_of_the_loop() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        for _ in range(3):
            take_turns()
            done.append(number)

    working = [gevent.spawn(work, number) for number in range(20)]
    seen = [0]
    while len(done) < 60:
        let_others()
        seen.append(len(done))
    gevent.joinall(working, timeout=5, raise_error=True)
    assert max(after - before for before, after in pairwise(seen)) <= 2
    assert done[:20] == done[20:40] == done[40:]  # nobody comes twice before all have come once


def test_who_is_killed_in_the_line_keeps_nobody_waiting() -> None:
    lined_up = [gevent.spawn(take_turns) for _ in range(5)]
    gevent.sleep(0)
    for one in (lined_up[0], lined_up[2]):
        one.kill()
    gevent.joinall(lined_up, timeout=5)
    assert all(one.ready() for one in lined_up)


def test_short_work_waits_for_nobody_and_long_work_for_its_turn() -> None:
    lined_up = [gevent.spawn(take_turns) for _ in range(5)]
    gevent.sleep(0)
    assert list(in_turns(range(1000))) == list(range(1000))
    assert not any(one.ready() for one in lined_up)

    def long() -> Iterator[int]:
        for number in range(3):
            busy(0.006)
            yield number

    pieces = in_turns(long())
    assert next(pieces) == 0
    assert not any(one.ready() for one in lined_up)
    assert list(pieces) == [1, 2]
    assert all(one.ready() for one in lined_up)
