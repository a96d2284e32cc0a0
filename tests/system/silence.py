"""Clients that say nothing more, or vanish without a word: they end by the timeouts and leave nothing.

A process is held to what it was after a first round, in which caches fill and code runs
for the first time: its memory must come back to that within 5 %.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

import psutil
import pytest

from tests.system.addresses import connect, free_address
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests
from tests.system.peers import need
from tests.waiting import wait_until

PATIENCE = 60.0
ROUNDS = 2  # after the first
GROWTH = 1.05


# Clients on another machine, as it were: a namespace at the other end of a cable that is then cut.
VANISHING = """
import socket, sys, time
host, port, many = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
clients = []
for number in range(many):
    client = socket.create_connection((host, port), timeout=30)
    if number % 2:
        client.sendall(b"GET / HTTP/1.1\\r\\n")
    clients.append(client)
print("all are there", flush=True)
time.sleep(600)
"""


class Remote:
    """A namespace of the network with a cable to it. `local` is our address at the cable."""

    def __init__(self) -> None:
        self._ip, mine = need("ip", "iproute2"), os.getpid()
        self._name, self._cable, end = f"dir{mine}", f"dir{mine}a", f"dir{mine}b"
        net = f"198.18.{mine >> 6 & 255}.{mine << 2 & 255}"  # of the addresses for tests of networks
        base, last = net.rsplit(".", 1)
        self.local, there = f"{base}.{int(last) + 1}", f"{base}.{int(last) + 2}"
        made = subprocess.run([self._ip, "netns", "add", self._name], capture_output=True, text=True, timeout=PATIENCE)
        if made.returncode:
            pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
        self._run("link", "add", self._cable, "type", "veth", "peer", "name", end, "netns", self._name)
        self._run("address", "add", f"{self.local}/30", "dev", self._cable)
        self._run("link", "set", self._cable, "up")
        self._run("-n", self._name, "address", "add", f"{there}/30", "dev", end)
        self._run("-n", self._name, "link", "set", end, "up")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run("netns", "delete", self._name)  # and with it the cable

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self._ip, "netns", "exec", self._name, *words], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )

    def cut(self) -> None:
        """Nothing comes over the cable any more, no FIN and no RST."""
        self._run("link", "set", self._cable, "down")

    def mend(self) -> None:
        self._run("link", "set", self._cable, "up")

    def _run(self, *words: str) -> None:
        done = subprocess.run([self._ip, *words], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, (words, done.stderr)


def _stays_as_it_is(daemon: Daemon, address: str, come_and_go: Callable[[], None]) -> float:
    """Round by round, beside good clients, none of whom fails. Returns the longest that one of them took."""
    worker = psutil.Process(daemon.workers()[0])

    def memory() -> tuple[int, int]:
        """All that is mapped, and what is its own."""
        full = worker.memory_full_info()
        return full.rss, full.uss

    with ShortRequests(address, timeout=PATIENCE) as requests:
        wait_until(lambda: requests.done > 20, PATIENCE)
        come_and_go()
        fds, before = worker.num_fds(), memory()
        after = []
        for _ in range(ROUNDS):
            come_and_go()
            after.append(memory())
        enough = requests.done + 20
        wait_until(lambda: requests.done > enough, PATIENCE)
    assert requests.failures == []
    wait_until(lambda: worker.num_fds() <= fds + 2, PATIENCE)
    for first, later in zip(before, zip(*after, strict=True), strict=True):
        assert min(later) <= first * GROWTH, (before, after)
    return requests.slowest


def clients_fall_silent(daemon: Daemon, serve: Callable[..., Host], many: int) -> None:
    """Half of them in the middle of a word, the others before the first."""
    address = free_address()
    main = group(host("a", serve().address))
    daemon.start(director(service(address, main, idle_timeout="3s"), workers=1))

    def stall() -> None:
        total = daemon.service()["total"]
        with ExitStack() as stack:
            clients = [stack.enter_context(connect(address, PATIENCE)) for _ in range(many)]
            for client in clients[::2]:
                client.sendall(b"GET / HTTP/1.1\r\nHost: ")  # half of something
            wait_until(lambda: daemon.service()["total"] >= total + many, PATIENCE)
            wait_until(lambda: daemon.service()["open"] <= 2, PATIENCE)  # the good ones come and go

    _stays_as_it_is(daemon, address, stall)


def clients_vanish(daemon: Daemon, serve: Callable[..., Host], many: int) -> None:
    """The cable between them and us is cut, so that neither FIN nor RST comes."""
    good = free_address()
    with Remote() as remote:
        port = good.rpartition(":")[2]
        addresses = good, f"{remote.local}:{port}"
        main = group(host("a", serve().address))
        web = service(
            addresses,
            main,
            keepalive_idle="1s",
            keepalive_interval="1s",
            keepalive_count=2,
            user_timeout="3s",
        )
        daemon.start(director(web, workers=1))

        def vanish() -> None:
            total = daemon.service()["total"]
            clients = remote.start(sys.executable, "-c", VANISHING, remote.local, port, str(many))
            try:
                wait_until(lambda: daemon.service()["open"] >= many, PATIENCE)
                remote.cut()
            finally:
                clients.kill()
                clients.communicate()
            wait_until(lambda: daemon.service()["open"] <= 2, PATIENCE)
            wait_until(lambda: daemon.service()["total"] >= total + many, PATIENCE)
            remote.mend()

        assert _stays_as_it_is(daemon, good, vanish) < 3
