"""Bytes through a relay: all of them, in order, in both directions, whatever happens."""

from __future__ import annotations

import gc
import os
import random
import socket
import tempfile
from contextlib import nullcontext

import gevent
import pytest
from hypothesis import HealthCheck, given, settings, strategies

from tests.descriptors import descriptors
from tests.waiting import until
from tests.workers.conversation import STEPS, End, Scarce, Step, play
from tests.workers.plant import Plant, accepted, listening, read
from workers.pipe import Pipe

# From the first byte on through pipes, or never, or as the kernel lets us.
SPLICE = {"on": 0.0, "off": 1.0, "mixed": 0.5}
_PROVED = 1 << 20  # large reads in a row


@pytest.mark.parametrize("refusal", SPLICE.values(), ids=SPLICE)
@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
@settings(max_examples=settings().max_examples // 2, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=STEPS,
    room=strategies.sampled_from([4608, 32_768, None]),
    seed=strategies.integers(0, 1 << 32),
)
def test_every_byte_arrives_in_order_and_nothing_leaks(
    steps: list[Step], room: int | None, seed: int, unix: bool, refusal: float
) -> None:
    gevent.sleep(0)  # the loop has descriptors of its own
    gc.collect()  # and so may have what other tests left
    before = descriptors()
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{name}" if unix else None for name in ("host", "client")]
        with listening(path=paths[0]) as host_socket:
            plant = Plant([host_socket.getsockname()], path=paths[1])
            plant.relay.pipes = pipes = Scarce(refusal, random.Random(seed))
            client = End(socket.socket(plant.listener.family))
            client.sock.connect(plant.address)
            client.sock.setblocking(False)
            host = End(accepted(host_socket))
            (session,) = plant.sessions.all.values()
            until(lambda: session.connected)
            for side in (session.client, session.server):
                side.streak, side.stage = _PROVED, plant.relay.burdened_stage
            session.eased = True  # or buffers would not stay as narrow as they are made now
            for fd in (session.client.fd, session.server.fd, client.sock.fileno(), host.sock.fileno()):
                narrow(fd, room)
            play(steps, client, host)

            def quiet() -> bool:
                client.receive()
                host.receive()
                return (client.over or client.gone) and (host.over or host.gone) and not plant.sessions.all

            until(quiet)
            tally = plant.services.hosts_tally[3]
            for sender, receiver, count in ((client, host, tally.bytes_in), (host, client, tally.bytes_out)):
                assert sender.sent.startswith(receiver.got)
                assert len(receiver.got) <= count <= len(sender.sent)
            if not (client.gone or host.gone):
                assert (len(host.got), len(client.got)) == (len(client.sent), len(host.sent))
                assert plant.ended == ["--"]
            assert (tally.total, tally.ended) == (1, 1)
            assert plant.board.hosts[3].own == 0
            assert (session.client.pending, session.server.pending) == (None, None)
            assert refusal < 1 or not pipes.lent
            assert refusal > 0 or pipes.lent or not (client.sent or host.sent)
            client.sock.close()
            host.sock.close()
            while pipes.open:
                pipes.sweep()
            plant.close()
    assert descriptors() <= before


def narrow(fd: int, room: int | None) -> None:
    """Give a socket's kernel buffers so few bytes that most writes are short; None leaves them."""
    if room is not None:
        with socket.socket(fileno=os.dup(fd)) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)


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


@pytest.mark.parametrize("has_said_all", [True, False])
def test_a_host_tells_a_client_that_broke_off_from_one_that_has_said_all(has_said_all: bool) -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()])
        client = plant.connect()
        client.sendall(b"half of it")
        host = accepted(host_socket)
        assert read(host, 10) == b"half of it"
        end = End(client)
        end.finish() if has_said_all else end.reset()
        with nullcontext() if has_said_all else pytest.raises(ConnectionResetError):
            assert read(host, 1) == b""
        host.close()
        until(lambda: not plant.sessions.all)
        client.close()
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
        (session,) = plant.sessions.all.values()
        assert session.eased
        for fd in (session.client.fd, session.server.fd):
            with socket.socket(fileno=os.dup(fd)) as sock:
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0") == b"reno"
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


@pytest.mark.parametrize("proved", [0, _PROVED], ids=["copied", "spliced"])
def test_what_follows_urgent_bytes_waits_for_no_more(proved: int) -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()])
        client = plant.connect()
        host = accepted(host_socket)
        (session,) = plant.sessions.all.values()
        until(lambda: session.connected)
        if proved:
            session.client.streak, session.client.stage = proved, plant.relay.burdened_stage
        # All of it is there before the relay has its turn: reads end at the mark, and there is no edge after it.
        client.sendall(b"before ")
        client.send(b"!", socket.MSG_OOB)
        client.sendall(b"after")
        assert read(host, 12) == b"before after"
        for sock in (client, host):
            sock.close()
        until(lambda: plant.ended)
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


def test_a_client_whose_end_is_read_after_it_was_found_dead_ends_the_session() -> None:
    # Its host would go on sending to nobody for ever.
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()])
        client = plant.connect()
        host = accepted(host_socket)
        until(lambda: plant.services.hosts_tally[3].total)
        (session,) = plant.sessions.all.values()
        client.shutdown(socket.SHUT_WR)
        plant.relay._kill(session.client)  # a write to it failed before the event of its end had its turn
        until(lambda: not plant.sessions.all)
        assert plant.ended == ["CD"]
        client.close()
        host.close()
        plant.close()
