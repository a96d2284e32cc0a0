"""Bytes through a relay: all of them, in order, in both directions, whatever happens."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass, field

import gevent
import pytest
from hypothesis import HealthCheck, given, settings, strategies

from tests.workers.plant import Plant, accepted, descriptors, listening, read, until
from workers.pipe import Pipe

RESET = struct.pack("ii", 1, 0)


@dataclass
class End:
    """One end of a relayed connection, as a test plays it."""

    sock: socket.socket
    sent: bytearray = field(default_factory=bytearray)
    got: bytearray = field(default_factory=bytearray)
    finished: bool = False  # sends nothing more
    over: bool = False  # saw the end of what it receives
    gone: bool = False

    def send(self, data: bytes) -> None:
        while data and not self.finished and not self.gone:
            try:
                count = self.sock.send(data)
            except BlockingIOError:
                gevent.sleep(0)
                return
            except OSError:
                self.gone = True
                return
            self.sent += data[:count]
            data = data[count:]

    def receive(self) -> None:
        while not self.over and not self.gone:
            try:
                data = self.sock.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                self.gone = True
                return
            self.got += data
            self.over = not data

    def finish(self) -> None:
        if not self.finished and not self.gone:
            self.finished = True
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                self.gone = True

    def reset(self) -> None:
        if not self.gone:
            self.gone = True
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.sock.close()


STEPS = strategies.lists(
    strategies.tuples(
        strategies.sampled_from(["send", "send", "send", "receive", "receive", "run", "finish", "reset"]),
        strategies.booleans(),
        strategies.sampled_from([1, 7, 1000, 70_000, 600_000]),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, strategies.booleans())
def test_every_byte_arrives_in_order_and_nothing_leaks(steps: list[tuple[str, bool, int]], small: bool) -> None:
    with listening() as host_socket:
        if small:
            host_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plant = Plant([host_socket.getsockname()])
        client_socket = socket.socket()
        if small:
            client_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client_socket.connect(plant.address)
        client_socket.setblocking(False)
        client, host = End(client_socket), End(accepted(host_socket))
        before_pipes = descriptors()
        for action, at_client, size in steps:
            end = client if at_client else host
            match action:
                case "send":
                    end.send(os.urandom(size))
                case "receive":
                    end.receive()
                case "run":
                    gevent.sleep(0.001)
                case "finish":
                    end.finish()
                case "reset":
                    end.reset()
        reset = client.gone or host.gone
        client.finish()
        host.finish()

        def quiet() -> bool:
            client.receive()
            host.receive()
            return (client.over or client.gone) and (host.over or host.gone) and not plant.sessions.all

        until(quiet)
        for sender, receiver in ((client, host), (host, client)):
            assert sender.sent.startswith(receiver.got)
            if not reset:
                assert receiver.got == sender.sent
        tally = plant.services.hosts_tally[3]
        if not reset:
            assert (tally.bytes_in, tally.bytes_out) == (len(client.sent), len(host.sent))
            assert plant.ended == ["--"]
        assert (tally.total, tally.ended) == (1, 1)
        assert plant.board.hosts[3].own == 0
        client.sock.close()
        host.sock.close()
        until(lambda: descriptors() <= before_pipes - 2 + 32)
        plant.close()


def test_a_half_closed_client_still_gets_its_answer() -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()])
        client = plant.connect()
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        host = accepted(host_socket)
        assert read(host, 100) == b"question"
        host.send(b"answer")
        host.close()
        assert read(client, 100) == b"answer"
        until(lambda: not plant.sessions.all)
        assert plant.ended == ["--"]
        plant.close()


def test_a_host_that_ends_first_still_gets_the_rest() -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()])
        client = plant.connect()
        host = accepted(host_socket)
        host.send(b"bye")
        host.shutdown(socket.SHUT_WR)
        assert read(client, 100) == b"bye"
        client.setblocking(True)
        client.sendall(b"the rest")
        client.close()
        assert read(host, 100) == b"the rest"
        until(lambda: not plant.sessions.all)
        plant.close()


def test_what_a_client_sent_before_it_left_reaches_a_slow_host() -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()])
        client = plant.connect()
        host = accepted(host_socket)
        client.setblocking(False)
        sent = 0
        chunk = b"x" * 65536
        while True:
            gevent.sleep(0.002)
            try:
                sent += client.send(chunk)
            except BlockingIOError:
                break
        client.close()
        assert len(read(host, sent + 1)) == sent
        host.close()
        until(lambda: not plant.sessions.all)
        plant.close()


@pytest.mark.parametrize(("breaker", "state"), [("client", "CD"), ("host", "SD")])
def test_the_end_state_says_who_broke_off(breaker: str, state: str) -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()])
        client = plant.connect()
        host = accepted(host_socket)
        until(lambda: plant.services.hosts_tally[3].total)
        End(client if breaker == "client" else host).reset()
        until(lambda: not plant.sessions.all)
        assert plant.ended == [state]
        assert plant.services.hosts_tally[3].faults == [0, 0, 0, int(breaker == "host"), 0]
        (host if breaker == "client" else client).close()
        plant.close()


def test_a_reader_that_stops_costs_a_bounded_buffer() -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()])
        client = plant.connect()
        host = accepted(host_socket)
        for _ in range(2000):
            try:
                host.send(b"x" * 65536)
            except BlockingIOError:
                gevent.sleep(0.001)
        (session,) = plant.sessions.all.values()
        assert session.server.received < 64 * 1024 * 1024
        pending = session.client.pending
        held = pending.held if isinstance(pending, Pipe) else len(pending or b"")
        assert held <= 1024 * 1024
        client.close()
        host.close()
        until(lambda: not plant.sessions.all)
        plant.close()


@pytest.mark.parametrize("end_early", [False, True])
def test_bulk_goes_through_pipes_byte_by_byte_and_they_are_given_back(end_early: bool) -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()])
        client = plant.connect()
        client.setblocking(False)
        client_end, host_end = End(client), End(accepted(host_socket))
        data = os.urandom(24 * 1024 * 1024)
        used = 0

        def step() -> bool:
            nonlocal used
            for end in (client_end, host_end):
                end.send(data[len(end.sent) : len(end.sent) + 4 * 1024 * 1024])
                end.receive()
            used = max(used, plant.relay.pipes.open)
            return len(client_end.got) + len(host_end.got) >= (len(data) if end_early else 2 * len(data))

        until(step, 30)
        assert used
        if end_early:
            client_end.reset()
            host_end.sock.close()
        else:
            assert client_end.got == host_end.got == data
            client_end.finish()
            host_end.finish()
        until(lambda: not plant.sessions.all)
        tally = plant.services.hosts_tally[3]
        if not end_early:
            assert (tally.bytes_in, tally.bytes_out) == (len(data), len(data))
        for _ in range(20):
            plant.relay.pipes.sweep()
        assert plant.relay.pipes.open == 0
        for sock in (client_end.sock, host_end.sock):
            sock.close()
        plant.close()


@pytest.mark.parametrize("piece", [1000, 300_000])
@pytest.mark.parametrize("leaver", ["client", "host"])
def test_who_closes_without_reading_the_rest_ends_an_endless_stream(leaver: str, piece: int) -> None:
    with listening() as host:
        plant = Plant([host.getsockname()])
        client = plant.connect()
        server = accepted(host)
        client.setblocking(False)
        gone, sender = (client, server) if leaver == "client" else (server, client)
        until(lambda: plant.sessions.all)
        gone.close()  # its FIN first; a RST answers the first bytes that come after it
        left = End(sender)

        def over() -> bool:
            left.send(b"x" * piece)
            left.receive()
            return left.gone and not plant.sessions.all

        until(over)
        plant.close()
