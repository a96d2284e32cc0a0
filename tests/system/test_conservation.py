"""Nothing is lost and nothing counted twice: the log, the statistics, clients and hosts tell the same of a mixed load.

Clients that may not connect, and that break off while they are connected, wait and transfer; hosts that
refuse, break off, never answer, fall silent and die; idle ends, limits, and
closing at an operator's word.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.system.addresses import connect, free_address, listen, reset
from tests.system.configs import group, host, service
from tests.system.daemon import Daemon
from tests.system.test_end_states import Ends, config, hole, port_of
from tests.waiting import wait_until

PATIENCE = 60.0
STATES = {"--", "CC", "CD", "SC", "sC", "SD", "cD", "sD", "sQ", "PC", "PR", "KC", "KD", "DD"}
CONNECTING = ("connect_refused", "connect_timeout", "connect_failed")  # faults before there is a connection


class Counting:
    """A host that counts what it gets and gives. A line says what it does with a connection; others come back."""

    def __init__(self) -> None:
        self.listener = listen(free_address())
        self.address = ":".join(map(str, self.listener.getsockname()))
        self.accepted = self.over = self.received = self.sent = self.broken = 0
        self._dead = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def die(self) -> None:
        """Nobody listens, and what is open is reset."""
        self._dead.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        while not self._dead.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        received, sent, broken = 0, 0, False
        client.settimeout(0.05)
        try:
            while not broken:
                try:
                    data = client.recv(1 << 16)
                except TimeoutError:
                    broken = self._dead.is_set()
                    continue
                if not data:
                    break
                received += len(data)
                if data == b"break\n":
                    broken = True
                elif data == b"flood\n":
                    while True:
                        sent += client.send(bytes(1 << 16))
                elif data != b"mute\n":
                    client.sendall(data)
                    sent += len(data)
        except OSError:
            pass
        finally:
            (reset if broken else socket.socket.close)(client)
            with self._lock:
                self.over += 1
                self.received, self.sent = self.received + received, self.sent + sent
                self.broken += broken


class Clients:
    """What clients did and got, by service."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self.count: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self._addresses = addresses
        self._lock = threading.Lock()

    @contextmanager
    def one(self, name: str) -> Iterator[socket.socket]:
        with connect(self._addresses[name], PATIENCE) as client:
            with self._lock:
                self.count[name] += 1
            yield client

    def read(self, name: str, client: socket.socket, most: int) -> int:
        """Bytes that came, until they are so many or no more come."""
        got = 0
        try:
            while got < most and (data := client.recv(min(1 << 16, most - got))):
                got += len(data)
        except ConnectionResetError:
            pass
        with self._lock:
            self.received[name] += got
        return got

    def ask(self, name: str, client: socket.socket) -> bool:
        """One exchange; False if it was closed instead."""
        line = b"x" * random.randrange(1, 2000) + b"\n"
        try:
            client.sendall(line)
        except OSError:
            return False
        return self.read(name, client, len(line)) == len(line)

    # -- kinds of the mixed load ---------------------------------------------------------

    def peaceful(self) -> None:
        with self.one("web") as client:
            for _ in range(random.randrange(1, 4)):
                assert self.ask("web", client)

    def breaking_off(self) -> None:
        with self.one("web") as client:
            assert self.ask("web", client)
            reset(client)

    def broken_by_host(self) -> None:
        with self.one("web") as client:
            assert self.ask("web", client)  # who says nothing before is suspected, and tested by the hub
            client.sendall(b"break\n")
            assert self.read("web", client, 1) == 0

    def torn(self) -> None:
        with self.one("torn") as client:
            client.sendall(b"flood\n")
            assert self.read("torn", client, 200_000) == 200_000
            reset(client)

    def refused(self) -> None:
        with self.one("none") as client:
            assert not self.ask("none", client)

    def denied(self) -> None:
        try:
            with self.one("inner") as client:
                assert not self.ask("inner", client)
        except ConnectionResetError:  # so soon that it has not heard of its connection
            with self._lock:
                self.count["inner"] += 1

    def idle(self) -> None:
        with self.one("idle") as client:
            if random.random() < 0.5:
                client.sendall(b"mute\n")
            assert self.read("idle", client, 1) == 0

    def limited(self) -> None:
        with self.one("limited") as client:
            if self.ask("limited", client):
                time.sleep(0.1)

    def impatient(self) -> None:
        with self.one("limited") as client:
            time.sleep(0.05)
            reset(client)


class Load:
    """The mixed load, in threads, until `stop`, which tells what went wrong."""

    def __init__(self, clients: Clients) -> None:
        quick = [clients.peaceful, clients.breaking_off, clients.broken_by_host, clients.torn]
        quick += [clients.refused, clients.denied]
        self._kinds: list[list[Callable[[], None]]] = [
            quick, quick, quick, [clients.idle], [clients.idle], [clients.impatient],
            *[[clients.limited]] * 5,
        ]  # fmt: skip
        self._stopping = threading.Event()
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(kinds,), daemon=True) for kinds in self._kinds]
        for thread in self._threads:
            thread.start()

    def _run(self, kinds: list[Callable[[], None]]) -> None:
        try:
            for kind in kinds:
                kind()
            while not self._stopping.is_set():
                random.choice(kinds)()
        except BaseException as error:
            self._errors.append(error)

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)
        assert self._errors == []
        assert not any(thread.is_alive() for thread in self._threads)


def test_log_statistics_clients_and_hosts_tell_the_same(daemon: Daemon) -> None:
    names = ("web", "torn", "none", "inner", "hole", "idle", "limited", "closing", "dying")
    addresses = dict(zip(names, (free_address() for _ in names), strict=True))
    served = {name: Counting() for name in ("web", "torn", "inner", "idle", "limited", "closing", "dying")}
    with hole() as nowhere, ExitStack() as stack:
        ips = {name: one.address for name, one in served.items()} | {"none": free_address(), "hole": nowhere}
        options: dict[str, dict[str, Any]] = {
            "hole": {"connect_timeout": "5s"},
            "inner": {"deny": "127.0.0.0/8"},
            "idle": {"idle_timeout": "1s"},
            "limited": {"queue": 3, "queue_timeout": "250ms"},
        }
        besides = {"web": [host("gone", free_address())]}
        limit = {"limited": {"maxconn": 1}}
        daemon.start(
            config(
                *(
                    service(
                        addresses[name],
                        group(host("a", ips[name], **limit.get(name, {})), *besides.get(name, ())),
                        name=name,
                        **options.get(name, {}),
                    )
                    for name in names
                )
            )
        )
        clients, ends = Clients(addresses), Ends(daemon)

        def states() -> set[str]:
            return {line["end"] for line in ends.lines()}

        def held(name: str) -> socket.socket:
            return stack.enter_context(clients.one(name))

        def session(client: socket.socket, state: str) -> str:
            def found() -> str:
                sessions = daemon.command("sessions")["sessions"]
                ours = (one["session"] for one in sessions if (one["port"], one["state"]) == (port_of(client), state))
                return next(ours, "")

            return wait_until(found, PATIENCE)

        # While they are connected: one leaves, one is closed, one is given up.
        leaving, closed, _ = (held("hole") for _ in range(3))
        session(leaving, "connecting")
        reset(leaving)
        assert daemon.command("session-close", session=session(closed, "connecting"))["closed"] == 1
        holder = held("limited")
        assert clients.ask("limited", holder)
        load = Load(clients)
        # Among all others: closed by their IDs and with their host; their host dies.
        staying = [held(name) for name in ("closing", "dying") for _ in range(4)]
        for client in staying:
            assert clients.ask("closing" if client in staying[:4] else "dying", client)
        assert daemon.ctl("session-close", session(staying[0], "connected")).exit == 0
        assert daemon.ctl("host-down", "closing", "main", "a", "--close", "--force").exit == 0
        served["dying"].die()
        for client in staying:
            assert clients.read("-", client, 1) == 0
        with clients.one("dying") as late:
            assert not clients.ask("dying", late)
        # As long as nobody else gets a place, some wait for too long, and others find no room to wait.
        wait_until(lambda: states() >= STATES - {"sC"}, PATIENCE, every=0.2)
        holder.close()
        wait_until(lambda: clients.received["limited"] > 10_000, PATIENCE)
        load.stop()

        def tell_the_same() -> bool:
            return compare(ends.lines(), daemon.stats()["services"], clients, served)

        wait_until(tell_the_same, PATIENCE, every=0.2)
        assert states() >= STATES


def compare(
    lines: list[dict[str, Any]], services: list[dict[str, Any]], clients: Clients, served: dict[str, Counting]
) -> bool:
    """All that must be equal, service by service."""
    assert len(lines) == clients.count.total()
    for one in services:
        name = one["name"]
        (hosts,) = (found["hosts"] for found in one["groups"])
        ours = [line for line in lines if line["service"] == name]
        assert (one["open"], len(ours), one["total"]) == (0, clients.count[name], clients.count[name]), name
        for key in ("bytes_in", "bytes_out"):
            logged = sum(line[key] for line in ours)
            assert logged == one[key] == sum(found[key] for found in hosts), (name, key)
        # Who failed is counted once, by kind, and at the host that it had; who has left was not refused.
        failed = Counter(line["end"] for line in ours if line["end"] != "--")
        assert one["failed"] == failed, name
        for found in hosts:
            at_host = Counter(line["end"] for line in ours if line["host"] == found["name"] and line["end"] != "--")
            assert found["failed"] == at_host, (name, found["name"])
            assert found["faults"]["reset"] == at_host["SD"], (name, found["name"])
        without = [line for line in ours if line["host"] is None]
        assert one["refused"] == sum(line["end"] != "CC" for line in without), name
        # Each attempt that failed is a fault of a host, and counted in the line of whoever made it.
        faults = sum(found["faults"][kind] for found in hosts for kind in CONNECTING)
        assert faults == sum(line["retries"] for line in ours), name
        if name in served:
            agree_with_host(name, ours, hosts, clients.received[name], served[name])
    return True


def agree_with_host(
    name: str, ours: list[dict[str, Any]], hosts: list[dict[str, Any]], received: int, served: Counting
) -> None:
    """What the host has seen of a service's connections, and clients have got."""
    a = next(found for found in hosts if found["name"] == "a")
    assert served.over == served.accepted
    # Who leaves at the very moment that he gets a host may be there for the host alone.
    leaving = sum(line["end"] == "CC" for line in ours) if name == "limited" else 0
    assert a["total"] <= served.accepted <= a["total"] + leaving, name
    assert a["bytes_in"] == served.received, name
    if name == "torn":  # what was under way when the client broke off has come to us, and no further
        assert received <= a["bytes_out"] <= served.sent, name
    else:
        assert a["bytes_out"] == served.sent == received, name
    assert a["faults"]["reset"] == served.broken, name
