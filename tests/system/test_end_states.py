"""How connections end, each way provoked for real, the line of the log that says so, and that all count the same."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.system.addresses import connect, free_address, listen, parse, read_line, reset
from tests.system.configs import group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Echo, Host
from tests.system.waiting import wait_until

PATIENCE = 30.0  # seconds for a line of the log


class Ends:
    """The connection log of a daemon, as JSON, by the client's port."""

    def __init__(self, daemon: Daemon) -> None:
        self.file = daemon.folder / "connections.log"

    def lines(self) -> list[dict[str, Any]]:
        text = self.file.read_text() if self.file.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def line(self, port: int) -> dict[str, Any]:
        return wait_until(lambda: next((one for one in self.lines() if one["client_port"] == port), {}), PATIENCE)

    def end(self, port: int) -> str:
        return str(self.line(port)["end"])


def port_of(client: socket.socket) -> int:
    return int(client.getsockname()[1])


@contextmanager
def hole() -> Iterator[str]:
    """An address that never answers: its backlog is full, and nobody accepts."""
    address = free_address()
    with listen(address, backlog=0), ExitStack() as stack:
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(parse(address)[1])
        yield address


def config(*services: str) -> str:
    logging = '<logging file="director.log" format="json" connections="connections.log"/>'
    return f'<director workers="2">{"".join(services)}{logging}</director>'


def test_every_end_has_its_letters(daemon: Daemon, serve: Callable[..., Host]) -> None:
    named = ("web", "refused", "slow", "patient", "idle", "limited", "full", "breaking")
    address = dict(zip(named, (free_address() for _ in named), strict=True))
    with hole() as nowhere, listen(free_address()) as silent, ExitStack() as stack:
        mute = f"127.0.0.1:{silent.getsockname()[1]}"
        if silent.getsockname()[0] != "127.0.0.1":
            mute = ":".join(map(str, silent.getsockname()))
        breaking = stack.enter_context(listen(free_address()))
        echo = serve(Echo)
        services = [
            service(address["web"], group(host("a", echo.address)), name="web"),
            service(address["refused"], group(host("a", free_address())), name="refused"),
            service(address["slow"], group(host("a", nowhere)), name="slow", connect_timeout="1s"),
            service(address["patient"], group(host("a", nowhere)), name="patient", connect_timeout="5m"),
            service(address["idle"], group(host("a", mute)), name="idle", idle_timeout="3s"),
            service(
                address["limited"], group(host("a", echo.address, maxconn=1)),
                name="limited", queue=1, queue_timeout="1s",
            ),
            service(
                address["full"], group(host("a", echo.address, maxconn=1)), name="full", queue=1, queue_timeout="5m"
            ),
            service(
                address["breaking"], group(host("a", ":".join(map(str, breaking.getsockname())))), name="breaking"
            ),
        ]  # fmt: skip
        daemon.start(config(*services))
        ends = Ends(daemon)
        ports: dict[str, int] = {}

        def client(name: str, key: str) -> socket.socket:
            found = stack.enter_context(connect(address[name]))
            ports[key] = port_of(found)
            return found

        def session(key: str, state: str) -> str:
            """The ID of a client's session, once it has come so far."""

            def found() -> str:
                sessions = daemon.command("sessions")["sessions"]
                return next((s["session"] for s in sessions if (s["port"], s["state"]) == (ports[key], state)), "")

            return wait_until(found, PATIENCE)

        # In peace; broken by the client; by the host.
        with client("web", "--") as peaceful:
            peaceful.sendall(b"x")
            assert peaceful.recv(1) == b"x"
        broken = client("web", "CD")
        broken.sendall(b"x")
        assert broken.recv(1) == b"x"
        reset(broken)
        victim = client("breaking", "SD")
        victim.sendall(b"x")
        theirs, _ = breaking.accept()
        theirs.settimeout(10)
        assert theirs.recv(1) == b"x"
        reset(theirs)

        # No host: refused; no answer in time; the client leaves before; an operator closes it before.
        client("refused", "SC")
        client("slow", "sC")
        impatient = client("patient", "CC")
        session("CC", "connecting")
        reset(impatient)
        client("patient", "KC")
        assert daemon.ctl("session-close", session("KC", "connecting")).exit == 0

        # Nothing is said for idle-timeout: by the client, or by the host that owes an answer.
        client("idle", "cD")
        client("idle", "sD").sendall(b"question")

        # A limit: who has it, who waits for too long, who finds the queue full, and who is closed while waiting.
        for name in ("limited", "full"):
            first = client(name, f"{name} KD")
            first.sendall(b"x")
            assert first.recv(1) == b"x"
        client("limited", "sQ")
        client("full", "KQ")
        waiting = session("KQ", "waiting")
        client("full", "PC")
        assert ends.end(ports["PC"]) == "PC"
        assert daemon.ctl("session-close", waiting).exit == 0
        assert ends.end(ports["sQ"]) == "sQ"
        assert daemon.ctl("session-close", "--service", "full", "--reason", "test").out == "1 session closed\n"
        assert first.recv(1) == b""
        assert daemon.ctl("session-close", "--service", "limited").exit == 0

        # Its host was taken away.
        gone = client("web", "DD")
        gone.sendall(b"x")
        assert gone.recv(1) == b"x"
        assert daemon.ctl("host-down", "web", "main", "a", "--close", "--force").exit == 0
        assert {key: ends.end(port) for key, port in ports.items()} == {key: key.split()[-1] for key in ports}
        assert "connections closed" in daemon.ctl("events", "200").out


def test_log_statistics_clients_and_hosts_count_the_same(daemon: Daemon) -> None:
    """A load of every kind at once: peaceful, broken by either side, refused."""
    address, other, gone = free_address(), free_address(), free_address()
    served = Served()
    with served:
        hosts = group(host("a", served.address), host("b", gone))
        daemon.start(config(service(address, hosts), service(other, group(host("a", gone)), name="none")))
        with ThreadsOf(8) as clients:
            sent = clients.total(lambda: one_of_all_kinds(address, other))
        ends = Ends(daemon)
        total = sum(sent["kinds"].values())
        wait_until(lambda: len(ends.lines()) == total, 60)
        lines = ends.lines()
        states = Counter(line["end"] for line in lines)
        wait_until(lambda: sum(one["total"] for one in daemon.stats()["services"]) == total, PATIENCE)
        wait_until(lambda: served.over == served.accepted == served_total(daemon), PATIENCE)
        stats = daemon.stats()

        web, none = stats["services"]
        # Every connection is a line, a client's and a count.
        assert (web["total"], none["total"]) == (total - sent["kinds"]["refused"], sent["kinds"]["refused"])
        assert states["SC"] == sent["kinds"]["refused"] == none["refused"]
        a = next(one for one in web["groups"][0]["hosts"] if one["name"] == "a")
        assert a["total"] == served.accepted == total - states["SC"]
        # Bytes, too: what clients sent has arrived, is in the log and in the statistics.
        assert sum(line["bytes_in"] for line in lines) == a["bytes_in"]
        assert sum(line["bytes_out"] for line in lines) == a["bytes_out"] == web["bytes_out"]
        assert served.received == a["bytes_in"] == sent["bytes"]
        # A connection that its host broke is a fault, once, of that kind at that host.
        assert a["faults"]["reset"] == states["SD"] == served.broken
        assert {kind: count for kind, count in a["faults"].items() if count} == {"reset": states["SD"]}
        assert states["--"] + states["CD"] + states["SD"] + states["SC"] == total


def served_total(daemon: Daemon) -> int:
    return int(daemon.host("a")["total"])


class Served:
    """A host that counts what it gets; told `break`, it resets the connection."""

    def __init__(self) -> None:
        self.listener = listen(free_address())
        self.address = ":".join(map(str, self.listener.getsockname()))
        self.accepted = self.over = self.received = self.broken = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Served:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(60)
        received, broken = 0, 0
        try:
            line = read_line(client)
            received = len(line) + 1 if line else 0
            if line == "break":
                client.sendall(b".")  # who says nothing before is suspected, and tested by the hub
                time.sleep(0.05)
                reset(client)
                broken = 1
            else:
                client.sendall(line.encode() * 10)
                while data := client.recv(1 << 16):
                    received += len(data)
        except OSError:
            pass
        finally:
            client.close()
            with self._lock:
                self.over += 1
                self.received += received
                self.broken += broken


def one_of_all_kinds(address: str, other: str) -> tuple[str, int]:
    """One connection of a kind by chance: its kind, and the bytes that its client sent."""
    kind = random.choice(["peaceful", "peaceful", "broken by client", "broken by host", "refused"])
    with connect(other if kind == "refused" else address, 60) as client:
        if kind == "refused":
            assert client.recv(1) == b""
            return kind, 0
        line = b"break\n" if kind == "broken by host" else b"x" * random.randrange(1, 2000) + b"\n"
        client.sendall(line)
        try:
            while len(client.recv(1 << 16)) and kind == "broken by host":
                pass
        except ConnectionResetError:
            assert kind == "broken by host"
        if kind == "broken by client":
            reset(client)
        return kind, len(line)


class ThreadsOf:
    """Clients at the same time, for a second or more."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._stop = time.monotonic() + 1.5

    def __enter__(self) -> ThreadsOf:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def total(self, one: Callable[[], tuple[str, int]]) -> dict[str, Any]:
        kinds: Counter[str] = Counter()
        amounts: list[int] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                while time.monotonic() < self._stop or not amounts:
                    kind, amount = one()
                    kinds[kind] += 1
                    amounts.append(amount)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=run) for _ in range(self.count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        if errors:
            pytest.fail(f"a client failed: {errors[0]!r}")
        return {"kinds": kinds, "bytes": sum(amounts)}
