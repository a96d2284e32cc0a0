"""How connections end, each way provoked for real, the line of the log that says so, and that all count the same."""

from __future__ import annotations

import itertools
import json
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

import pytest

from tests.system.addresses import connect, free_address, listen, parse, reset
from tests.system.configs import group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Echo, Host
from tests.waiting import wait_until

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


def test_short_timeouts_are_kept(daemon: Daemon, serve: Callable[..., Host]) -> None:
    idle, full = free_address(), free_address()
    hosts = group(host("a", serve(Echo).address))
    daemon.start(
        config(
            service(idle, hosts, name="idle", idle_timeout="1s"),
            service(full, hosts, name="full", maxconn=1, queue_timeout="200ms"),
        )
    )

    def lateness(address: str, timeout: float) -> float:
        """Of many clients that come at times of their own: the middle one, since this machine may be busy."""
        ended: list[float] = []

        def client(number: int) -> None:
            threading.Event().wait(number * 0.07)
            with connect(address) as sock:
                began = time.monotonic()
                if address == idle:
                    sock.sendall(b"x")
                while sock.recv(1):
                    began = time.monotonic()
                ended.append(time.monotonic() - began - timeout)

        clients = [threading.Thread(target=client, args=(number,)) for number in range(15)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        assert len(ended) == len(clients)
        assert min(ended) > -0.01
        return median(ended)

    assert lateness(idle, 1.0) < 0.25
    with connect(full) as holder:
        holder.sendall(b"x")
        assert holder.recv(1) == b"x"
        assert lateness(full, 0.2) < 0.1


def test_every_end_has_its_letters(daemon: Daemon, serve: Callable[..., Host]) -> None:
    named = ("web", "inner", "refused", "slow", "patient", "idle", "limited", "full", "breaking")
    address = dict(zip(named, (free_address() for _ in named), strict=True))
    with hole() as nowhere, listen(free_address()) as silent, ExitStack() as stack:
        mute = f"127.0.0.1:{silent.getsockname()[1]}"
        if silent.getsockname()[0] != "127.0.0.1":
            mute = ":".join(map(str, silent.getsockname()))
        breaking = stack.enter_context(listen(free_address()))
        echo = serve(Echo)
        services = [
            service(address["web"], group(host("a", echo.address)), name="web"),
            service(address["inner"], group(host("a", echo.address)), name="inner", deny="127.0.0.0/8 ::1"),
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

        # Not for him, nor before he says anything.
        def is_denied() -> bool:
            unheard = client("inner", "PR")  # it may be reset before it has heard of its connection, but not always
            with pytest.raises(ConnectionResetError):
                unheard.recv(1)
            return True

        assert wait_until(is_denied, PATIENCE)

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
        # Who waits may still be asking for a place, and another worker's client get it.
        wait_until(lambda: '"queue of full"' in daemon.log, PATIENCE)
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


def test_want_of_descriptors_of_our_own_is_nobodys_fault(daemon: Daemon, serve: Callable[..., Host]) -> None:
    address = free_address()
    text = config(service(address, group(host("a", serve(Echo).address))))
    # Whose limits we may change: only a process with our uid.
    daemon.start(text.replace('workers="2"', 'workers="1" user="root"'))
    ends = Ends(daemon)
    (worker,) = daemon.workers().values()
    before = resource.prlimit(worker, resource.RLIMIT_NOFILE)

    def starved() -> bool:
        """One client with a limit by which it is accepted, and nothing more can be opened."""
        used = {int(name) for name in os.listdir(f"/proc/{worker}/fd")}
        free = next(number for number in itertools.count() if number not in used)
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (free + 1, before[1]))
        try:
            with connect(address) as client:
                client.settimeout(2)
                return client.recv(1) == b"" and ends.end(port_of(client)) == "RC"
        finally:
            resource.prlimit(worker, resource.RLIMIT_NOFILE, before)

    wait_until(starved, PATIENCE)
    with connect(address) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    wait_until(lambda: daemon.service()["failed"].get("RC"), PATIENCE)
    assert sum(daemon.host("a")["faults"].values()) == 0 and daemon.host("a")["state"] == "up"


def test_the_id_of_a_session_never_means_another_one(daemon: Daemon, serve: Callable[..., Host]) -> None:
    address = free_address()
    text = config(service(address, group(host("a", serve(Echo).address))))
    daemon.start(text.replace('workers="2"', 'workers="1"'))

    def names() -> list[str]:
        return [one["session"] for one in daemon.command("sessions")["sessions"]]

    with connect(address):
        copied = wait_until(names, PATIENCE)
        daemon.kill(daemon.workers()[0])
        wait_until(lambda: daemon.is_serving(1) and not names(), PATIENCE)
        with connect(address) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            (name,) = names()
            assert name.startswith("0-") and name not in copied
            done = daemon.ctl("session-close", copied[0])
            assert done.exit == 1 and "unknown session" in done.err
            client.sendall(b"y")
            assert client.recv(1) == b"y"


def test_who_is_with_a_backup_is_closed_when_another_host_is_up_again(
    daemon: Daemon, serve: Callable[..., Host]
) -> None:
    address, late = free_address(), free_address()
    spare = host("spare", serve(Echo).address, backup="yes")
    check = '<check type="tcp" interval="200ms" rise="1" fall="1"/>'
    daemon.start(config(service(address, group(check, host("a", late), spare, backup_close="yes"))))
    ends = Ends(daemon)
    with connect(address, PATIENCE) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        serve(Echo, late)
        assert client.recv(1) == b""
        assert (ends.end(port_of(client)), ends.line(port_of(client))["host"]) == ("UD", "spare")
    wait_until(lambda: daemon.host("spare")["failed"] == {"UD": 1}, PATIENCE)

    def served_by_a() -> bool:
        with connect(address, PATIENCE) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        return bool(daemon.host("a")["total"])

    wait_until(served_by_a, PATIENCE)
