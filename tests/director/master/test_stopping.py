"""Telling from outside whether a daemon lives, and ending it."""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from director.master.lock import Lock, mark_child, probe
from director.master.stopping import situation, stop
from director.master.system import start_ticks
from director.places import Places
from tests.waiting import wait_until


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


def in_a_child(run: Callable[[], None]) -> int:
    """A process that does it and then waits to be ended."""
    ready, told = os.pipe()
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        run()
        os.write(told, b"x")
        while True:
            signal.pause()
    os.read(ready, 1)
    os.close(ready)
    os.close(told)
    return pid


@pytest.mark.parametrize("upgraded", [True, False])
def test_a_daemon_that_was_upgraded_meanwhile_is_ended_too_but_not_one_that_others_started(
    tmp_path: Path, upgraded: bool
) -> None:
    lock = Lock(places(tmp_path).lock)
    assert lock.take()

    def begin() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it takes its time
        lock.write("g1", [], 60.0)

    old = in_a_child(begin)

    def succeed() -> None:
        lock.predecessor = old if upgraded else 0
        signal.signal(signal.SIGUSR1, lambda *_: lock.write("g2", [], 1.0))

    new = in_a_child(succeed)
    os.close(lock.fd)
    ended: list[int] = []

    def report() -> None:
        """While one waits for the old one there is another in its place."""
        if ended:
            return
        os.kill(new, signal.SIGUSR1)
        wait_until(lambda: probe(lock.path).generation == "g2")
        os.kill(old, signal.SIGKILL)
        ended.append(os.waitpid(old, 0)[0])

    try:
        assert stop(places(tmp_path), report)
        assert ended == [old]
        assert is_alive(new) is not upgraded
    finally:
        os.kill(new, signal.SIGKILL)
        os.waitpid(new, 0)


def is_alive(pid: int) -> bool:
    """A zombie is not."""
    return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_what_a_dead_master_left_is_waited_for_then_killed_and_its_pid_file_goes(tmp_path: Path) -> None:
    lock = Lock(places(tmp_path).lock)
    assert lock.take()

    def live_on() -> None:
        mark_child(lock.path)
        os.close(lock.fd)

    child = in_a_child(live_on)
    dead = os.fork()
    if not dead:
        lock.write("g1", [(child, start_ticks(child) or 0)], 0.2)
        os._exit(0)
    os.waitpid(dead, 0)
    os.close(lock.fd)
    pid_file = tmp_path / "directord.pid"
    pid_file.write_text(f"{dead}\n")
    assert situation(places(tmp_path)) == (2, f"dead, but some of its processes live: {child}")
    assert stop(places(tmp_path), lambda: None)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert not pid_file.exists()
    assert situation(places(tmp_path))[0] == 3


@pytest.mark.parametrize("heeds", [True, False])
def test_generations_that_retire_are_ended_with_the_daemon_and_after_its_death(tmp_path: Path, heeds: bool) -> None:
    lock = Lock(places(tmp_path).lock)
    assert lock.take()

    def live_on() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if heeds else signal.SIG_IGN)
        os.close(lock.fd)

    retiree = in_a_child(live_on)
    lock.write("g1", [], -4.9, [(retiree, start_ticks(retiree) or 0)])
    lock.let_go()
    stop(places(tmp_path), lambda: None)
    assert os.WTERMSIG(os.waitpid(retiree, 0)[1]) == (signal.SIGTERM if heeds else signal.SIGKILL)


def test_where_none_runs_there_is_nothing_to_stop(tmp_path: Path) -> None:
    assert not stop(places(tmp_path), lambda: None)


def test_a_pid_file_that_was_left_is_status_1(tmp_path: Path) -> None:
    (tmp_path / "directord.pid").write_text(f"{os.getpid()}\n")
    code, words = situation(places(tmp_path))
    assert code == 1
    assert words.endswith(f"is left; process {os.getpid()}, which it names, is none of a director here")


@pytest.mark.parametrize("pid", [1, 2**22 + 1], ids=["somebody", "nobody"])
def test_a_pid_file_in_the_run_dir_goes_with_a_stop_whoever_has_that_pid_by_now(tmp_path: Path, pid: int) -> None:
    (tmp_path / "directord.pid").write_text(f"{pid}\n")
    assert not stop(places(tmp_path), lambda: None)
    assert situation(places(tmp_path)) == (3, "stopped")


def test_a_pid_file_elsewhere_goes_with_a_stop_if_it_names_nobody(tmp_path: Path) -> None:
    pid_file = tmp_path / "elsewhere" / "directord.pid"
    pid_file.parent.mkdir()
    where = replace(places(tmp_path), pid_file=str(pid_file))
    pid_file.write_text(f"{os.getpid()}\n")
    assert not stop(where, lambda: None)
    assert pid_file.exists(), "somebody lives under that name, maybe another daemon"
    pid_file.write_text(f"{2**22 + 1}\n")
    assert not stop(where, lambda: None)
    assert situation(where) == (3, "stopped")


def test_a_pid_file_that_was_written_over_goes_with_the_stop_of_its_daemon(tmp_path: Path) -> None:
    pid = master(tmp_path, True)
    (tmp_path / "directord.pid").write_text(f"{os.getpid()}\n")
    reaper = threading.Thread(target=os.waitpid, args=(pid, 0))
    reaper.start()
    assert stop(places(tmp_path), lambda: None)
    reaper.join()
    assert situation(places(tmp_path)) == (3, "stopped")


def test_a_pid_file_that_says_nothing_is_left_all_the_same_until_a_stop(tmp_path: Path) -> None:
    (tmp_path / "directord.pid").write_bytes(b"\xff\n")
    assert situation(places(tmp_path))[0] == 1
    assert not stop(places(tmp_path), lambda: None)
    assert situation(places(tmp_path)) == (3, "stopped")


def test_a_pid_that_a_stranger_has_by_now_gets_no_signal(tmp_path: Path) -> None:
    pid = master(tmp_path, True)
    lock = Path(places(tmp_path).lock)
    lock.write_text(lock.read_text().replace('"start": ', '"start": 1'))
    assert situation(places(tmp_path))[0] == 0
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
