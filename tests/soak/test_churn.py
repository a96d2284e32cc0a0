"""Twenty upgrades and twenty reloads with fifty long streams; then a long time of all that may happen."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import psutil
import pytest

from tests.system.addresses import connect, free_address
from tests.system.churn import Churn
from tests.system.configs import host, one_service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests
from tests.waiting import wait_until

MINUTES = float(os.environ.get("SOAK_MINUTES", "5"))
PATIENCE = 120.0
MOST = 8  # generations that may retire at once


@pytest.mark.fault(3)
def test_twenty_upgrades_and_reloads_fail_nobody_and_leave_nothing(daemon: Daemon) -> None:
    with Churn(daemon, streams=50) as churn:
        for _ in range(20):
            churn.turn()
    churn.check()


def test_a_ninth_generation_is_refused_and_names_who_holds_the_first(
    daemon: Daemon, serve: Callable[..., Host]
) -> None:
    address = free_address()
    daemon.start(one_service(address, host("a", serve().address), upgrade_probation="0.1s", upgrade_timeout="180s"))
    clients = []
    for _ in range(MOST):
        clients.append(connect(address))
        clients[-1].sendall(b"x")
        assert clients[-1].recv(1) == b"x"
        assert daemon.directord("upgrade", timeout=PATIENCE).exit == 0
    refused = daemon.directord("upgrade", timeout=PATIENCE)
    assert refused.exit == 150, refused.text
    mine = "{}:{}".format(*clients[0].getsockname())
    assert f"{mine} to web/main/a" in refused.text
    assert daemon.service()["open"] == MOST
    for client in clients:  # nothing was cut to make room
        client.sendall(b"y")
        assert client.recv(1) == b"y"
    clients[0].close()
    wait_until(lambda: len(daemon.stats()["retiring"]) == MOST - 1, PATIENCE)
    assert daemon.directord("upgrade", timeout=PATIENCE).exit == 0
    for client in clients:
        client.close()


@pytest.mark.fault(25)
def test_for_a_long_time_only_what_was_killed_fails(daemon: Daemon, serve: Callable[..., Host]) -> None:
    """SOAK_MINUTES long: reloads, upgrades and killed workers at random moments."""
    address = free_address()
    a, b = serve(), serve()
    choose = random.Random(int(os.environ.get("SOAK_SEED", "1")))
    threads = 4

    def config() -> str:
        hosts = host("a", a.address, weight=choose.randint(1, 5)), host("b", b.address)
        return one_service(address, *hosts, workers=3, upgrade_probation="1s", upgrade_timeout="180s")

    daemon.start(config())
    killed, total = 0, 0
    sizes: list[tuple[int, int]] = []
    end = time.monotonic() + MINUTES * 60
    with ShortRequests(address, threads, timeout=PATIENCE) as requests:
        while time.monotonic() < end or len(sizes) < 2:
            for action in choose.choices(("reload", "upgrade", "kill"), (5, 1, 2), k=8):
                if action == "reload":
                    daemon.reload(config())
                elif action == "upgrade":
                    done = daemon.directord("upgrade", timeout=PATIENCE)
                    assert done.exit == 0, done.text
                else:
                    daemon.kill(choose.choice(list(daemon.workers().values())))
                    killed += 1
                # What the stats show may be a moment old: the one just killed is none of ours any more.
                wait_until(lambda: daemon.is_serving(3) and {*daemon.workers().values()} <= daemon.pids(), PATIENCE)
                now = daemon.service()["total"]
                assert now >= total
                total = now
            wait_until(lambda: len(list(daemon.run_dir.glob("g*-*"))) == 1 and len(daemon.pids()) == 5, PATIENCE)
            family = [psutil.Process(pid) for pid in daemon.pids()]
            sizes.append((sum(one.num_fds() for one in family), sum(one.memory_info().rss for one in family)))
    children = psutil.Process(daemon.master).children(recursive=True)
    assert not [one for one in children if one.status() == psutil.STATUS_ZOMBIE]
    assert len(requests.failures) <= killed * threads, requests.failures
    assert max(fds for fds, _ in sizes[1:]) <= sizes[0][0] + 20, sizes
    assert sizes[-1][1] <= sizes[0][1] * 1.25, sizes
