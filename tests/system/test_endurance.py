"""Workers that hang, and clients that do: each costs only itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import psutil
import pytest

from tests.system.addresses import connect, free_address
from tests.system.configs import director, group, host, one_service, service
from tests.system.daemon import ROOT, Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests
from tests.system.peers import need, need_root
from tests.system.waiting import wait_until

Serve = Callable[..., Host]
PATIENCE = 60.0
MANY = 300

SPIN = """

def _spin(flag):
    while True:
        gevent.sleep(0.05)
        try:
            os.unlink(flag)
        except OSError:
            continue
        while True:
            pass


def main(birth, old=main):
    gevent.spawn(_spin, FLAG)
    return old(birth)
"""


@pytest.mark.fault(11)
def test_a_worker_in_an_endless_loop_says_where_and_is_replaced(daemon: Daemon, serve: Serve, copy: Path) -> None:
    flag = daemon.folder / "spin"
    with (copy / "workers/run.py").open("a") as code:
        code.write(SPIN.replace("FLAG", repr(str(flag))))
    daemon.folder.chmod(0o777)  # as root, who finds the flag has no rights of its own
    address = free_address()
    daemon.environment["PYTHONPATH"] = str(copy)
    daemon.start(one_service(address, host("a", serve().address), workers=3, worker_timeout="2s"))
    daemon.environment["PYTHONPATH"] = str(ROOT)
    before = set(daemon.workers().values())
    with ShortRequests(address, timeout=PATIENCE) as requests:
        wait_until(lambda: requests.done > 20, PATIENCE)
        flag.touch()
        wait_until(lambda: "process hung" in daemon.log, PATIENCE)
        wait_until(lambda: daemon.is_serving(3) and set(daemon.workers().values()) != before, PATIENCE)
        done = requests.done + 50
        wait_until(lambda: requests.done > done, PATIENCE)
    assert len(before & set(daemon.workers().values())) == 2
    assert "in _spin" in daemon.log, "the traceback of who hung"
    assert "killed by SIGABRT" in daemon.log
    assert len(requests.failures) <= 2, requests.failures  # what it held itself: a connection of each thread


@pytest.mark.fault(15)
def test_hundreds_of_clients_that_say_nothing_more_end_and_leave_nothing(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    main = group(host("a", serve().address))
    daemon.start(director(service(address, main, idle_timeout="3s"), workers=1))
    worker = psutil.Process(daemon.workers()[0])

    def stall() -> None:
        total = daemon.service()["total"]
        with ExitStack() as stack:
            clients = [stack.enter_context(connect(address)) for _ in range(MANY)]
            for client in clients[::2]:
                client.sendall(b"GET / HTTP/1.1\r\nHost: ")  # half of something
            wait_until(lambda: daemon.service()["total"] >= total + MANY, PATIENCE)
            wait_until(lambda: daemon.service()["open"] <= 2, PATIENCE)  # the good ones come and go

    stall()
    fds, memory = worker.num_fds(), worker.memory_info().rss
    with ShortRequests(address, timeout=PATIENCE) as requests:
        stall()
        stall()
        done = requests.done + 20
        wait_until(lambda: requests.done > done, PATIENCE)
    assert requests.failures == []
    wait_until(lambda: worker.num_fds() <= fds + 2, PATIENCE)
    assert worker.memory_info().rss < memory * 1.1


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


@pytest.mark.fault(15)
def test_hundreds_of_clients_that_vanish_without_a_word_end_and_leave_nothing(daemon: Daemon, serve: Serve) -> None:
    need_root()
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
        worker = psutil.Process(daemon.workers()[0])

        def vanish() -> None:
            total = daemon.service()["total"]
            clients = remote.start(sys.executable, "-c", VANISHING, remote.local, port, str(MANY))
            try:
                wait_until(lambda: daemon.service()["open"] >= MANY, PATIENCE)
                remote.cut()
            finally:
                clients.kill()
                clients.communicate()
            wait_until(lambda: daemon.service()["open"] <= 2, PATIENCE)
            wait_until(lambda: daemon.service()["total"] >= total + MANY, PATIENCE)
            remote.mend()

        vanish()
        fds, memory = worker.num_fds(), worker.memory_info().rss
        with ShortRequests(good, timeout=PATIENCE) as requests:
            vanish()
            vanish()
            done = requests.done + 20
            wait_until(lambda: requests.done > done, PATIENCE)
        assert requests.failures == []
        assert requests.slowest < 3
        wait_until(lambda: worker.num_fds() <= fds + 2, PATIENCE)
        assert worker.memory_info().rss < memory * 1.1
