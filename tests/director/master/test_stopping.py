"""Telling from outside whether a daemon lives, and ending it."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import pytest

from director.master.lock import Lock
from director.master.stopping import situation, stop
from director.places import Places


def places(folder: Path) -> Places:
    return Places(str(folder), str(folder), None, str(folder / "directord.pid"))


def master(folder: Path, heeds: bool) -> int:
    """A process that holds the lock as a master does, and ends at TERM or only at QUIT."""
    ready, told = os.pipe()
    pid = os.fork()
    if not pid:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # QUIT would write one, and that takes its time
        signal.signal(signal.SIGTERM, signal.SIG_DFL if heeds else signal.SIG_IGN)
        lock = Lock(places(folder).lock)
        lock.take()
        lock.write("g1", [], -4.9)
        os.write(told, b"x")
        signal.pause()
        os._exit(0)
    os.read(ready, 1)
    os.close(ready)
    os.close(told)
    return pid


@pytest.mark.parametrize("heeds", [True, False])
def test_a_daemon_is_ended_and_pressed_harder_if_it_does_not_heed(tmp_path: Path, heeds: bool) -> None:
    pid = master(tmp_path, heeds)
    assert situation(places(tmp_path)) == (
        0,
        f"running, pid {pid}, but its control socket does not answer",
    )
    assert stop(places(tmp_path), lambda: None)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == (signal.SIGTERM if heeds else signal.SIGQUIT)
    assert situation(places(tmp_path))[0] == 3


def test_where_none_runs_there_is_nothing_to_stop(tmp_path: Path) -> None:
    assert not stop(places(tmp_path), lambda: None)


def test_a_pid_file_that_was_left_is_status_1(tmp_path: Path) -> None:
    (tmp_path / "directord.pid").write_text(f"{os.getpid()}\n")
    code, words = situation(places(tmp_path))
    assert code == 1
    assert "pid file" in words


def test_a_pid_that_a_stranger_has_by_now_gets_no_signal(tmp_path: Path) -> None:
    pid = master(tmp_path, True)
    lock = Path(places(tmp_path).lock)
    lock.write_text(lock.read_text().replace('"start": ', '"start": 1'))
    assert situation(places(tmp_path))[0] == 0
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
