"""TLS from open files, and clients that go away, are silent or odd. Serving is seen in tests/system/test_web.py."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import socket, ssl

from control.web import listening as module
from control.web.listening import Listening, context
from director.errors import RefusedError
from director.master import selfsigned
from tests.waiting import until


def test_a_certificate_comes_from_an_open_file(tmp_path: Path) -> None:
    path = selfsigned.path(str(tmp_path))
    selfsigned.ensure(path)
    fd = os.open(path, os.O_RDONLY)
    assert context(fd, fd, (path, path)).minimum_version.name == "TLSv1_2"
    os.close(fd)


def test_what_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("rubbish")
    fd = os.open(tmp_path / "x.pem", os.O_RDONLY)
    with pytest.raises(RefusedError, match=r"can't use certificate x\.pem .*; write cert and key in PEM"):
        context(fd, fd, ("x.pem", "x.pem"))
    os.close(fd)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_client_that_goes_away_is_no_fault_of_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secure: bool, reset: bool
) -> None:
    faults: list[object] = []
    monkeypatch.setattr(gevent.get_hub(), "print_exception", lambda *args: faults.append(args))
    over: list[bool] = []

    def endless(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        try:
            while True:
                yield bytes(100_000)
        finally:
            over.append(True)

    path = selfsigned.path(str(tmp_path))
    selfsigned.ensure(path)
    fd = os.open(path, os.O_RDONLY)
    listener = socket.create_server(("127.0.0.1", 0))
    where = listener.getsockname()
    listening = Listening(listener.detach(), endless, context(fd, fd, (path, path)) if secure else None)
    os.close(fd)
    client = socket.create_connection(where)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", reset, 0))
    if secure:
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        client = trusting.wrap_socket(client)
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    client.recv(1000)
    client.close()
    until(lambda: over)
    gevent.sleep(0)
    listening.close()
    assert faults == []


@contextmanager
def serving(app: Callable[[dict[str, Any], Any], Iterable[bytes]], tls: Any = None) -> Iterator[tuple[str, int]]:
    """Where this application is served."""
    listener = socket.create_server(("127.0.0.1", 0))
    where = listener.getsockname()
    listening = Listening(listener.detach(), app, tls)
    yield where
    listening.close()


def told(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    """What was asked for, and by what name of ours."""
    start("200 OK", [])
    return [f"{environ['PATH_INFO']} {environ['QUERY_STRING']} {environ.get('HTTP_HOST')}".encode()]


def asked(where: tuple[str, int], request: bytes) -> bytes:
    """All that is answered."""
    with socket.create_connection(where, timeout=10) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        (b"http://x:7001/running.txt?a=b", b"/running.txt a=b x:7001"),
        (b"HTTPS://x/", b"/  x"),
        (b"http://x", b"/  x"),
        (b"http://x?a", b"/ a x"),
        (b"/http://x/", b"/http://x/  y"),
    ],
)
def test_a_request_as_to_a_proxy_is_one_for_us(target: bytes, seen: bytes) -> None:
    with serving(told) as where:
        answer = asked(where, b"GET " + target + b" HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n")
    assert answer.endswith(b"\r\n\r\n" + seen)


def test_an_empty_line_before_a_request_is_passed_over() -> None:
    with serving(told) as where:
        assert asked(where, b"\r\nGET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_nothing_stands_between_the_head_of_an_answer_in_pieces_and_the_next_answer() -> None:
    def in_pieces(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return iter(())

    with serving(in_pieces) as where:
        answer = asked(where, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.0\r\n\r\n")
    first, second, rest = answer.split(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in first
    assert second.startswith(b"HTTP/1.1 200 ") and rest == b""


@pytest.mark.parametrize("field", [b"no colon", b"X: 1\r\n" * 100, b"Content-Length: 5\r\nContent-Length: 0"])
def test_what_is_no_request_is_refused_and_no_fault_of_ours(capfd: pytest.CaptureFixture[str], field: bytes) -> None:
    with serving(told) as where:
        answer = asked(where, b"GET / HTTP/1.1\r\nHost: x\r\n" + field + b"\r\n\r\nGET /b HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1 ") == 1
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_who_says_nothing_makes_room_for_who_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secure: bool
) -> None:
    monkeypatch.setattr(module, "_CONNECTIONS", 5)
    path = selfsigned.path(str(tmp_path))
    selfsigned.ensure(path)
    fd = os.open(path, os.O_RDONLY)
    with serving(told, context(fd, fd, (path, path)) if secure else None) as where:
        silent = [socket.create_connection(where, timeout=10) for _ in range(12)]
        for client in silent[::2]:
            client.sendall(b"\x16\x03\x01\x02\x00" if secure else b"GET / HTTP/1.1\r\nHo")
        client = socket.create_connection(where, timeout=10)
        if secure:
            trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            client = trusting.wrap_socket(client)
        client.sendall(b"GET /here HTTP/1.0\r\n\r\n")
        assert b"/here" in b"".join(iter(lambda: client.recv(65536), b""))
        for one in (client, *silent):
            one.close()
    os.close(fd)


@pytest.mark.parametrize(
    "piece", [b"GET", b"GET / HTTP/1.1\r\nX: ", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"]
)
def test_a_request_has_to_be_there_in_time(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], piece: bytes
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.3)
    over: list[bool] = []
    with serving(told) as where, socket.create_connection(where, timeout=10) as client:
        client.sendall(piece)

        def drip() -> None:
            try:
                while not over:
                    client.sendall(b"x")
                    gevent.sleep(0.05)
            except OSError:
                over.append(True)

        dripping = gevent.spawn(drip)
        dripping.join(timeout=10)
        assert over
    assert "Traceback" not in capfd.readouterr().err
