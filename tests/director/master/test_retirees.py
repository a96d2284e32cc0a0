"""Generations that retire, with the test as their masters."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from director.frames import FrameReader
from director.framing import decode
from director.link import Link
from director.master.bond import Bond
from director.master.loop import Loop
from director.master.retirees import Retirees, tell_by_signal
from director.master.system import start_ticks, works_in
from director.messages import Drain, Elder, Redirect, Reopen, peer_incarnation, peer_slot


def test_they_are_told_and_handed_on_and_their_end_is_noticed() -> None:
    loop = Loop(time.monotonic)
    gone: list[Elder] = []
    retirees = Retirees(loop, gone.append, lambda elder: True)
    ours, theirs = socket.socketpair()
    elder = Elder(1, "g9-9", 9, 9, -1)
    retirees.add(elder, Bond(loop, Link(ours), lambda message: None, lambda: None))
    (process,) = retirees.processes()
    assert (process.slot, process.incarnation, process.state) == (peer_slot(1), peer_incarnation(1), "retiring")
    assert process.generation == "g9-9"
    assert process.started_at <= time.monotonic()
    assert retirees.elders()[0].link == ours.fileno()
    retirees.redirect("/run/g10-10")
    retirees.drain(5.0)
    retirees.reopen()
    bodies = FrameReader().feed(theirs.recv(65536))
    assert [decode(body) for body in bodies] == [Redirect("/run/g10-10"), Drain(5.0), Reopen()]
    theirs.close()
    while not gone:
        loop.step()
    assert gone == [elder]
    assert not retirees.all
    retirees.add_orphans(elder, 0.0)  # the same, but nobody is there to be told anything
    assert not retirees.living
    assert [process.state for process in retirees.processes()] == ["orphaned"]
    assert retirees.elders() == ()
    while retirees.all:
        loop.step()
    loop.close()


def test_orphans_are_gone_once_nobody_works_in_their_folder(tmp_path: Path) -> None:
    loop = Loop(time.monotonic)
    gone: list[Elder] = []
    retirees = Retirees(loop, gone.append, lambda elder: works_in(str(tmp_path / elder.name), elder.start))
    ticks = start_ticks(os.getpid())
    assert ticks is not None
    elder = Elder(1, "g9-9", 9, ticks, -1)
    folder = tmp_path / elder.name
    folder.mkdir()
    with subprocess.Popen(["sleep", "60"], cwd=folder) as worker:
        retirees.add_orphans(elder, 60.0)
        until = time.monotonic() + 0.6
        while time.monotonic() < until:
            loop.step()
        assert not gone
        worker.kill()
    while not gone:
        loop.step()
    assert gone == [elder]
    loop.close()


def test_only_the_process_that_was_meant_is_killed() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        ticks = start_ticks(process.pid)
        assert ticks is not None
        tell_by_signal(process.pid, ticks + 1, signal.SIGKILL)
        assert process.poll() is None
        tell_by_signal(process.pid, ticks, signal.SIGKILL)
        assert process.wait(10) == -9
    tell_by_signal(process.pid, ticks, signal.SIGKILL)  # gone already
