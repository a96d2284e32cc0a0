"""Workers that hang, and clients that do: each costs only itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil

from tests.system.addresses import connect, free_address
from tests.system.configs import director, group, host, one_service, service
from tests.system.daemon import ROOT, Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests
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
