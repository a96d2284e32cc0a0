"""A worker as a process, with the test as its master and no hub at all."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from director.config.model import Config, Endpoint, Group, Host, Listen, Service
from director.link import Link
from director.messages import (
    Accept,
    Accepting,
    Applied,
    Configure,
    Drain,
    Heartbeat,
    Kind,
    ListenerRef,
    Message,
    Ready,
    Rehouse,
    Running,
    Slot,
    Succession,
)
from tests.births import begin
from tests.waiting import wait_until
from workers.run import TRANSITIONS, Stage, Turn

CONFIG = Config(
    services=(
        Service(
            name="web",
            listens=(Listen(ip=Endpoint("127.0.0.1", 1)),),
            groups=(Group(name="main", hosts=(Host(name="a", ip=Endpoint("127.0.0.1", 1), number=3),), number=2),),
            enabled="main",
            number=1,
        ),
    ),
    orphan_timeout=0.0,
)


class Worker:
    """A worker's process and the master's end of its link."""

    def __init__(self, folder: Path) -> None:
        ours, theirs = socket.socketpair()
        self.process = begin(Kind.WORKER, folder, theirs.fileno())
        theirs.close()
        self.link = Link(ours)
        self.heard: list[Message] = []

    def hears(self, kind: type, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not any(isinstance(message, kind) for message in self.heard):
            assert time.monotonic() < deadline, self.heard
            self.link.flush()
            received = self.link.receive()
            assert received is not None, self.heard
            self.heard += [message for message, _ in received]

    def exit_status(self) -> int:
        return self.process.wait(20)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(tmp_path)
    yield worker
    worker.link.close()
    worker.process.kill()
    worker.process.wait()


def test_it_applies_gets_ready_accepts_and_drains(worker: Worker) -> None:
    worker.hears(Heartbeat)
    worker.link.send(Configure(Running(4, CONFIG)))
    worker.hears(Applied)
    assert Applied(4) in worker.heard
    worker.hears(Ready)  # without a hub, after some patience
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        worker.link.send(Accept((ListenerRef(1, "x", Slot(0)),)), [listener.fileno()])
        worker.hears(Accepting)
        with socket.create_connection(listener.getsockname(), timeout=10) as client:
            assert client.recv(1) == b""  # nobody has told it where the host is
    worker.link.send(Drain(5.0))
    assert worker.exit_status() == 0


def test_without_a_master_it_ends(worker: Worker) -> None:
    worker.hears(Heartbeat)
    worker.link.close()
    assert worker.exit_status() == 0


def test_without_a_master_it_accepts_until_the_successor_does(worker: Worker) -> None:
    worker.link.send(Configure(Running(4, CONFIG)))
    worker.hears(Ready)
    awaited, pledge = os.pipe()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        worker.link.send(Accept((ListenerRef(1, "x", Slot(0)),)), [listener.fileno()])
        worker.link.send(Succession(), [awaited])
        os.close(awaited)
        worker.hears(Accepting)
        worker.link.close()
        for _ in range(3):
            with socket.create_connection(listener.getsockname(), timeout=10) as client:
                assert client.recv(1) == b""
        os.close(pledge)
        assert worker.exit_status() == 0


def test_it_moves_to_where_its_folder_is_by_now(worker: Worker, tmp_path: Path) -> None:
    worker.hears(Heartbeat)
    (tmp_path / "anew").mkdir()
    folder = os.open(tmp_path / "anew", os.O_PATH)
    held, kept = os.pipe()
    worker.link.send(Rehouse(), [folder, kept])
    for fd in (folder, kept):
        os.close(fd)
    wait_until(lambda: os.readlink(f"/proc/{worker.process.pid}/cwd") == str(tmp_path / "anew"))
    os.set_blocking(held, False)
    with pytest.raises(BlockingIOError):
        os.read(held, 1)  # it holds the other end
    os.close(held)


def test_its_life_is_a_table_and_draining_has_no_way_back() -> None:
    assert set(TRANSITIONS) == set(Stage)
    assert set(TRANSITIONS[Stage.DRAINING].values()) == {Stage.DRAINING}
    assert all(Turn.DRAIN in turns for turns in TRANSITIONS.values())
