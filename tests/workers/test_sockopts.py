"""Options on bare descriptors, read back through sockets."""

from __future__ import annotations

import socket

from director.config.model import Service
from workers.sockopts import end_writing, of_service, send_at_once, set_options


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
