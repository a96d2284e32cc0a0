"""Workers come and go, accepting is paused and resumed, and no client notices."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.system.addresses import connect, free_address, parse
from tests.system.configs import host, one_service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests, Streams
from tests.waiting import wait_until

Serve = Callable[..., Host]
PATIENCE = 30.0


def serving(daemon: Daemon, workers: int) -> bool:
    """Whether so many workers serve; those that leave apart."""
    states = [worker["state"] for worker in daemon.stats()["workers"]]
    return states.count("serving") == workers and set(states) <= {"serving", "draining"}


def listening(daemon: Daemon, address: str) -> int:
    """How many sockets listen there."""
    _, where = parse(address)
    return sum(
        connection.status == psutil.CONN_LISTEN and tuple(connection.laddr) == where
        for connection in psutil.Process(daemon.master).net_connections("tcp")
    )


@contextmanager
def loaded(address: str) -> Iterator[Streams]:
    """Streams and short requests all the while; none may fail."""
    with Streams(address, 10) as streams, ShortRequests(address) as requests:
        wait_until(lambda: requests.done > 10)
        yield streams
        more = requests.done + 20
        wait_until(lambda: requests.done > more, PATIENCE)
    assert streams.broken == {}
    assert requests.failures == []


def test_workers_come_and_go_by_signal_command_and_file(daemon: Daemon, serve: Serve) -> None:
    address, unix = free_address(), f"unix:{daemon.folder}/web.sock"
    hosts = [host("a", serve().address), host("b", serve().address)]
    text = one_service([address, unix], *hosts)
    daemon.start(text)
    master = daemon.master
    with loaded(address) as streams, ShortRequests(unix) as requests:
        daemon.kill(master, signal.SIGTTIN)
        wait_until(lambda: serving(daemon, 3), PATIENCE)
        done = daemon.ctl("workers-set", "5")
        assert (done.exit, done.out.splitlines()[0]) == (0, "workers are 5, no longer 3")
        wait_until(lambda: serving(daemon, 5) and listening(daemon, address) == 5, PATIENCE)
        with Streams(address, 40) as more:
            wait_until(lambda: len(set(daemon.owners().values())) == 5, PATIENCE)
            daemon.kill(master, signal.SIGTTOU)
            wait_until(lambda: "workers are 4" in daemon.log, PATIENCE)
            assert "workers are 1, no longer 4" in daemon.ctl("workers-set", "1").out
            wait_until(lambda: serving(daemon, 1), PATIENCE)
            # Those that leave finish what they have, and the sockets nobody has are closed.
            wait_until(lambda: listening(daemon, address) == 1, PATIENCE)
            exchanged = more.exchanged + 100_000
            wait_until(lambda: more.exchanged > exchanged, PATIENCE)
            assert [worker["state"] for worker in daemon.stats()["workers"]].count("draining") == 4
            daemon.reload(text.replace('workers="2"', 'workers="3"'))
            wait_until(lambda: serving(daemon, 3), PATIENCE)
        assert more.broken == {}
        assert len(streams.alive) == 10
        assert requests.done > 10
    assert requests.failures == []
    wait_until(lambda: daemon.is_serving(3), PATIENCE)
    assert daemon.master == master
    assert daemon.service()["open"] == 0
    said = [entry["change"] for entry in json.loads(daemon.ctl("--json", "journal").out)["changes"]]
    assert said[0] == "workers are 3, no longer 2"
    assert len(said) == 4


def test_the_number_of_workers_survives_a_restart_and_the_last_stays(daemon: Daemon, serve: Serve) -> None:
    daemon.start(one_service(free_address(), host("a", serve().address)))
    assert daemon.ctl("workers-set", "1").exit == 0
    wait_until(lambda: daemon.is_serving(1), PATIENCE)
    daemon.kill(daemon.master, signal.SIGTTOU)
    wait_until(lambda: "signal=TTOU" in daemon.log)
    for word in ("0", "many", "1025"):
        refused = daemon.ctl("workers-set", word)
        assert (refused.exit, "workers" in refused.err) == (1, True), refused.text
    assert daemon.directord("restart").exit == 0
    wait_until(lambda: daemon.is_serving(1), PATIENCE)


def test_workers_leave_and_an_address_comes_with_one_reload(daemon: Daemon, serve: Serve) -> None:
    address, more = free_address(), free_address()
    hosts = [host("a", serve().address)]
    daemon.start(one_service(address, *hosts))
    with loaded(address):
        daemon.reload(one_service([address, more], *hosts).replace('workers="2"', 'workers="1"'))
        with Streams(more, 5) as streams:
            wait_until(lambda: daemon.service()["open"] >= 5 and streams.exchanged > 10_000, PATIENCE)
            wait_until(lambda: serving(daemon, 1), PATIENCE)
            wait_until(lambda: listening(daemon, address) == listening(daemon, more) == 1, PATIENCE)
        assert streams.broken == {}
    assert "Traceback" not in daemon.log


@pytest.mark.fault(21)
def test_winch_leaves_clients_in_the_backlog_and_another_one_serves_them(daemon: Daemon, serve: Serve) -> None:
    address, more = free_address(), free_address()
    text = one_service(address, host("a", serve().address))
    daemon.start(text)
    with Streams(address, 5) as streams:
        wait_until(lambda: daemon.service()["open"] == 5)  # none waits in the backlog, as those that come later do
        daemon.kill(daemon.master, signal.SIGWINCH)
        wait_until(lambda: {worker["state"] for worker in daemon.stats()["workers"]} == {"paused"})
        exchanged = streams.exchanged + 10_000
        wait_until(lambda: streams.exchanged > exchanged)
        daemon.kill(daemon.workers()[0])  # who comes instead accepts nothing either
        wait_until(lambda: len(streams.broken) > 0 or daemon.log.count("process ready") > 3, PATIENCE)
        wait_until(lambda: {worker["state"] for worker in daemon.stats()["workers"]} == {"paused"}, PATIENCE)
        daemon.reload(one_service([address, more], host("a", serve().address)))
        clients = [connect(one) for one in (address, more) for _ in range(4)]
        for client in clients:
            client.sendall(b"x")
        assert "paused" in daemon.directord("upgrade").text
        assert daemon.service()["open"] == len(streams.alive)
        daemon.kill(daemon.master, signal.SIGWINCH)
        for client in clients:
            assert client.recv(1) == b"x"
            client.shutdown(socket.SHUT_RDWR)
            client.close()
    wait_until(lambda: daemon.is_serving(2))


def test_a_worker_that_hears_late_of_a_pause_that_is_over_serves(daemon: Daemon, serve: Serve) -> None:
    daemon.start(one_service(free_address(), host("a", serve().address)))
    worker = daemon.workers()[0]
    daemon.kill(worker, signal.SIGSTOP)
    daemon.kill(daemon.master, signal.SIGWINCH)
    wait_until(lambda: "accept paused" in daemon.log)
    daemon.kill(daemon.master, signal.SIGWINCH)
    wait_until(lambda: "accept resumed" in daemon.log)
    daemon.kill(worker, signal.SIGCONT)
    wait_until(lambda: None not in daemon.digests())  # it has read what it was told before
    wait_until(lambda: daemon.is_serving(2))
