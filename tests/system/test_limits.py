"""maxconn holds over all workers, to the connection, whatever dies meanwhile; who must wait is served in turn."""

from __future__ import annotations

import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.system.addresses import connect, free_address, parse
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Echo, Host
from tests.waiting import keep_watching, wait_until

Serve = Callable[..., Host]

HOLD = 0.2  # seconds that a host keeps a connection


class CountingHost:
    """Serves each connection for HOLD seconds, says "served" and closes; `most` is the most it ever had at once."""

    def __init__(self) -> None:
        self.address = free_address()
        self.open = self.most = self.served = 0
        self._lock = threading.Lock()
        self._listener = socket.socket(*[parse(self.address)[0]])
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(parse(self.address)[1])
        self._listener.listen(4096)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.open += 1
                self.most = max(self.most, self.open)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            sock.settimeout(HOLD)
            end = time.monotonic() + HOLD
            try:
                while (left := end - time.monotonic()) > 0:
                    sock.settimeout(left)
                    if not sock.recv(100):
                        break
            except TimeoutError:
                pass
            except OSError:
                pass
            with self._lock:
                self.open -= 1  # before the client can see the end, as the next one may come then
                self.served += 1
            try:
                sock.sendall(b"served\n")
            except OSError:
                pass  # it left

    def close(self) -> None:
        self._listener.close()


class Crowd:
    """Many clients at once; each reads until it is closed. `answers` are what they got."""

    def __init__(self, address: str, count: int) -> None:
        self.clients = [connect(address, 60.0) for _ in range(count)]
        self.answers: list[bytes] = []
        self._threads = [threading.Thread(target=self._read, args=(client,), daemon=True) for client in self.clients]
        for thread in self._threads:
            thread.start()

    def _read(self, client: socket.socket) -> None:
        with client:
            try:
                self.answers.append(client.recv(100))
            except OSError as error:
                self.answers.append(str(error).encode())

    def wait(self) -> int:
        """Wait for all; returns how many were served."""
        for thread in self._threads:
            thread.join(60.0)
        return sum(answer == b"served\n" for answer in self.answers)


@pytest.fixture
def counting() -> Iterator[CountingHost]:
    one = CountingHost()
    yield one
    one.close()


def config(address: str, host_address: str, maxconn: int | None = 20, host_maxconn: int | None = None) -> str:
    one = host("a", host_address, maxconn=host_maxconn or "none")
    web = service(
        address, group(one, scheduler="leastconns"), queue=5000, queue_timeout="60s", maxconn=maxconn or "none"
    )
    return director(web, workers=4)


@pytest.mark.parametrize("of", ["service", "host"])
def test_a_limit_holds_over_all_workers_and_all_are_served_in_turn(
    daemon: Daemon, counting: CountingHost, of: str
) -> None:
    address = free_address()
    daemon.start(config(address, counting.address, *((20, None) if of == "service" else (None, 20))))
    crowd = Crowd(address, 200)
    wait_until(lambda: daemon.service()["queued"] > 0)
    assert crowd.wait() == 200
    assert counting.most <= 20
    assert counting.most >= 19, "permits are used while somebody waits"
    wait_until(lambda: daemon.service()["queued"] == 0)
    peak = daemon.service()["peak"]
    assert 10 <= peak <= 20
    assert "limit reached" in daemon.log


def test_a_limit_holds_while_workers_and_hub_are_killed_and_it_is_changed(
    daemon: Daemon, counting: CountingHost
) -> None:
    address = free_address()
    daemon.start(config(address, counting.address, 20))
    crowd = Crowd(address, 300)
    wait_until(lambda: counting.served > 40)

    daemon.kill(daemon.hub())
    wait_until(lambda: counting.served > 80)
    victim = daemon.workers()[0]
    daemon.kill(victim, signal.SIGSTOP)  # so that what it holds can be counted
    lost = sum(pid == victim for pid in daemon.owners().values())
    daemon.kill(victim)
    wait_until(lambda: counting.served > 120)
    assert counting.most <= 20
    daemon.reload(config(address, counting.address, 30))
    served = crowd.wait()
    assert served >= 300 - lost
    assert counting.most <= 30


def test_a_lower_limit_holds_once_enough_have_ended(daemon: Daemon, counting: CountingHost) -> None:
    address = free_address()
    daemon.start(config(address, counting.address, 20))
    crowd = Crowd(address, 150)
    wait_until(lambda: counting.served > 30)
    daemon.reload(config(address, counting.address, 8))

    def holds() -> bool:
        """For a while: there may be so few for a moment before all workers know of it."""
        with counting._lock:
            counting.most = 0
        keep_watching(lambda: counting.most <= 8, seconds=0.3)
        return True

    wait_until(holds, timeout=30)
    assert crowd.wait() == 150
    assert counting.most <= 8


def test_a_full_queue_closes_at_once_and_a_long_wait_in_time(daemon: Daemon, counting: CountingHost) -> None:
    address = free_address()
    web = service(address, group(host("a", counting.address)), maxconn=1, queue=0)
    slow = free_address()
    late = service(slow, group(host("a", counting.address)), name="late", maxconn=1, queue_timeout="0.3s")
    text = director(web, late, workers=1).replace('level="debug"', 'level="debug" connections="connections.log"')
    daemon.start(text)
    wait_until(lambda: Crowd(address, 1).wait() == 1)  # the first permit has arrived
    wait_until(lambda: Crowd(slow, 1).wait() == 1)
    assert Crowd(address, 10).wait() < 10
    assert Crowd(slow, 10).wait() < 10
    log = daemon.folder / "connections.log"
    wait_until(lambda: " PC " in log.read_text() and " sQ " in log.read_text())
    wait_until(lambda: daemon.service()["refused"] > 0)


def test_1000_at_once_are_served_within_100_whatever_dies(daemon: Daemon, counting: CountingHost) -> None:
    """With the queue that is the default: its places are one pool for all workers."""
    address = free_address()

    def text(maxconn: int) -> str:
        web = service(address, group(host("a", counting.address)), maxconn=maxconn, queue_timeout="60s")
        return director(web, workers=4)

    daemon.start(text(100))
    crowd = Crowd(address, 1000)
    wait_until(lambda: counting.served > 150)
    hub = daemon.hub()
    daemon.kill(hub)
    wait_until(lambda: counting.served > 300)
    slot, victim = next(iter(daemon.workers().items()))
    daemon.kill(victim, signal.SIGSTOP)  # so that what it holds can be counted
    held = {port for port, pid in daemon.owners().items() if pid == victim}
    daemon.kill(victim)
    wait_until(lambda: daemon.workers()[slot] != victim)
    wait_until(lambda: counting.served > 500)
    assert 95 <= counting.most <= 100
    daemon.reload(text(60))
    wait_until(lambda: counting.open <= 60)
    with counting._lock:
        counting.most = 0
    assert crowd.wait() >= 1000 - len(held)
    assert counting.most <= 60


@pytest.mark.parametrize("of", ["director", "group", "service"])
def test_permits_are_in_use_soon_while_somebody_waits(daemon: Daemon, serve: Serve, of: str) -> None:
    address, backend = free_address(), serve(Echo)
    text = director(service(address, group(host("a", backend.address)), queue_timeout="60s"), workers=4)
    daemon.start(text.replace(f"<{of} ", f'<{of} maxconn="8" ', 1))
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address)) for _ in range(40)]
        began = time.monotonic()
        wait_until(lambda: backend.open == 8, every=0.005)
        took = [time.monotonic() - began]
        while len(clients) > 8:
            served = [client for client in clients if is_served(client)]
            for client in served:
                client.close()
                clients.remove(client)
            began = time.monotonic()
            wait_until(lambda: backend.open == min(8, len(clients)), every=0.005)
            took.append(time.monotonic() - began)
        assert max(took) < 1.0, took  # half of it on a machine that does nothing else


def is_served(client: socket.socket) -> bool:
    client.settimeout(0.02)
    try:
        client.sendall(b"x")
        return client.recv(1) == b"x"
    except TimeoutError:
        return False


def test_a_queue_has_as_many_places_as_it_says_over_all_workers(daemon: Daemon, serve: Serve) -> None:
    address, backend = free_address(), serve(Echo)
    web = service(address, group(host("a", backend.address)), maxconn=1, queue=10, queue_timeout="60s")
    daemon.start(director(web, workers=4))
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address)) for _ in range(60)]
        wait_until(lambda: daemon.service()["refused"] == 60 - 11)
        assert backend.open == 1
        assert daemon.service()["queued"] == 10
        gone = sum(is_closed(client) for client in clients)
        assert gone == 60 - 11


def test_places_of_killed_workers_are_there_for_others_at_once(daemon: Daemon, serve: Serve) -> None:
    address, backend = free_address(), serve(Echo)
    web = service(address, group(host("a", backend.address)), maxconn=1, queue=100, queue_timeout="60s")
    daemon.start(director(web, workers=4))
    with ExitStack() as stack:
        for _ in range(91):
            stack.enter_context(connect(address))
        wait_until(lambda: daemon.service()["queued"] == 90)
        dead = list(daemon.workers().items())[:3]
        lost = sum(worker["open"] for worker in daemon.stats()["workers"][:3])
        for _, pid in dead:
            daemon.kill(pid)
        for _ in range(lost - 1):
            stack.enter_context(connect(address))
        wait_until(lambda: all(daemon.workers()[slot] != pid for slot, pid in dead) and daemon.is_serving(4))
        keep_watching(lambda: daemon.service()["refused"] == 0, seconds=2.0)


def test_who_comes_while_the_hub_stands_still_waits_to_hear_whether_there_is_a_place(
    daemon: Daemon, serve: Serve
) -> None:
    address, backend = free_address(), serve(Echo)
    web = service(address, group(host("a", backend.address)), maxconn=1, queue=400, queue_timeout="60s")
    daemon.start(director(web, workers=4))
    hub = daemon.hub()
    daemon.kill(hub, signal.SIGSTOP)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address)) for _ in range(300)]
        keep_watching(lambda: not some_closed(clients), seconds=0.8)
        daemon.kill(hub, signal.SIGCONT)
        wait_until(lambda: backend.open == 1 and daemon.service()["queued"] == 299)
        keep_watching(lambda: not some_closed(clients), seconds=0.5)


def test_places_that_a_worker_does_not_need_while_it_stands_still_are_for_others(daemon: Daemon, serve: Serve) -> None:
    address, backend = free_address(), serve(Echo)
    web = service(address, group(host("a", backend.address)), maxconn=4, queue=400, queue_timeout="60s")
    daemon.start(director(web, workers=4))
    victim = daemon.workers()[0]
    daemon.kill(victim, signal.SIGSTOP)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address)) for _ in range(380)]
        wait_until(lambda: daemon.service()["queued"] + backend.open == 380)
        keep_watching(lambda: not some_closed(clients), seconds=3.0)
        daemon.kill(victim, signal.SIGCONT)
        wait_until(lambda: backend.open == 4 and daemon.service()["queued"] == 376)


def test_a_limit_set_while_a_worker_stands_still_is_shared_out_to_the_others(daemon: Daemon, serve: Serve) -> None:
    address, backend = free_address(), serve(Echo)
    web = service(address, group(host("a", backend.address)), queue_timeout="60s")
    daemon.start(director(web, workers=4))
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address)) for _ in range(20)]
        wait_until(lambda: daemon.service()["open"] == 20)
        victim = daemon.workers()[0]
        daemon.kill(victim, signal.SIGSTOP)
        assert daemon.ctl("service-maxconn", "web", "50").exit == 0
        clients += [stack.enter_context(connect(address)) for _ in range(50)]
        wait_until(lambda: backend.open == 50)
        daemon.kill(victim, signal.SIGCONT)
        wait_until(lambda: daemon.service()["queued"] == 20)
        keep_watching(lambda: backend.open == 50 and not some_closed(clients), seconds=0.5)


def test_who_finds_a_queue_full_is_closed_in_a_moment_also_while_generations_change(
    daemon: Daemon, serve: Serve
) -> None:
    address, backend = free_address(), serve(Echo)
    web = service(address, group(host("a", backend.address)), maxconn=1, queue=10, queue_timeout="60s")
    daemon.start(director(web, workers=2))
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connect(address))
        wait_until(lambda: daemon.service()["refused"] == 20 - 11)
        upgrading, took = daemon.spawn("upgrade"), []
        while upgrading.poll() is None:
            began = time.monotonic()
            with connect(address) as late:
                assert late.recv(1) == b""
            took.append(time.monotonic() - began)
        assert upgrading.returncode == 0
        assert max(took) < 2.5, "a fifth of a second, and the switch, on a machine that does nothing else; it was three"


def some_closed(clients: list[socket.socket]) -> bool:
    """Of clients to whom nobody says anything."""
    return bool(select.select(clients, [], [], 0)[0])


def is_closed(client: socket.socket) -> bool:
    client.settimeout(0.01)
    try:
        return client.recv(1) == b""
    except TimeoutError:
        return False
