"""Whose bytes are awaited: who has to be quick, and who makes room."""

from __future__ import annotations

import io
import time

import pytest
from gevent import socket

from control.web.waiting import Stream, Waiting


def test_who_was_waited_for_longest_gives_way() -> None:
    waiting = Waiting()
    pairs = [socket.socketpair() for _ in range(3)]
    for (ours, _), due in zip(pairs, (2.0, 1.0, 3.0), strict=True):
        ours.settimeout(0)
        waiting.begin(ours.fileno(), due)
    waiting.give_way()
    assert pairs[1][0].recv(10) == b""
    for place in (0, 2):
        with pytest.raises(BlockingIOError):
            pairs[place][0].recv(10)
    waiting.end(pairs[0][0].fileno())
    waiting.give_way()
    assert pairs[2][0].recv(10) == b""
    waiting.give_way()  # nobody is left
    for pair in pairs:
        for one in pair:
            one.close()


def test_a_byte_now_and_then_buys_no_time() -> None:
    ours, theirs = socket.socketpair()
    stream = Stream(ours, Waiting())
    reader = io.BufferedReader(stream)
    stream.due = time.monotonic() + 0.2
    theirs.sendall(b"GET /")
    assert reader.read1(100) == b"GET /"
    with pytest.raises(TimeoutError):
        reader.readline()
    theirs.sendall(b" HTTP/1.1\r\n")
    stream.due = time.monotonic() + 60
    assert reader.readline() == b""  # what comes too late is no request
    assert ours.gettimeout() is None
    ours.close()
    theirs.close()
