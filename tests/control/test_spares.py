"""Sockets that are used again: cut off from their host, and as good as new."""

from __future__ import annotations

import errno
import select
import socket
from _socket import socket as Socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import control.spares
from control.spares import Spares


@contextmanager
def listening(family: int, address: str) -> Iterator[socket.socket]:
    with socket.socket(family) as sock:
        sock.bind((address, 0))
        sock.listen()
        sock.settimeout(10)
        yield sock


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_host_sees_a_reset_and_the_next_one_a_connection_like_any_other(family: int, address: str) -> None:
    spares = Spares()
    with listening(family, address) as first, listening(family, address) as second:
        sock = Socket(family)
        sock.connect(first.getsockname())
        before, _ = first.accept()
        before.send(b"never read")
        assert spares.give(sock)
        with before, pytest.raises(ConnectionResetError):
            before.recv(10)
        again = spares.take(family)
        assert again is sock
        again.connect(second.getsockname())
        host, where = second.accept()
        with host:
            assert where[:2] == again.getsockname()[:2]
            host.send(b"hello")
            assert again.recv(100) == b"hello"
            again.send(b"bye")
            assert host.recv(100) == b"bye"
        again.close()


def test_one_whose_call_was_never_answered_is_as_good() -> None:
    spares = Spares()
    sock = Socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    assert sock.connect_ex(("127.0.0.1", 1)) in (errno.EINPROGRESS, errno.ECONNREFUSED)
    assert spares.give(sock)
    with listening(socket.AF_INET, "127.0.0.1") as host:
        assert spares.take(socket.AF_INET) is sock
        assert sock.connect_ex(host.getsockname()) == errno.EINPROGRESS
        assert select.select([], [sock], [], 10)[1]
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        sock.close()


def test_a_unix_socket_is_not_kept() -> None:
    ours, theirs = socket.socketpair()
    spare = Socket(fileno=ours.detach())
    assert not Spares().give(spare)
    spare.close()
    theirs.close()


def test_what_is_kept_is_bounded_and_closed_in_the_end() -> None:
    spares = Spares()
    socks = [Socket(socket.AF_INET) for _ in range(control.spares._KEPT + 9)]
    kept = [sock for sock in socks if spares.give(sock)]
    assert len(kept) == control.spares._KEPT
    spares.close()
    assert {sock.fileno() for sock in kept} == {-1}
    assert spares.take(socket.AF_INET) is None
    for sock in socks:
        sock.close()
