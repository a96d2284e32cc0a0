"""The logs of a running director: a line for each connection, wherever the files go meanwhile."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.addresses import ask_name, free_address
from tests.system.configs import group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]
Serve = Callable[..., Host]
LINE = re.compile(
    r"127\.0\.0\.1:\d+ \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] web main/\S+ "
    r"-?\d+/-?\d+/\d+ \d+ (\S\S) \d+/\d+/\d+/\d+/\d+ 0/0"
)


def config(address: str, *hosts: str, log: str = "connections.log") -> str:
    web = service(address, group(*hosts))
    return f'<director workers="2">{web}<logging file="director.log" connections="{log}"/></director>'


def lines(*files: Path) -> list[str]:
    return [line for file in files for line in file.read_text().splitlines()]


@pytest.mark.fault(14)
def test_every_connection_has_a_whole_line_while_logs_are_rotated(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(config(address, host("a", serve().address)))
    current = daemon.folder / "connections.log"
    moved = []
    with ShortRequests(address) as requests:
        for number in range(21):
            enough = requests.done + 20
            wait_until(lambda enough=enough: requests.done >= enough, 60, every=0.001)  # type: ignore[misc]
            if number == 20:
                break
            moved.append(current.rename(daemon.folder / f"connections.{number}"))
            os.rename(daemon.log_file, daemon.folder / f"log.{number}")
            daemon.kill(daemon.master, signal.SIGUSR1)
            wait_until(current.exists)
    assert requests.failures == []
    wait_until(lambda: len(lines(current, *moved)) >= requests.done)
    found = lines(current, *moved)
    assert len(found) == requests.done
    wait_until(lambda: daemon.service()["total"] == requests.done)
    assert [line for line in found if not LINE.fullmatch(line)] == []
    assert lines(current), "the last connections are in the last file"
    daemon.kill(daemon.workers()[0])
    wait_until(lambda: "process exited" in daemon.log_file.read_text())


@pytest.mark.fault(13)
def test_a_log_that_takes_nothing_holds_nobody_up(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    (a,) = hosts("a")
    os.mkfifo(daemon.folder / "pipe")
    os.symlink("/dev/full", daemon.folder / "full")
    for log in ("full", "pipe"):
        daemon.start(config(address, host("a", a.address), log=log))
        assert {ask_name(address) for _ in range(50)} == {"a"}
        if log == "full":
            wait_until(lambda: sum(worker["log_dropped"] for worker in daemon.stats()["workers"]) >= 50)
        daemon.stop()


def test_end_states_tell_who_failed(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    gone = free_address()
    daemon.start(config(address, host("a", gone)))
    ask_nobody = [ask_name(address) for _ in range(3)]
    assert ask_nobody == [""] * 3
    current = daemon.folder / "connections.log"
    wait_until(lambda: len(lines(current)) >= 3)
    assert {LINE.fullmatch(line)[1] for line in lines(current)} == {"SC"}  # type: ignore[index]
