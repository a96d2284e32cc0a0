"""Processes that are stopped for a while under load: who goes on is not taken for one that hung."""

from __future__ import annotations

import signal
from collections.abc import Callable

from tests.system.addresses import free_address
from tests.system.configs import host, one_service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests, Streams
from tests.waiting import keep_watching, wait_until

PATIENCE = 60.0


def stop_a_worker(daemon: Daemon, serve: Callable[..., Host], worker_timeout: float) -> None:
    """For more than twice that: neighbours accept for it meanwhile, and it goes on where it was."""
    address = free_address()
    daemon.start(one_service(address, host("a", serve().address), workers=3, worker_timeout=f"{worker_timeout:g}s"))
    workers = daemon.workers()
    seconds = 2 * worker_timeout + 1
    with ShortRequests(address, threads=4, timeout=seconds + PATIENCE) as requests:
        daemon.kill(workers[0], signal.SIGSTOP)
        try:
            keep_watching(lambda: workers[0] in daemon.pids(), seconds)
            with ShortRequests(address, threads=4) as later:
                wait_until(lambda: later.done > 50, PATIENCE)
            assert later.failures == []
            assert later.slowest < 6
        finally:
            daemon.kill(workers[0], signal.SIGCONT)
        wait_until(lambda: daemon.is_serving(3), PATIENCE)
    assert daemon.workers() == workers
    # What a request waited for in the stopped worker itself it gets when that goes on.
    assert requests.failures == []


def stop_and_see_who_lives(daemon: Daemon, serve: Callable[..., Host], who: str, seconds: float) -> None:
    """`who`: "the master", "the hub" or "everybody". Nobody is killed for it, and no client is failed."""
    address = free_address()
    daemon.start(one_service(address, host("a", serve().address), worker_timeout="2s"))
    before = daemon.pids()
    workers, master, hub = daemon.workers(), daemon.master, daemon.hub()
    # The master first, both times: it is to meet the others as they are.
    stopped = {"the master": [master], "the hub": [hub], "everybody": [master, *(before - {master})]}[who]
    with Streams(address, 10) as streams, ShortRequests(address, timeout=seconds + PATIENCE) as requests:
        for pid in stopped:
            daemon.kill(pid, signal.SIGSTOP)
        keep_watching(lambda: requests.failures == [], seconds)
        if who != "everybody":
            assert requests.slowest < 3
        for pid in stopped:
            daemon.kill(pid, signal.SIGCONT)
        keep_watching(lambda: before <= daemon.pids(), seconds=3)
        enough = requests.done + 50
        wait_until(lambda: requests.done > enough, PATIENCE)
    assert (daemon.workers(), daemon.hub()) == (workers, hub)
    assert streams.broken == {}
    assert requests.failures == []
