"""Very many connections at once, and more than there are descriptors for."""

from __future__ import annotations

import os
import resource
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.system.addresses import accepts, connect, free_address
from tests.system.configs import host, one_service
from tests.system.daemon import DIRECTORD, ROOT, Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests
from tests.waiting import keep_watching, wait_until

MANY = 10_000


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Room for MANY of them in this process and its children."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY + 1_000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        assert os.getuid() == 0, f"needs {wanted} descriptors, and the limit is {hard}: ulimit -Hn"
        hard = wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def echo() -> Iterator[str]:
    """An echo in a process of its own."""
    address = free_address()
    process = subprocess.Popen([sys.executable, "-m", "tests.system.hosts", address], cwd=ROOT)
    try:
        wait_until(lambda: accepts(address))
        yield address
    finally:
        process.kill()
        process.wait()


def open_echo_close(daemon: Daemon, address: str, count: int) -> None:
    """That many connections: opened, each echoes, idle, each echoes, closed."""
    clients = [connect(address, timeout=30) for _ in range(count)]
    try:
        for word in (b"first", b"second"):
            for client in clients:
                client.sendall(word)
            for client in clients:
                assert client.recv(16) == word
            wait_until(lambda: daemon.service()["open"] == count)
    finally:
        for client in clients:
            client.close()
    wait_until(lambda: daemon.service()["open"] == 0, timeout=20)


@pytest.mark.usefixtures("descriptors")
def test_ten_thousand_idle_connections(daemon: Daemon, echo: str) -> None:
    address = free_address()
    daemon.start(one_service(address, host("a", echo), workers=4))
    open_echo_close(daemon, address, 200)
    workers = [psutil.Process(pid) for pid in daemon.workers().values()]
    descriptors_before = [worker.num_fds() for worker in workers]

    open_echo_close(daemon, address, MANY)
    memory_once = sum(worker.memory_info().rss for worker in workers)
    open_echo_close(daemon, address, MANY)
    memory_twice = sum(worker.memory_info().rss for worker in workers)

    wait_until(lambda: [worker.num_fds() for worker in workers] == descriptors_before)
    # An allocator keeps what it got once; what it needs a second time is a leak.
    assert memory_twice < memory_once * 1.05, (memory_once, memory_twice)
    assert daemon.service()["total"] == 2 * MANY + 200
    assert daemon.service()["refused"] == 0


def start_with_descriptors(daemon: Daemon, count: int) -> None:
    limited = f"ulimit -n {count}; exec {' '.join([*DIRECTORD, *daemon.options, 'start'])}"
    subprocess.run(["bash", "-c", limited], env=daemon.environment, check=True, timeout=60)


def test_who_comes_while_few_descriptors_are_in_use_waits_and_is_served(
    daemon: Daemon, serve: Callable[..., Host]
) -> None:
    address = free_address()
    daemon.configure(one_service(address, host("a", serve().address), workers=1))
    start_with_descriptors(daemon, 64)
    waiting = [connect(address, timeout=30) for _ in range(60)]
    for client in waiting:
        client.sendall(b"x")
    while waiting:
        answered, _, _ = select.select(waiting, [], [], 30)
        assert answered
        for client in answered:
            assert client.recv(1) == b"x"
            client.close()
            waiting.remove(client)
    wait_until(lambda: daemon.service()["total"] == 60)
    assert daemon.service()["refused"] == 0


@pytest.mark.fault(12)
def test_without_descriptors_accepting_pauses_and_nobody_spins(daemon: Daemon, serve: Callable[..., Host]) -> None:
    address = free_address()
    daemon.configure(one_service(address, host("a", serve().address), workers=1))
    start_with_descriptors(daemon, 128)
    worker = psutil.Process(daemon.workers()[0])
    master, hub = daemon.master, daemon.hub()
    clients = [connect(address) for _ in range(200)]
    try:
        used = worker.cpu_times()
        keep_watching(lambda: worker.is_running(), seconds=1)
        assert worker.cpu_times().user + worker.cpu_times().system - used.user - used.system < 0.5
        assert 20 < daemon.service()["open"] < 128
    finally:
        for client in clients:
            client.close()
    with ShortRequests(address) as requests:
        wait_until(lambda: requests.done > 20, timeout=20)
    assert requests.failures == []
    assert (daemon.master, daemon.hub(), daemon.workers()) == (master, hub, {0: worker.pid})
    assert "Traceback" not in daemon.log


def test_the_collector_does_not_pass_over_thousands_of_hosts_again_and_again(tmp_path: Path) -> None:
    config = tmp_path / "config.xml"
    config.write_text(one_service("127.0.0.1:9", *(host(f"h{number}", "127.0.0.1:9") for number in range(2000))))
    counted = """
import gc, sys
from director.__main__ import main
before = gc.get_stats()[0]["collections"]
main(["check", sys.argv[1]])
print(gc.get_stats()[0]["collections"] - before)
"""
    command = [sys.executable, "-c", counted, str(config)]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout
    assert int(said.splitlines()[-1]) <= 2
