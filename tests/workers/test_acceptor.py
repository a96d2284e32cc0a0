"""Clients in, and when not."""

from __future__ import annotations

import os
import resource
import socket

from director.messages import ListenerRef, Slot
from tests.workers.plant import SERVICE, Plant, accepted, listening, read, until


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
        assert plant.pauses == [True, False]
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


def test_unix_clients_are_served(tmp_path: object) -> None:
    with listening() as host:
        plant = Plant([host.getsockname()])
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
