"""One check over a real connection: answers in pieces, resets, full backlogs."""

from __future__ import annotations

import errno
import socket
import struct
import threading
import time
from _socket import socket as Socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from control.attempt import Job
from director.config.model import Check
from tests.control.test_prober import Clinic, listening
from tests.waiting import until

INET = int(socket.AF_INET)
REDIS = Check(type="send", send="PING\\r\\n", expect="+PONG", timeout=0.5)


def served(serve: Callable[[socket.socket], None]) -> tuple[int, tuple[str, int]]:
    """The address of a server that does this with its first client."""
    listener, where = listening()

    def run() -> None:
        with listener:
            client, _ = listener.accept()
            with client:
                serve(client)

    threading.Thread(target=run, daemon=True).start()
    return INET, where


def pong(client: socket.socket) -> None:
    assert client.recv(100) == b"PING\r\n"
    for byte in b"+PONG\r\n":
        client.send(bytes([byte]))


def reset(client: socket.socket) -> None:
    client.recv(100)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def last_words(client: socket.socket) -> None:
    """An answer and the end of the connection, in one packet."""
    client.recv(100)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    client.sendall(b"+PO")


@pytest.mark.parametrize(
    ("serve", "status"),
    [
        (last_words, "L7RSP"),
        (pong, "L7OK"),
        (lambda client: client.sendall(b"-ERR"), "L7RSP"),
        (lambda client: client.close(), "L7RSP"),
        (reset, "L7RSP"),
        (lambda client: client.recv(100) and client.recv(100), "L7TOUT"),
    ],
)
def test_a_conversation_ends_as_the_host_ends_it(serve: Callable[[socket.socket], None], status: str) -> None:
    outcome = Clinic().one(REDIS, served(serve))
    assert outcome.status == status
    assert outcome.reached


def test_an_answer_that_does_not_end_in_time_is_told_from_none() -> None:
    def trickle(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nre")
        with suppress(ConnectionResetError):
            while client.recv(100):
                pass

    outcome = Clinic().one(Check(type="http", pattern="ready", timeout=0.2), served(trickle))
    assert (outcome.status, outcome.cause) == ("L7TOUT", "connected, but no end of the answer in 0.2 s")


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """Where nobody answers a call: a full backlog."""
    listener, where = listening(0)
    with ExitStack() as ends:
        ends.enter_context(listener)
        for _ in range(4):
            filler = ends.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(where)
        yield where


def test_a_full_backlog_is_no_answer(silent: tuple[str, int]) -> None:
    outcome = Clinic().one(Check(timeout=0.3), (INET, silent))
    assert (outcome.status, outcome.cause, outcome.reached) == ("L4TOUT", "no answer in 0.3 s", False)


def test_an_address_that_does_not_answer_leaves_time_for_the_next_one(silent: tuple[str, int]) -> None:
    assert Clinic().one(replace(REDIS, timeout=0.9), (INET, silent), served(pong), (INET, silent)).good


def test_several_addresses_have_no_more_time_than_one(silent: tuple[str, int]) -> None:
    clinic = Clinic()
    outcome = clinic.one(Check(timeout=0.6), *[(INET, silent)] * 3)
    assert (outcome.status, outcome.cause) == ("L4TOUT", "no answer in 0.6 s")
    assert 0.5 <= clinic.seconds[0] < 5


def test_an_answer_may_take_the_time_that_other_addresses_did_not_need(silent: tuple[str, int]) -> None:
    def hesitant(client: socket.socket) -> None:
        client.recv(100)
        time.sleep(0.5)
        client.sendall(b"+PONG\r\n")

    assert Clinic().one(replace(REDIS, timeout=0.9), served(hesitant), (INET, silent), (INET, silent)).good


def test_a_unix_host_is_well_until_its_backlog_is_full(tmp_path: Path) -> None:
    path = str(tmp_path / "host")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as filler:
        listener.bind(path)
        listener.listen(0)
        assert Clinic().one(Check(timeout=1.0), (int(socket.AF_UNIX), path)).status == "L4OK"
        listener.accept()[0].close()
        filler.connect(path)
        full = Clinic().one(Check(timeout=1.0), (int(socket.AF_UNIX), path))
        assert (full.status, full.cause) == ("L4CON", "its backlog is full")


@pytest.mark.parametrize(("way", "status"), [(True, "SOCKERR"), (False, "L4CON")])
def test_want_of_ports_says_nothing_of_the_host_but_it_has_to_be_where_we_can_call_it(
    way: bool, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Portless(Socket):
        def connect_ex(self, address: object) -> int:
            return errno.EADDRNOTAVAIL

    monkeypatch.setattr("control.attempt.Socket", Portless)
    monkeypatch.setattr("control.attempt.has_way", lambda family, where: way)
    outcome = Clinic().one(Check(), (INET, ("127.0.0.1", 9)))
    assert (outcome.good, outcome.status, outcome.errno) == (False, status, errno.EADDRNOTAVAIL)


def accepted(listener: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
    """The next client, while the loop runs, and where it calls from."""
    listener.setblocking(False)
    got: list[tuple[socket.socket, tuple[str, int]]] = []

    def one() -> bool:
        try:
            got.append(listener.accept())
        except BlockingIOError:
            return False
        return True

    until(one)
    return got[0]


@pytest.mark.parametrize("check", [Check(), Check(type="send", send="x", expect="y")])
def test_a_check_calls_from_the_source_of_its_host_and_no_other_check_does_so_after_it(check: Check) -> None:
    listener, where = listening(16)
    callers = []
    clinic = Clinic()
    for number, source in enumerate(["127.0.0.5", None, "127.0.0.6", None]):
        clinic.jobs[number] = Job(number, ("web", "main", "a"), check, ((INET, where),), source=source)
        clinic.prober.book(number, time.monotonic())
        client, (caller, _) = accepted(listener)
        callers.append(caller)
        if check.type == "send":
            client.send(b"y")
        until(lambda: len(clinic.outcomes) == len(callers))
        client.close()
    assert callers == ["127.0.0.5", "127.0.0.1", "127.0.0.6", "127.0.0.1"]
    assert all(outcome.good for _, outcome in clinic.outcomes)
    listener.close()


def test_a_source_that_is_not_ours_is_told() -> None:
    clinic = Clinic()
    clinic.jobs[1] = Job(1, ("web", "main", "a"), Check(), ((INET, ("127.0.0.1", 9)),), source="192.0.2.1")
    clinic.prober.book(1, time.monotonic())
    until(lambda: clinic.outcomes)
    outcome = clinic.outcomes[0][1]
    assert (outcome.status, outcome.cause) == ("L4CON", "can't call from 192.0.2.1: not ours, or of another family")
