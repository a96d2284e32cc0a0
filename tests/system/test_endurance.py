"""Workers that hang, and clients that do: each costs only itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.addresses import free_address
from tests.system.admins import Site
from tests.system.configs import host, one_service
from tests.system.daemon import ROOT, Daemon
from tests.system.hosts import Host
from tests.system.load import Askers, ShortRequests
from tests.system.peers import need_root
from tests.system.silence import clients_fall_silent, clients_vanish
from tests.waiting import wait_until

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


@pytest.mark.fault(11)
@pytest.mark.parametrize("kind", ["hub", "web"])
def test_a_hub_or_web_admin_in_an_endless_loop_is_replaced_and_traffic_never_waits(
    daemon: Daemon, hosts: Callable[..., list[Host]], copy: Path, kind: str
) -> None:
    flag = daemon.folder / "spin"
    with (copy / {"hub": "control/hub.py", "web": "control/web/run.py"}[kind]).open("a") as code:
        code.write(SPIN.replace("FLAG", repr(str(flag))))
    daemon.folder.chmod(0o777)
    daemon.environment["PYTHONPATH"] = str(copy)
    site = Site(daemon, hosts("a", "b"), worker_timeout="2s")
    daemon.environment["PYTHONPATH"] = str(ROOT)
    pid = {"hub": daemon.hub, "web": site.web}[kind]
    before, workers = pid(), daemon.workers()
    with Askers(site.service, timeout=PATIENCE) as requests:
        flag.touch()
        wait_until(lambda: "process hung" in daemon.log, PATIENCE)
        wait_until(lambda: pid() != before and site.ask("/running.txt")[0] == 200, PATIENCE)
        done = requests.done + 50
        wait_until(lambda: requests.done > done, PATIENCE)
    assert requests.failures == []
    assert requests.slowest < 3
    assert "in _spin" in daemon.log and "killed by SIGABRT" in daemon.log
    assert daemon.workers() == workers


@pytest.mark.fault(15)
def test_hundreds_of_clients_that_say_nothing_more_end_and_leave_nothing(daemon: Daemon, serve: Serve) -> None:
    clients_fall_silent(daemon, serve, MANY)


@pytest.mark.fault(15)
def test_hundreds_of_clients_that_vanish_without_a_word_end_and_leave_nothing(daemon: Daemon, serve: Serve) -> None:
    need_root()
    clients_vanish(daemon, serve, MANY)
