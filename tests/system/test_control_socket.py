"""Many at the control socket at once, and not all of them friendly: nobody is harmed, nothing is lost."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import msgpack

from tests.system.addresses import free_address
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests
from tests.waiting import wait_until

Serve = Callable[..., Host]


def client(daemon: Daemon) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(30)
    sock.connect(str(daemon.socket))
    return sock


def frame(command: str, number: int = 1) -> bytes:
    body: bytes = msgpack.packb({"v": 1, "id": number, "command": command, "args": {}})
    return struct.pack(">I", len(body)) + body


@contextmanager
def crowd(daemon: Daemon, idle: int) -> Iterator[None]:
    """So many who are silent, and one of each kind of nuisance; all stay until the end."""
    with ExitStack() as stack:
        for _ in range(idle):
            stack.enter_context(client(daemon))
        half = stack.enter_context(client(daemon))
        half.sendall(frame("stats")[:7])
        flood = stack.enter_context(client(daemon))
        flood.setblocking(False)
        sent = 0
        try:
            while sent < 4_000_000:
                sent += flood.send(frame("stats") * 100)  # and reads no answer
        except BlockingIOError:
            pass
        for data in (b"\0\xff\xff\xff\xff", b"\0\0\0\x05\xc1\xc1\xc1\xc1\xc1", b"\x80\x81 nonsense\n", b"x" * 100_000):
            nuisance = stack.enter_context(client(daemon))
            try:
                nuisance.sendall(data)
            except OSError:
                pass  # hung up on already
        for data in (b"", b"\0", frame("stats")):
            early = client(daemon)
            early.sendall(data)
            early.close()
        yield


def test_a_crowd_of_idle_and_nasty_clients_harms_neither_traffic_nor_operators(
    daemon: Daemon, serve: Callable[..., Host]
) -> None:
    listen = free_address()
    a = serve()
    daemon.start(director(service(listen, group(host("a", a.address), host("b", a.address)))))
    with ShortRequests(listen) as requests:
        with crowd(daemon, idle=1000):
            for weight in ("2", "3", "1"):
                done = daemon.ctl("host-weight", "web", "main", "b", weight)
                assert done.exit == 0, done.text
            assert daemon.host("b")["weight"] == 1
        wait_until(lambda: requests.done > 100, timeout=30)
    assert requests.failures == []
    assert "internal error" not in daemon.log


def test_changes_of_many_clients_at_once_are_made_one_after_the_other(
    daemon: Daemon, serve: Callable[..., Host]
) -> None:
    listen = free_address()
    a = serve()
    names = [f"h{number}" for number in range(8)]
    daemon.start(director(service(listen, group(*(host(name, a.address) for name in names)))))
    wrong: list[str] = []

    def operate(name: str) -> None:
        for weight in range(2, 8):
            done = daemon.command("host-weight", service="web", group="main", host=name, weight=str(weight))
            if done["applied"] > done["workers"] or not done["lines"]:
                wrong.append(f"{name}: {done}")

    with ShortRequests(listen, threads=1) as requests:
        operators = [threading.Thread(target=operate, args=(name,)) for name in names]
        for operator in operators:
            operator.start()
        for operator in operators:
            operator.join(timeout=120)
            assert not operator.is_alive()
    assert (wrong, requests.failures) == ([], [])
    changes = daemon.command("journal")["changes"]
    assert [change["number"] for change in changes] == list(range(1, 49))
    for name in names:
        said = [change["change"] for change in changes if f"'{name}'" in change["change"]]
        assert [words.split("weight ")[1][0] for words in said] == ["2", "3", "4", "5", "6", "7"]
        assert daemon.host(name)["weight"] == 7
