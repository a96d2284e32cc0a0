"""The hub's end of the state channel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from control.bus import ROWS, STATE, Bus
from director.framing import decode, encode_body
from director.messages import Hello, Message, Resync, Slot, Snapshot, Target, Update
from tests.waiting import until


class Worker:
    """The other end, played by the test."""

    def __init__(self) -> None:
        self.context = zmq.Context()
        self.rows = self.context.socket(zmq.DEALER)
        self.state = self.context.socket(zmq.SUB)
        self.state.subscribe(b"")
        self.rows.connect(ROWS)
        self.state.connect(STATE)

    def next(self, socket: zmq.Socket[bytes], kind: type) -> Message:
        got: list[Message] = []

        def came() -> bool:
            while socket.poll(0):
                message = decode(socket.recv_multipart()[-1])
                if isinstance(message, kind):
                    got.append(message)
            return bool(got)

        until(came)
        return got[0]


@pytest.fixture
def ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bus, Worker, list[tuple[bytes, Message]]]]:
    monkeypatch.chdir(tmp_path)
    heard: list[tuple[bytes, Message]] = []
    bus = Bus(lambda identity, message: heard.append((identity, message)))
    bus.start()
    worker = Worker()
    yield bus, worker, heard
    worker.context.destroy(linger=0)
    bus.stop()


def test_a_worker_is_heard_and_answered(ends: tuple[Bus, Worker, list[tuple[bytes, Message]]]) -> None:
    bus, worker, heard = ends
    worker.rows.send(encode_body(Hello(Slot(0), 1, 2)))
    until(lambda: heard)
    bus.snapshot(heard[0][0], (Target(3, True, ()),), {1: {3: 4}})
    snapshot = worker.next(worker.rows, Snapshot)
    assert snapshot == Snapshot(bus.epoch, bus.sequence, (Target(3, True, ()),), {1: {3: 4}})
    bus.resync(heard[0][0])
    assert worker.next(worker.rows, Resync) == Resync(bus.epoch)


def test_changes_go_out_together_and_heartbeats_when_there_are_none(
    ends: tuple[Bus, Worker, list[tuple[bytes, Message]]],
) -> None:
    bus, worker, _ = ends
    beat = worker.next(worker.state, Update)
    assert isinstance(beat, Update) and beat.epoch == bus.epoch
    bus.load(0, {3: 1})
    bus.load(0, {4: 2})
    bus.load(1, {})
    bus.target(Target(3, False, ()))
    update = worker.next(worker.state, Update)
    while isinstance(update, Update) and not update.loads:
        update = worker.next(worker.state, Update)
    assert isinstance(update, Update)
    assert update.loads == {0: {3: 1, 4: 2}}
    assert update.targets == (Target(3, False, ()),)
    assert update.sequence > beat.sequence


def test_garbage_and_strangers_are_counted_not_fatal(ends: tuple[Bus, Worker, list[tuple[bytes, Message]]]) -> None:
    bus, worker, heard = ends
    worker.rows.send(b"\xc1")
    until(lambda: bus.dropped == 1)
    worker.rows.send(encode_body(Hello(Slot(0), 1, 2)))
    until(lambda: heard)
