"""What workers know of each other: alike in all, after silence and losses, too; and so the balance is one."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

from director.framing import encode_body
from director.messages import Fault, FaultReport, Hello, Load, Message, Slot
from tests.system.addresses import connect, free_address, parse, read_line
from tests.system.configs import director, group, host, one_service, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]

NAMES = ("a", "b", "c", "d")
STRANGER = 99  # a slot that no worker has


class Feeder:
    """Speaks to the hub as if it were a worker."""

    def __init__(self, daemon: Daemon) -> None:
        (rows,) = Path(daemon.run_dir).glob("g*/rows")
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.sndhwm = 0
        self._socket.connect(f"ipc://{rows}")
        self._sequence = 0
        self.send(Hello(Slot(STRANGER), STRANGER, os.getpid()))

    def send(self, message: Message) -> None:
        self._socket.send(encode_body(message))

    def load(self, row: dict[int, int]) -> None:
        self._sequence += 1
        self.send(Load(Slot(STRANGER), STRANGER, self._sequence, False, row))

    def close(self) -> None:
        self._context.destroy(linger=1000)


@pytest.fixture
def many_hosts(daemon: Daemon) -> Iterator[Feeder]:
    """Four workers and 1000 hosts where nobody listens, with the numbers from 1 on; and someone to tell of them."""
    hosts = [host(f"h{number}", f"127.0.0.1:{20000 + number}") for number in range(1, 1001)]
    daemon.start(director(service(free_address(), group(*hosts, scheduler="leastconns")), workers=4))
    feeder = Feeder(daemon)
    yield feeder
    feeder.close()


@pytest.mark.fault(18)
def test_a_worker_that_slept_through_50000_updates_knows_all_soon_after_waking(
    daemon: Daemon, many_hosts: Feeder
) -> None:
    wait_until(lambda: daemon.agrees(4))
    asleep = daemon.workers()[2]
    daemon.kill(asleep, signal.SIGSTOP)
    slept = time.monotonic()
    try:
        for turn in range(500):
            many_hosts.load({1 + (100 * turn + place) % 1000: turn + 1 for place in range(100)})
            time.sleep(max(0.0, slept + 0.0099 * turn - time.monotonic()))
        many_hosts.send(FaultReport(1, Fault.CONNECT_REFUSED, "said the test"))
        wait_until(lambda: daemon.host("h1")["state"] == "down")
    finally:
        daemon.kill(asleep, signal.SIGCONT)
    woke = time.monotonic()
    wait_until(lambda: daemon.agrees(4), timeout=8, every=0.1)
    assert time.monotonic() - woke < 3.5
    assert daemon.workers()[2] == asleep, "it was replaced, not healed"


def test_the_age_of_what_workers_know_is_told(daemon: Daemon, hosts: Hosts) -> None:
    (a,) = hosts("a")
    daemon.start(one_service(free_address(), host("a", a.address)))
    wait_until(lambda: all(one["state_age_ms"] is not None for one in daemon.stats()["workers"]))
    assert all(0 <= one["state_age_ms"] < 2000 for one in daemon.stats()["workers"])


# -- one balance over all workers -----------------------------------------------


@contextmanager
def spread(address: str, count: int, apart: float) -> Iterator[Counter[str]]:
    """Who has that many connections; they stay open. Without `apart`, all are begun before the first is read."""
    with ExitStack() as stack:
        clients = []
        for _ in range(count):
            clients.append(stack.enter_context(connect(address) if apart else begun(address)))
            time.sleep(apart)
        yield Counter(read_line(client) for client in clients)


def begun(address: str) -> socket.socket:
    family, where = parse(address)
    client = socket.socket(family)
    client.setblocking(False)
    client.connect_ex(where)
    client.settimeout(20)
    return client


def four(daemon: Daemon, hosts: Hosts) -> str:
    address = free_address()
    backends = [host(one, backend.address) for one, backend in zip(NAMES, hosts(*NAMES), strict=True)]
    daemon.start(director(service(address, group(*backends, scheduler="leastconns")), workers=4))
    return address


def unevenness(answers: Counter[str]) -> int:
    counts = [answers[name] for name in NAMES]
    return max(counts) - min(counts)


def kill_hub(daemon: Daemon) -> None:
    before = daemon.hub()
    daemon.kill(before)
    wait_until(lambda: daemon.hub() != before and daemon.agrees(4))


def kill_worker(daemon: Daemon) -> None:
    before = daemon.workers()[1]
    daemon.kill(before)
    wait_until(lambda: daemon.workers()[1] != before)


HURTS: dict[str, Callable[[Daemon], Any]] = {
    "quiet": lambda daemon: None,
    "hub killed": kill_hub,
    "worker killed": kill_worker,
}


@pytest.mark.parametrize("hurt", HURTS)
def test_leastconns_is_one_balance_over_all_workers(daemon: Daemon, hosts: Hosts, hurt: str) -> None:
    address = four(daemon, hosts)
    HURTS[hurt](daemon)
    with spread(address, 40, apart=0.05) as answers:
        assert answers == dict.fromkeys(NAMES, 10)
    wait_until(lambda: daemon.service()["open"] == 0)
    HURTS[hurt](daemon)
    with spread(address, 400, apart=0.0) as answers:
        assert unevenness(answers) <= 8, answers


def test_what_a_dead_worker_had_is_forgotten_by_all(daemon: Daemon, hosts: Hosts) -> None:
    address = four(daemon, hosts)
    with ExitStack() as stack:
        for _ in range(60):
            read_line(stack.enter_context(connect(address)))
        kill_worker(daemon)
        wait_until(lambda: daemon.is_serving(4))
        wait_until(lambda: daemon.agrees(4))
    wait_until(lambda: daemon.service()["open"] == 0)
    with spread(address, 40, apart=0.05) as answers:
        assert answers == dict.fromkeys(NAMES, 10)
