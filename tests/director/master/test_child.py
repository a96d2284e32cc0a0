"""Birth: what a child keeps and what it loses."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

from director.link import Link
from director.master.child import Birth, bear, close_all_but, fork_child
from director.master.system import System
from director.messages import Failed, Kind, Slot


def status_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_child_keeps_what_is_on_its_list_and_nothing_else() -> None:
    read, write = os.pipe()
    with socket.socket() as other:

        def run() -> int:
            fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
            os.write(write, json.dumps([fd for fd in fds if os.path.exists(f"/proc/self/fd/{fd}")]).encode())
            return 7

        pid = fork_child(System(), run, lambda: (0, 1, 2, write))
        assert other.fileno() >= 0
        os.close(write)
        assert json.loads(os.read(read, 4096)) == [0, 1, 2, write]
        os.close(read)
    assert status_of(pid) == 7


def test_signals_of_the_master_are_ignored_and_none_is_blocked() -> None:
    read, write = os.pipe()

    def run() -> int:
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
            os.kill(os.getpid(), number)
        os.write(write, b"%d" % len(blocked))
        return 0

    pid = fork_child(System(), run, lambda: (0, 1, 2, write))
    os.close(write)
    assert os.read(read, 9) == b"0"
    os.close(read)
    assert status_of(pid) == 0


def test_an_exception_ends_the_child_and_only_the_child() -> None:
    def run() -> int:
        raise RuntimeError("a bug")

    assert status_of(fork_child(System(), run, lambda: (0, 1, 2))) == 70


def test_an_empty_keep_range_does_not_close_everything() -> None:
    pid = os.fork()
    if not pid:
        close_all_but((0, 1, 2))
        os._exit(5 if os.path.exists("/proc/self/fd/2") else 6)
    assert status_of(pid) == 5


def test_a_born_child_works_in_its_generations_directory_and_its_failure_is_told(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "g1").mkdir()
    ours, theirs = socket.socketpair()
    birth = Birth(
        kind=Kind.WORKER,
        slot=Slot(3),
        incarnation=9,
        link=Link(theirs),
        directory=str(tmp_path / "g1"),
        lock_path=str(tmp_path / "lock"),
        owner=0,
    )

    def main(birth: Birth) -> int:
        raise ValueError(os.getcwd())

    pid = bear(System(), main, birth, theirs)
    theirs.close()
    link = Link(ours)
    assert status_of(pid) == 70
    received = link.receive()
    assert received is not None
    ((message, _),) = received
    assert message == Failed(f"worker/3: ValueError: {tmp_path}/g1")
    assert link.receive() is None
    link.close()
