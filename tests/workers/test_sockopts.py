"""Options on bare descriptors, read back through sockets."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from director.config.model import Service
from workers.sockopts import end_writing, of_service, send_at_once, set_options, stay_local, stays_here


def test_a_service_gets_what_it_asks_for() -> None:
    service = Service(name="s", keepalive_idle=30.0, keepalive_interval=5.0, keepalive_count=3, user_timeout=2.5)
    with socket.socket() as sock:
        set_options(sock.fileno(), of_service(service))
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert [
            sock.getsockopt(socket.IPPROTO_TCP, option)
            for option in (
                socket.TCP_KEEPIDLE,
                socket.TCP_KEEPINTVL,
                socket.TCP_KEEPCNT,
                socket.TCP_USER_TIMEOUT,
            )
        ] == [30, 5, 3, 2500]
        set_options(sock.fileno(), of_service(Service(name="s", keepalive=False)))
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_small_writes_leave_at_once_and_a_unix_socket_does_not_mind() -> None:
    with socket.socket() as sock, socket.socket(socket.AF_UNIX) as unix:
        send_at_once(sock.fileno())
        send_at_once(unix.fileno())
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_end_of_writing_is_told() -> None:
    ours, theirs = socket.socketpair()
    end_writing(ours.fileno())
    assert theirs.recv(1) == b""
    theirs.send(b"x")
    assert ours.recv(1) == b"x"
    ours.close()
    theirs.close()
    end_writing(9999)  # nobody is there: no error


def congestion_control(sock: socket.socket) -> bytes:
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0")


def receive_buffer(sock: socket.socket) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1"])
def test_what_stays_on_this_machine_is_neither_paced_nor_buffered_without_bound(ip: str) -> None:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family) as listener, socket.socket(family) as client:
        listener.bind((ip, 0))
        listener.listen()
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        with server:
            for sock in (client, server):
                stay_local(sock.fileno())
                assert congestion_control(sock) == b"reno"
            client.sendall(b"x")
            assert server.recv(1) == b"x"
            allowed = int(Path("/proc/sys/net/core/rmem_max").read_text()) >= 1 << 20
            assert (receive_buffer(server) == 2 << 20) == allowed  # the kernel doubles what it is asked for


def test_what_comes_from_elsewhere_or_is_over_stays_as_the_system_has_it() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket() as unconnected:
        before = congestion_control(unconnected), receive_buffer(unconnected), receive_buffer(ours)
        stay_local(unconnected.fileno())
        stay_local(ours.fileno())
        assert (congestion_control(unconnected), receive_buffer(unconnected), receive_buffer(ours)) == before
    stay_local(9999)  # nobody is there: no error


@pytest.mark.parametrize(
    ("ours", "theirs", "stays"),
    [
        ("127.0.0.1", "127.0.0.5", True),
        ("10.0.0.7", "10.0.0.7", True),
        ("fd00::7", "fd00::7", True),
        ("10.0.0.7", "10.0.0.8", False),
        ("::ffff:10.0.0.7", "::ffff:10.0.0.8", False),
        ("fe80::1%eth0", "fe80::2%eth0", False),
    ],
)
def test_a_connection_stays_here_if_both_ends_are_one_address_or_of_the_loopback(
    ours: str, theirs: str, stays: bool
) -> None:
    assert stays_here(ours, theirs) is stays
