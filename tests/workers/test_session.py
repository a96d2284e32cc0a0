"""Sessions: begun and ended once, counted once, ended when idle."""

from __future__ import annotations

import gc
import time

import gevent
import pytest

from tests.waiting import until
from tests.workers.plant import SERVICE, Plant, accepted, listening, read
from workers.session import NOBODY, Session, Sessions, Side, numbered_from
from workers.sockopts import unsent


def test_a_session_ends_once_and_gives_its_lease_back_once() -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()])
        client = plant.connect()
        host = accepted(host_socket)
        until(lambda: plant.services.hosts_tally[3].total)
        (session,) = plant.sessions.all.values()
        assert plant.board.hosts[3].own == 1
        plant.sessions.end(session)
        plant.sessions.end(session)
        assert plant.board.hosts[3].own == 0
        assert plant.services.hosts_tally[3].ended == 1
        assert plant.services.by_number[SERVICE].open == 0
        client.close()
        host.close()
        plant.close()


def test_those_that_end_in_one_round_are_settled_together_and_a_failure_costs_the_others_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()])
        clients = [plant.connect() for _ in range(3)]
        hosts = [accepted(host_socket) for _ in clients]
        until(lambda: plant.services.hosts_tally[3].total == 3)
        settled = []

        def log(session: Session) -> None:
            settled.append(len(plant.sessions.all))
            if len(settled) == 1:
                raise ValueError("a bug")

        plant.sessions.log = log
        plant.poller.turning = True  # as in a round of events
        for session in list(plant.sessions.all.values()):
            plant.sessions.end(session)
        assert settled == []
        plant.poller.turning = False
        plant.sessions.settle()
        assert settled == [2, 1, 0]
        assert plant.services.hosts_tally[3].ended == 2
        assert "a bug" in capfd.readouterr().err
        for sock in (*clients, *hosts):
            sock.close()
        plant.close()


@pytest.mark.parametrize("host_is_there", [True, False])
def test_what_has_ended_takes_no_memory_though_no_collector_runs(host_is_there: bool) -> None:
    with listening() as host_socket:
        address = host_socket.getsockname() if host_is_there else ("127.0.0.1", 1)
        plant = Plant([address])

        def come_and_go() -> None:
            over = len(plant.ended)
            client = plant.connect()
            if host_is_there:
                accepted(host_socket).close()
                client.close()
            until(lambda: len(plant.ended) > over)
            client.close()

        come_and_go()
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                come_and_go()
            gevent.sleep(0.01)  # the turn in which the last one ended is over
            left = [thing for thing in gc.get_objects() if isinstance(thing, Side | Session) and thing is not NOBODY]
        finally:
            gc.enable()
        assert left == []
        plant.close()


def test_numbers_of_a_worker_that_comes_later_are_above_those_of_one_that_was_as_busy_as_can_be() -> None:
    busy_for = 5.0
    last_of_the_first = numbered_from(1000.0) + int(busy_for * 50_000)
    assert numbered_from(1000.0 + busy_for) > last_of_the_first
    with listening() as host:
        plant = Plant([host.getsockname()])
        sessions = Sessions(plant.poller, plant.board, numbered_from(1000.0))
        session = sessions.begin(plant.services.by_number[SERVICE], -1, ("127.0.0.1", 1), lambda *_: None)
        assert session.id == numbered_from(1000.0) + 1
        plant.close()


def test_bytes_are_counted_while_the_session_lasts() -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()])
        client = plant.connect()
        client.sendall(b"12345")
        host = accepted(host_socket)
        (session,) = plant.sessions.all.values()
        until(lambda: session.client.received == 5)
        plant.sessions.sweep()
        assert plant.services.hosts_tally[3].bytes_in == 5
        plant.sessions.sweep()
        plant.sessions.end(session)
        assert plant.services.by_number[SERVICE].tally.bytes_in == 5
        client.close()
        host.close()
        plant.close()


def test_what_the_hub_is_told_is_all_that_has_gone_and_the_next_rates_have_it_too() -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()])
        client = plant.connect()
        host = accepted(host_socket)
        (session,) = plant.sessions.all.values()
        for _ in range(2):
            before = session.client.received
            client.sendall(b"x" * 500_000)
            assert len(read(host, 500_000)) == 500_000
            assert session.client.received == before + 500_000
            plant.sessions.count()
            assert plant.services.hosts_tally[3].bytes_in == before + 500_000
        plant.sessions.sweep()
        rate, _ = plant.sessions.rates(session)
        assert round(rate * plant.sessions._span) == pytest.approx(1_000_000, abs=10)
        client.close()
        host.close()
        plant.close()


def test_nobody_is_idle_because_we_were_held_up() -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()], idle_timeout=0.2)
        client = plant.connect()
        host = accepted(host_socket)
        until(lambda: plant.services.hosts_tally[3].total)
        host.send(b"news")
        time.sleep(0.3)  # the loop does not turn
        plant.sessions.sweep()
        assert client.recv(10) == b"news"
        assert plant.ended == []
        for sock in (client, host):
            sock.close()
        plant.close()


def test_only_who_is_idle_for_too_long_is_ended() -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()], idle_timeout=60.0)
        idle, busy = plant.connect(), plant.connect()
        hosts = [accepted(host_socket), accepted(host_socket)]
        until(lambda: plant.services.hosts_tally[3].total == 2)
        first = min(plant.sessions.all)
        plant.sessions.all[first].active = time.monotonic() - 61
        plant.sessions.sweep()
        assert list(plant.sessions.all) == [first + 1]
        assert plant.ended == ["cD"]
        for sock in (idle, busy, *hosts):
            sock.close()
        plant.close()


def test_who_takes_what_the_kernel_keeps_for_him_is_not_idle() -> None:
    with listening() as host_socket:
        plant = Plant([host_socket.getsockname()], idle_timeout=60.0)
        client = plant.connect()
        host = accepted(host_socket)

        def full() -> bool:
            try:
                host.send(bytes(1 << 20))
            except BlockingIOError:
                return session.client.pending is not None
            return False

        (session,) = plant.sessions.all.values()
        until(full)
        plant.sessions.sweep()
        plant.sessions.sweep()  # nothing was read since: looks at what is left
        left = unsent(session.client.fd)

        def some_went() -> bool:
            client.recv(1 << 14)
            return unsent(session.client.fd) < left

        session.active -= 61
        until(some_went)
        assert session.active < time.monotonic() - 60  # too little for us to have written more
        plant.sessions.sweep()
        assert plant.ended == []

        def ended() -> bool:
            session.active -= 61
            plant.sessions.sweep()
            return plant.ended == ["cD"]

        until(ended)
        for sock in (client, host):
            sock.close()
        plant.close()
