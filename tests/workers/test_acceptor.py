"""Clients in, and when not."""

from __future__ import annotations

import os
import resource
import socket

import pytest

from director.messages import ListenerRef, Slot
from tests.waiting import until
from tests.workers.plant import SERVICE, Plant, accepted, listening, read


def next_descriptor() -> int:
    """The number that the kernel gives next: there may be gaps below the highest."""
    number = os.dup(0)
    os.close(number)
    return number


def test_at_its_capacity_a_worker_pauses_and_goes_on_when_there_is_room() -> None:
    with listening() as host:
        plant = Plant([host.getsockname()], capacity=5)
        clients = [plant.connect() for _ in range(8)]
        until(lambda: plant.pauses == [True])
        assert len(plant.sessions.all) == 5
        for client in clients[:3]:
            client.close()
        for _ in range(5):
            accepted(host).close()
        until(lambda: len(plant.sessions.all) < 4)
        plant.sweep()
        assert plant.pauses[:2] == [True, False]  # who waited may have filled it again at once
        for _ in range(3):
            accepted(host)
        for client in clients:
            client.close()
        plant.close()


def test_without_descriptors_accepting_pauses_instead_of_spinning() -> None:
    with listening() as host:
        plant = Plant([host.getsockname()])
        clients = [plant.connect() for _ in range(3)]
        for _ in clients:
            accepted(host)
        waiting = plant.connect()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_descriptor(), hard))
        try:
            until(lambda: plant.pauses == [True])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

        def again() -> bool:
            plant.sweep()
            plant.poller.now += 0.01
            return plant.pauses == [True, False]

        until(again)
        waiting.sendall(b"x")
        assert read(accepted(host), 1) == b"x"
        for client in (*clients, waiting):
            client.close()
        plant.close()


def test_a_released_listener_serves_who_had_queued() -> None:
    with listening() as host:
        plant = Plant([host.getsockname()])
        clients = [plant.connect() for _ in range(20)]
        plant.acceptor.release([ListenerRef(SERVICE, "here", Slot(0))])
        assert plant.services.by_number[SERVICE].tally.total == 20
        late = plant.connect()  # the master's copy still listens
        for _ in range(20):
            accepted(host)
        assert plant.services.by_number[SERVICE].tally.total == 20
        for client in (*clients, late):
            client.close()
        plant.close()


def test_a_released_listener_tells_of_nobody_though_descriptors_ran_out_meanwhile() -> None:
    with listening() as host:
        plant = Plant([host.getsockname()])
        waiting = plant.connect()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_descriptor(), hard))
        try:
            plant.acceptor.release([ListenerRef(SERVICE, "here", Slot(0))])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert plant.pauses == [True]
        late = plant.connect()  # the master's copy still listens
        assert plant.poller._epoll.poll(0) == []
        for client in (waiting, late):
            client.close()
        plant.close()


def test_who_may_not_connect_takes_no_room_from_who_had_queued_behind_him() -> None:
    with listening() as host:
        plant = Plant([host.getsockname()], capacity=3, deny=("127.0.0.2",))
        clients = [socket.create_connection(plant.address, source_address=("127.0.0.2", 0)) for _ in range(8)]
        clients.append(plant.connect())
        clients[-1].sendall(b"x")
        plant.acceptor.release([ListenerRef(SERVICE, "here", Slot(0))])
        assert read(accepted(host), 1) == b"x"
        for client in clients:
            client.close()
        plant.close()


def test_a_listener_can_move_to_another_service() -> None:
    with listening() as host:
        plant = Plant([host.getsockname()])
        plant.acceptor.accept([ListenerRef(99, "here", Slot(0))], [os.dup(plant.listener.fileno())])
        assert read(plant.connect(), 1) == b""  # a service that is not there
        plant.acceptor.accept([ListenerRef(SERVICE, "here", Slot(0))], [os.dup(plant.listener.fileno())])
        client = plant.connect()
        accepted(host)
        client.close()
        plant.close()


def test_unix_clients_are_served_whoever_else_may_connect(tmp_path: object) -> None:
    with listening() as host:
        plant = Plant([host.getsockname()], allow=("192.0.2.1",))
        path = f"{tmp_path}/s"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        listener.setblocking(False)
        plant.acceptor.accept([ListenerRef(SERVICE, f"unix:{path}", Slot(0))], [os.dup(listener.fileno())])
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        client.sendall(b"x")
        assert read(accepted(host), 1) == b"x"
        client.close()
        plant.close()


def test_who_may_not_connect_is_reset_at_once_and_counted_as_refused() -> None:
    with listening() as host:
        plant = Plant([host.getsockname()], deny=("127.0.0.0/8",))
        ours = plant.services.by_number[SERVICE]
        for count in (1, 2):
            client = plant.connect()
            client.sendall(b"x")  # a close would be a RST anyway then; the next one says nothing
            until(lambda count=count: ours.tally.failed == {"PR": count})  # type: ignore[misc]
            with pytest.raises(ConnectionResetError):
                client.recv(1)
            client.close()
        silent = plant.connect()
        until(lambda: ours.tally.failed == {"PR": 3})
        with pytest.raises(ConnectionResetError):
            silent.recv(1)
        assert (plant.ended, ours.tally.total, ours.tally.refused, ours.open) == (["PR"] * 3, 3, 3, 0)
        assert not plant.sessions.all
        silent.close()
        plant.close()


def test_who_may_connect_changes_by_config_without_touching_who_has() -> None:
    with listening() as host:
        plant = Plant([host.getsockname()], allow=("127.0.0.1",))
        first = plant.connect()
        server = accepted(host)
        plant.configure([host.getsockname()], allow=("10.0.0.0/8",))
        denied = plant.connect()
        until(lambda: plant.ended == ["PR"])
        first.sendall(b"x")
        assert read(server, 1) == b"x"
        plant.configure([host.getsockname()])
        again = plant.connect()
        accepted(host).close()
        for client in (first, denied, again, server):
            client.close()
        plant.close()


def test_a_client_of_ipv4_is_the_same_at_a_socket_for_both() -> None:
    with listening() as host, socket.socket(socket.AF_INET6) as both:
        plant = Plant([host.getsockname()])
        both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        both.bind(("::", 0))
        both.listen()
        both.setblocking(False)
        plant.acceptor.accept([ListenerRef(SERVICE, "both", Slot(0))], [os.dup(both.fileno())])
        port = both.getsockname()[1]
        clients = [socket.create_connection((address, port), timeout=10) for address in ("127.0.0.1", "::1")]
        until(lambda: len(plant.sessions.all) == 2)
        assert [session.peer_address[:2] for session in plant.sessions.all.values()] == [
            client.getsockname()[:2] for client in clients
        ]
        for client in clients:
            client.close()
        plant.close()
