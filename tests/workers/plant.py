"""A worker's data path without a master or a hub, on real sockets."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent

from director.config.model import Config, Endpoint, Group, Host, Service
from director.messages import Fault, ListenerRef, Running, Slot, Target
from director.scheduling.scoreboard import Scoreboard
from tests.waiting import until
from workers.acceptor import Acceptor
from workers.connector import Connector
from workers.pipe import Pipes
from workers.poller import Poller
from workers.relay import Relay
from workers.services import Services
from workers.session import Session, Sessions

SERVICE = 1  # its number; its group is 2, its hosts 3, 4, ...


class Plant:
    """All parts of the data path, wired as in a worker.

    `hosts`: the addresses of the hosts, in order. Clients come by TCP, or by a unix socket at `path`.
    """

    def __init__(self, hosts: list[Any], capacity: int = 10_000, path: str | None = None, **service: Any) -> None:
        self.faults: list[tuple[int, Fault]] = []
        self.ended: list[str] = []
        self.pauses: list[bool] = []
        self.poller = Poller(gevent.get_hub())
        self.board = Scoreboard()
        self.services = Services(self.board, random.Random(1))
        self.sessions = Sessions(self.poller, self.board)
        self.relay = Relay(self.poller, self.sessions, Pipes())
        self.connector = Connector(
            self.poller,
            self.sessions,
            self.services,
            self.board,
            self.relay,
            lambda number, fault, cause: self.faults.append((number, fault)),
        )
        self.acceptor = Acceptor(
            self.poller, self.sessions, self.services, self.connector, capacity, self.pauses.append
        )
        end = self.sessions.end

        def note(session: Session) -> None:
            if not session.over:
                self.ended.append(session.end)
            end(session)

        self.sessions.end = note  # type: ignore[method-assign]
        self.configure(hosts, **service)
        self.listener = socket.socket(socket.AF_INET if path is None else socket.AF_UNIX)
        self.listener.bind(("127.0.0.1", 0) if path is None else path)
        self.listener.listen(4096)
        self.listener.setblocking(False)
        self.address = self.listener.getsockname()
        ref = ListenerRef(SERVICE, "here", Slot(0))
        self.acceptor.accept([ref], [os.dup(self.listener.fileno())])

    def configure(self, hosts: list[Any], **service: Any) -> None:
        """Work by these hosts; they are all up."""
        numbered = tuple(
            Host(name=f"h{place}", ip=Endpoint("10.0.0.1", 1), number=3 + place) for place in range(len(hosts))
        )
        group = Group(name="main", scheduler="roundrobin", hosts=numbered, number=2)
        web = Service(name="web", groups=(group,), enabled="main", number=SERVICE, **service)
        self.services.configure(Running(1, Config(services=(web,))))
        self.services.learn([Target(3 + place, True, (_address(where),)) for place, where in enumerate(hosts)])

    def connect(self) -> socket.socket:
        """A client's connection; blocking, with a time limit."""
        return socket.create_connection(self.address, timeout=10)

    def sweep(self) -> None:
        """What the worker's timer does."""
        self.acceptor.sweep()
        self.connector.sweep()
        self.sessions.sweep()
        self.services.sweep(self.poller.now)

    def close(self) -> None:
        """End all sessions and close what is open."""
        self.acceptor.close()
        for session in list(self.sessions.all.values()):
            self.sessions.end(session)
        until(lambda: not self.poller.closing)
        self.poller.stop()
        self.listener.close()


def _address(where: Any) -> tuple[int, Any]:
    return (int(socket.AF_UNIX), where) if isinstance(where, str) else (int(socket.AF_INET), list(where))


@contextmanager
def listening(backlog: int = 128, path: str | None = None) -> Iterator[socket.socket]:
    """A host's listening socket: TCP, or a unix socket at `path`."""
    with socket.socket(socket.AF_INET if path is None else socket.AF_UNIX) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0) if path is None else path)
        sock.listen(backlog)
        sock.settimeout(10)
        yield sock


def refusing() -> tuple[str, int]:
    """An address where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()  # type: ignore[no-any-return]


def full(silent: socket.socket) -> socket.socket:
    """One of those that fill its backlog; once it is full, connects hang."""
    filler = socket.socket()
    filler.setblocking(False)
    filler.connect_ex(silent.getsockname())
    return filler


def accepted(sock: socket.socket) -> socket.socket:
    """The next connection at a host, while the loop runs."""
    sock.setblocking(False)
    got: list[socket.socket] = []

    def one() -> bool:
        try:
            got.append(sock.accept()[0])
        except BlockingIOError:
            return False
        return True

    until(one)
    got[0].setblocking(False)
    return got[0]


def read(sock: socket.socket, count: int) -> bytes:
    """That many bytes, or fewer at the end of the stream, while the loop runs."""
    sock.setblocking(False)
    data = bytearray()
    over = [False]

    def enough() -> bool:
        try:
            piece = sock.recv(65536)
        except BlockingIOError:
            return False
        data.extend(piece)
        over[0] = not piece
        return over[0] or len(data) >= count

    until(enough)
    return bytes(data)
