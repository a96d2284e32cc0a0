"""Sockets and timers have their turn between any two pieces of long work."""

from __future__ import annotations

import time

import gevent
from gevent import socket

from control.turn import let_others


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
