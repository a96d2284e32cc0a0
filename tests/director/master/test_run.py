"""The master's own decisions; as a whole it is tested with real processes, in tests/system."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from director.link import Link
from director.master import run
from director.master.family import Child
from director.master.pidfile import read_pid_file
from director.master.run import Master
from director.master.stage import Stage
from director.messages import Ready, Slot
from tests.waiting import wait_until


def test_a_slot_has_a_listener_for_each_address(master: Master) -> None:
    (ref,) = master.seats.refs(next(iter(master.family.supervisor.workers())).slot)
    assert (ref.service, ref.ip, ref.slot) == (1, "127.0.0.1:1", 0)


def test_a_pid_file_that_can_not_be_written_is_written_later(master: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PID_AGAIN", 0.0)
    folder = Path(master.places.pid_file + ".new")
    folder.mkdir()
    master.keep_pid_file()
    assert read_pid_file(master.places.pid_file) is None
    folder.rmdir()

    def is_written() -> bool:
        master.loop.step()
        return read_pid_file(master.places.pid_file) == os.getpid()

    wait_until(is_written)


@pytest.mark.parametrize("stage", [Stage.STOPPING, Stage.RETIRING])
def test_a_worker_that_gets_ready_when_it_is_over_has_nothing_to_accept_any_more(master: Master, stage: Stage) -> None:
    ours, theirs = socket.socketpair()
    worker = master.family.children[Slot(0)] = Child(Slot(0), 4700, 10, Link(ours), 0.0)
    master.stage = stage  # addresses are let go of by then
    master.heard(worker, Ready())
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)
    theirs.close()


def test_told_to_stop_twice_it_stops_fast(master: Master) -> None:
    master.stage = Stage.SERVING
    master.stop(fast=False)
    assert (master.stage, master._fast) == (Stage.STOPPING, False)
    master.stop(fast=False)
    assert master._fast
