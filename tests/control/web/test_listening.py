"""TLS from open files, and clients that go away. Serving is seen in tests/system/test_web.py."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import socket, ssl

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
    with pytest.raises(RefusedError, match=r"can't use certificate x\.pem"):
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
