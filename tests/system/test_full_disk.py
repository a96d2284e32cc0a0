"""Logs on a file system of one mebibyte that fills up, and has room again later."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.addresses import free_address
from tests.system.configs import group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests
from tests.system.test_logs import LINE
from tests.waiting import wait_until

ROOM = 64 * 1024  # bytes that are left at first, so that it does not take thousands of connections


class Disk:
    """Where the logs are; `free` gives it room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Up to ROOM."""
        with (self.folder / "ballast").open("wb") as ballast:
            ballast.write(bytes((1 << 20) - ROOM))

    def free(self) -> None:
        (self.folder / "ballast").unlink()


class NoDisk(Disk):
    """Where nothing may be mounted: logs that take nothing, as a full disk does, until they are opened anew."""

    def fill(self) -> None:
        for name in ("director.log", "connections.log"):
            (self.folder / name).symlink_to("/dev/full")

    def free(self) -> None:
        for name in ("director.log", "connections.log"):
            (self.folder / name).unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    folder.mkdir(mode=0o755)
    size = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0755", "tmpfs", str(folder)]
    mounted = os.getuid() == 0 and subprocess.run(size, capture_output=True).returncode == 0
    disk = Disk(folder) if mounted else NoDisk(folder)
    try:
        disk.fill()
        yield disk
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def nobody_waits(requests: ShortRequests, meanwhile: Callable[[], object] = lambda: None) -> bool:
    """Whether for some seconds, in which each worker writes a dozen times, none of hundreds of requests takes one.

    A machine that stands still for a second is not the log's fault: it does so now and then,
    and a log that is waited for every time.
    """
    requests.slowest = 0.0
    enough, over = requests.done + 200, time.monotonic() + 3
    meanwhile()
    wait_until(lambda: requests.done >= enough and time.monotonic() >= over, 60)
    return requests.slowest < 1


@pytest.mark.fault(13)
def test_a_full_disk_costs_lines_and_no_connection_waits_and_all_is_told_when_it_has_room(
    daemon: Daemon, serve: Callable[..., Host]
) -> None:
    address = free_address()
    folder = daemon.folder / "small"
    log, connections = folder / "director.log", folder / "connections.log"
    web = service(address, group(host("a", serve().address)))
    logging = '<logging file="small/director.log" connections="small/connections.log"/>'

    def dropped() -> int:
        return sum(worker["log_dropped"] for worker in daemon.stats()["workers"])

    with small_disk(folder) as disk:
        daemon.start(f'<director workers="2">{web}{logging}</director>')
        with ShortRequests(address, threads=3) as requests:
            wait_until(lambda: dropped() > 100, 60)
            lost = dropped()
            wait_until(lambda: nobody_waits(requests), 120)
            wait_until(lambda: dropped() > lost, 60)  # so it was full all the while
            # The log of events is full, too: what the master could not write is counted as well.
            while not daemon.stats()["processes"][0]["log_dropped"]:
                daemon.command("log-level", level="info")
            assert daemon.stats()["log_dropped"] > dropped()
            disk.free()
            wait_until(lambda: nobody_waits(requests, lambda: daemon.kill(daemon.master, signal.SIGUSR1)), 120)
            wait_until(lambda: "log recovered: log=connections dropped=" in log.read_text(), 60)
            lines = connections.read_text().count("\n")
            wait_until(lambda: connections.read_text().count("\n") >= lines + 50, 60)
        assert requests.failures == []
        # Among what is dropped may be a few lines of the other log, that tell of it.
        wait_until(lambda: 0 <= connections.read_text().count("\n") + dropped() - daemon.service()["total"] <= 20, 60)
        found = connections.read_text().splitlines()
        assert [line for line in found if not LINE.fullmatch(line)] == []
        daemon.stop()
