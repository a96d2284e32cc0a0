"""Listening sockets: one for each slot, none shared by accident."""

from __future__ import annotations

import os
import socket
import struct
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from director.config.model import Endpoint, Listen
from director.errors import RightsError, SystemFailure
from director.master.listeners import open_address, remove_stale_socket


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def tcp(host: str = "127.0.0.1") -> Listen:
    return Listen(ip=Endpoint(host, free_port()))


def test_each_slot_has_a_socket_and_only_those_asked_for_listen() -> None:
    listen = tcp()
    address = open_address(listen, 3)
    assert len({sock.fileno() for sock in address.sockets}) == 3
    assert address.serving == 1
    assert address.socket_for(1) is address.sockets[1]
    assert address.serving == 2
    address.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((listen.ip.host, listen.ip.port), timeout=2)


def test_connections_are_spread_over_the_listening_slots() -> None:
    listen = tcp()
    address = open_address(listen, 4)
    address.socket_for(2)
    clients = [socket.create_connection((listen.ip.host, listen.ip.port)) for _ in range(300)]
    shares: Counter[int] = Counter()
    for slot in range(3):
        try:
            while True:
                sock, _ = address.sockets[slot].accept()
                shares[slot] += 1
                sock.close()
        except BlockingIOError:
            pass
    assert sum(shares.values()) == 300
    assert min(shares.values()) > 50
    for client in clients:
        client.close()
    address.close()


def test_a_tail_that_gets_nobody_any_more_can_be_closed_and_resets_nobody() -> None:
    listen = tcp()
    address = open_address(listen, 3)
    address.socket_for(2)
    early = [socket.create_connection((listen.ip.host, listen.ip.port)) for _ in range(60)]
    assert sum(address.waiting()) == 60
    assert address.waiting()[2] > 0
    assert address.spread_over(2)
    before = address.waiting()[2]
    late = [socket.create_connection((listen.ip.host, listen.ip.port)) for _ in range(60)]
    assert address.waiting()[2] == before
    for _ in range(before):
        address.sockets[2].accept()[0].close()
    assert address.waiting()[2] == 0
    address.close_tail(2)
    assert (len(address.sockets), address.serving) == (2, 2)
    assert sum(address.waiting()) == 120 - before
    more = [socket.create_connection((listen.ip.host, listen.ip.port)) for _ in range(20)]
    assert sum(address.waiting()) == 140 - before
    for client in (*early, *late, *more):
        client.close()
    address.close()


def test_a_rival_is_found_out_even_if_it_shares_its_port() -> None:
    listen = tcp()
    with socket.socket() as rival:
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        rival.bind((listen.ip.host, listen.ip.port))
        rival.listen()
        with pytest.raises(SystemFailure, match="something else listens there"):
            open_address(listen, 2)


def test_an_address_of_a_link_is_bound_on_its_interface() -> None:
    # None has it, but the kernel has understood which one is meant.
    with pytest.raises(SystemFailure, match=r"can't listen on \[fe80::1%lo\]:9: .*no such address"):
        open_address(Listen(ip=Endpoint("fe80::1%lo", 9)), 1)


def test_an_address_this_machine_has_not_is_said_so() -> None:
    with pytest.raises(SystemFailure, match=r"can't listen on 192\.0\.2\.1:.*no such address"):
        open_address(Listen(ip=Endpoint("192.0.2.1", 9)), 1)


def test_that_one_has_no_right_to_listen_there_is_an_error_of_its_own_with_what_would_help(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    us = os.geteuid()
    if us == 0:
        os.seteuid(65534)
    try:
        if us == 0:  # others may have been given the right to low ports
            with pytest.raises(RightsError, match=r"Permission denied \(ports below 1024 need root"):
                open_address(Listen(ip=Endpoint("127.0.0.1", 1)), 1)
        with pytest.raises(RightsError, match=r"Permission denied$"):
            open_address(Listen(ip=Endpoint(path=str(tmp_path / "socket"))), 1)
    finally:
        os.seteuid(us)


def test_all_ipv6_addresses_leave_ipv4_alone() -> None:
    port = free_port()
    six = open_address(Listen(ip=Endpoint("::", port)), 2)
    four = open_address(Listen(ip=Endpoint("*", port)), 2)
    assert [sock.getsockname()[:2] for sock in (*six.sockets, *four.sockets)] == 2 * [("::", port)] + 2 * [
        ("0.0.0.0", port)
    ]
    six.close()
    four.close()


def test_accepted_sockets_inherit_their_options() -> None:
    listen = tcp()
    address = open_address(listen, 1)
    with socket.create_connection((listen.ip.host, listen.ip.port)):
        sock, _ = address.sockets[0].accept()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        sock.close()
    address.close()


@pytest.mark.parametrize(("ip", "local"), [("127.0.0.1", True), ("::1", True), ("*", False), ("::", False)])
def test_only_where_clients_are_of_this_machine_nothing_is_paced(ip: str, local: bool) -> None:
    with socket.socket() as any_socket:
        usual = any_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    port = free_port("")
    address = open_address(Listen(ip=Endpoint(ip, port)), 1)
    with socket.create_connection(("::1" if ":" in ip else "127.0.0.1", port)):
        sock, _ = address.sockets[0].accept()
        with sock:
            used = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
            assert used.rstrip(b"\0") == b"reno" if local else used == usual
    address.close()


def test_a_unix_socket_is_one_for_all_slots_and_goes_with_its_address(tmp_path: Path) -> None:
    path = tmp_path / "s"
    address = open_address(Listen(ip=Endpoint(path=str(path)), mode=0o600), 4)
    assert address.socket_for(0) is address.socket_for(3)
    assert os.stat(path).st_mode & 0o777 == 0o600
    with pytest.raises(SystemFailure, match="can't listen on unix:"):
        open_address(Listen(ip=Endpoint(path=str(path))), 1)
    address.close()
    assert not path.exists()


def test_a_unix_socket_is_given_to_accounts_by_name_or_number(tmp_path: Path) -> None:
    ip = Endpoint(path=str(tmp_path / "s"))
    open_address(Listen(ip=ip, owner=str(os.getuid()), group=str(os.getgid())), 1).close()
    with pytest.raises(SystemFailure, match=r"can't give unix:.* to user 'no-such-user': there is no such user"):
        open_address(Listen(ip=ip, owner="no-such-user"), 1)
    with pytest.raises(SystemFailure, match=r"can't give unix:.* to group 'no-such-group': there is no such group"):
        open_address(Listen(ip=ip, group="no-such-group"), 1)


def options(sock: socket.socket) -> tuple[int, int, int]:
    """Seconds that a client may be silent, clients that may say something at once, and clients that may wait."""
    most = struct.unpack_from("II", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32), 24)[1]
    named = (socket.TCP_DEFER_ACCEPT, socket.TCP_FASTOPEN)
    defer, fast = (sock.getsockopt(socket.IPPROTO_TCP, option) for option in named)
    return defer, fast, most


def test_an_open_address_becomes_what_its_config_says_later() -> None:
    plain = tcp()
    address = open_address(plain, 2)
    address.socket_for(1)
    before = [options(sock) for sock in address.sockets]
    address.become(replace(plain, backlog=7, defer_accept=3.0, fast_open=True))
    for defer, fast, most in map(options, address.sockets):
        assert defer >= 3
        assert (fast, most) == (7, 7)
    address.become(plain)
    assert [options(sock) for sock in address.sockets] == before
    address.close()


def test_the_file_of_an_open_unix_socket_gets_what_its_config_says_later(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    plain = Listen(ip=Endpoint("", 0, path=str(path)))
    address = open_address(plain, 1)
    was = path.stat()
    address.become(replace(plain, mode=0o606, owner=str(os.getuid()), group=str(os.getgid())))
    assert path.stat().st_mode & 0o777 == 0o606
    address.become(plain)
    now = path.stat()
    assert (now.st_mode, now.st_uid, now.st_gid) == (was.st_mode, was.st_uid, was.st_gid)
    with pytest.raises(SystemFailure, match="no such user"):
        address.become(replace(plain, mode=0o600, owner="nobody-of-that-name"))
    assert path.stat().st_mode == was.st_mode
    assert address.listen == plain
    address.close()


def test_a_stale_unix_socket_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    remove_stale_socket(str(path))
    assert not path.exists()
    path.write_text("mine")
    with pytest.raises(SystemFailure):
        open_address(Listen(ip=Endpoint(path=str(path))), 1)
    assert path.read_text() == "mine"
