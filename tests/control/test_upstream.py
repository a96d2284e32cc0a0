"""A hub that reports to another, with the test as the other."""

from __future__ import annotations

import os
from pathlib import Path

import gevent
import pytest
import zmq

from control.limits import Limits
from control.memory import Memory
from control.totals import Totals
from control.upstream import Upstream
from director.channel import Channel
from director.framing import decode, encode_body
from director.messages import (
    Counted,
    Hello,
    Load,
    Message,
    Question,
    Reply,
    Resync,
    Slot,
    Tally,
    peer_incarnation,
    peer_slot,
)
from tests.waiting import until


def test_rows_are_told_when_they_change_and_whole_when_the_other_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("g1-1", "g2-2"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "g1-1")
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.linger = 0
    router.bind("ipc://../g2-2/rows")
    heard: list[Message] = []
    identities: list[bytes] = []

    def hear(parts: list[bytes]) -> None:
        identities.append(parts[0])
        heard.append(decode(parts[-1]))

    channel = Channel(router, gevent.get_hub().loop, hear)
    totals = Totals()

    def has(open_: dict[int, int], waiting: dict[int, int]) -> None:
        totals.load(Load(Slot(0), 5, 1, True, open_, {}, waiting), 0.0, 0.0)

    has({3: 2}, {})

    def answer(question: Question) -> Reply:
        return Reply(question.id, {"topic": question.topic})

    limits = Limits(Memory(os.memfd_create("test")), lambda peer, grants: None, totals)
    slot, incarnation = peer_slot(1), peer_incarnation(1)
    upstream = Upstream("/run/director/g2-2", slot, incarnation, totals, limits, answer, lambda: True)

    def last(kind: type) -> Message | None:
        return next((message for message in reversed(heard) if isinstance(message, kind)), None)

    def wait_for(kind: type, check: object = None) -> None:
        with gevent.Timeout(5):
            while last(kind) is None or (check is not None and getattr(last(kind), "open", None) != check):
                gevent.sleep(0.01)

    wait_for(Tally)
    assert heard[0] == Hello(slot, incarnation, os.getpid())
    wait_for(Load, {3: 2})
    has({3: 1}, {})
    wait_for(Load, {3: 1})
    has({3: 1}, {1: 6})
    until(lambda: getattr(last(Load), "queued", None) == {1: 6})
    channel.send(identities[-1], encode_body(Question(9, "offer", {})))
    wait_for(Reply)
    assert last(Reply) == Reply(9, {"topic": "offer"})
    heard.clear()
    channel.send(identities[-1], encode_body(Resync("epoch")))
    wait_for(Hello)
    channel.send(identities[-1], encode_body(Question(7, "sessions", {})))
    wait_for(Reply)
    assert last(Reply) == Reply(7, {"topic": "sessions"})
    has({}, {})
    settling = gevent.spawn(upstream.settle, 30.0)
    until(lambda: getattr(last(Tally), "last", False))
    assert not settling.ready()
    channel.send(identities[-1], encode_body(Counted()))
    until(settling.ready)
    upstream.close()
    wait_for(Load, {})
    channel.close()
    context.destroy(linger=0)
