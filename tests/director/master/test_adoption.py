"""Sockets that were passed to us: matched by address, whoever opened them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from director.config.model import Config, Endpoint, Listen, Service
from director.master.adoption import adopt, passed


def config(*ips: Endpoint) -> Config:
    return Config(services=(Service(name="web", listens=tuple(Listen(ip=ip) for ip in ips)),))


def listening(host: str, family: int = socket.AF_INET, v6only: int = 1) -> tuple[int, int]:
    """A socket's descriptor, as a service manager would leave it, and its port."""
    sock = socket.socket(family)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    sock.bind((host, 0))
    sock.listen()
    port = sock.getsockname()[1]
    return sock.detach(), port


@pytest.mark.parametrize(
    ("environ", "fds"),
    [
        ({}, ()),
        ({"LISTEN_FDS": "2", "LISTEN_PID": "1"}, ()),
        ({"LISTEN_FDS": "many", "LISTEN_PID": "7"}, ()),
        ({"LISTEN_FDS": "0", "LISTEN_PID": "7", "LISTEN_FDNAMES": ""}, ()),
    ],
)
def test_what_is_not_for_us_is_left_alone_and_nobody_below_us_sees_it(
    environ: dict[str, str], fds: tuple[int, ...]
) -> None:
    assert passed(environ, 7) == fds
    assert environ == {}


def test_sockets_are_found_by_their_address_and_shared(tmp_path: Path) -> None:
    path = str(tmp_path / "web.sock")
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(path)
    unix.listen()
    one, port = listening("127.0.0.1")
    every, any_port = listening("0.0.0.0")
    six, six_port = listening("::", socket.AF_INET6)
    both, both_port = listening("::", socket.AF_INET6, v6only=0)
    wanted = (
        Endpoint("*", any_port),
        Endpoint("localhost", port),
        Endpoint(path=path),
        Endpoint("::", six_port),
        Endpoint("*", both_port),
        Endpoint("127.0.0.1", 1),
    )
    found = adopt(config(*wanted), [unix.detach(), one, every, six, both])
    assert set(found) == {str(ip) for ip in wanted[:-1]}
    for address in found.values():
        assert address.shared
        assert address.sockets[0].getblocking() is False
        address.close()
    assert os.path.exists(path)


def test_what_nobody_asked_for_is_closed() -> None:
    stranger, _ = listening("127.0.0.1")
    file = os.memfd_create("no socket")
    idle = socket.socket().detach()
    assert adopt(config(Endpoint("127.0.0.1", 1)), [stranger, file, idle]) == {}
    for fd in (stranger, file, idle):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_one_listen_has_one_socket() -> None:
    fd, port = listening("127.0.0.1")
    found = adopt(config(Endpoint("127.0.0.1", port)), [os.dup(fd), fd])
    assert len(found) == 1
    next(iter(found.values())).close()
