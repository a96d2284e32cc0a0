"""Connections that were cut count until their hosts have noticed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from director.scheduling.permits import Allotment
from director.scheduling.scoreboard import HostLoad, Scoreboard
from tests.waiting import until
from workers.cuts import Cuts
from workers.poller import ALL_EDGES, Poller

HOST = 3


class Owner:
    """Whose connection it was before it was cut."""

    def __init__(self) -> None:
        self.stage = lambda *_: None


class Bench:
    """One connection to a host, which has a limit of one."""

    def __init__(self, where: str | None = None) -> None:
        with socket.socket(socket.AF_INET if where is None else socket.AF_UNIX) as listener:
            listener.bind(("127.0.0.1", 0) if where is None else where)
            listener.listen()
            sock = socket.socket(listener.family)
            sock.connect(listener.getsockname())
            self.server, _ = listener.accept()
        sock.setblocking(False)
        self.fd = sock.detach()
        self.poller = Poller(gevent.get_hub())
        self.poller.add(self.fd, Owner(), ALL_EDGES)
        self.board = Scoreboard()
        self.host = HostLoad(HOST, "a", maxconn=1)
        self.board.permits.limits[HOST] = self.host.limit = Allotment(allotted=1, used=1)
        self.cuts = Cuts(self.poller, self.board)

    @property
    def is_free(self) -> bool:
        return not self.host.full

    def rest(self) -> None:
        """Let all happen that is about to."""
        for _ in range(5):
            gevent.sleep(0.002)


@pytest.fixture(params=["tcp", "unix"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(None if request.param == "tcp" else str(tmp_path / "host.sock"))
    yield bench
    bench.server.close()
    bench.poller.stop()


def test_its_permit_is_free_once_the_host_has_closed(bench: Bench) -> None:
    assert bench.cuts.hold(bench.fd, bench.host)
    bench.rest()
    assert bench.server.recv(10) == b""
    assert not bench.is_free
    bench.server.close()
    until(lambda: bench.is_free)


def test_its_permit_is_free_after_a_second_whatever_the_host_does(bench: Bench) -> None:
    assert bench.cuts.hold(bench.fd, bench.host)
    bench.cuts.sweep()
    assert not bench.is_free
    bench.poller.now += 1.1
    bench.cuts.sweep()
    assert bench.is_free


def test_a_host_that_talks_on_learns_of_it_by_a_reset(bench: Bench) -> None:
    if bench.server.family == socket.AF_UNIX:
        bench.server.close()
    assert bench.cuts.hold(bench.fd, bench.host)
    if bench.server.fileno() >= 0:
        bench.server.sendall(b"and another thing")
    until(lambda: bench.is_free)


def test_what_the_host_has_ended_already_is_not_waited_for() -> None:
    bench = Bench()
    bench.server.close()
    bench.rest()
    assert not bench.cuts.hold(bench.fd, bench.host)
    bench.poller.close(bench.fd)
    bench.rest()
    bench.poller.stop()
