"""Clients that wait for a permit."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import gevent
import pytest

from director.config.model import Config, Endpoint, Group, Host, Service
from director.messages import Fault, Running, Target
from director.scheduling.permits import queue_of
from tests.waiting import until
from tests.workers.plant import SERVICE, Plant, accepted, full, listening, read, refusing
from workers.poller import ENDED
from workers.waitqueue import PATIENCE, UNANSWERED


def limited(
    address: Any, maxconn: int | None = 1, host_maxconn: int | None = None, path: str | None = None, **service: Any
) -> Plant:
    """A plant whose service, or host, has a limit; what it allots is said by `grant`."""
    plant = Plant([address], path=path)
    host = Host(name="h0", ip=Endpoint("10.0.0.1", 1), number=3, maxconn=host_maxconn)
    group = Group(name="main", scheduler="roundrobin", hosts=(host,), number=2)
    web = Service(name="web", groups=(group,), enabled="main", number=SERVICE, maxconn=maxconn, **service)
    plant.services.configure(Running(1, Config(services=(web,))))
    plant.services.learn([target(3, address)])
    plant.board.granted({queue_of(SERVICE): (web.queue, 1)})
    return plant


def target(number: int, address: Any) -> Target:
    """A host that is up, and where."""
    return Target(number, True, ((int(socket.AF_INET), list(address)),))


def waiting(plant: Plant) -> int:
    return plant.connector.queue.lengths().get(SERVICE, 0)


def test_clients_wait_in_turn_for_a_permit() -> None:
    with listening() as host:
        plant = limited(host.getsockname())
        first, second = plant.connect(), plant.connect()
        until(lambda: waiting(plant) == 2)
        first.sendall(b"first")
        second.sendall(b"second")
        plant.board.granted({SERVICE: (1, 1)})
        one = accepted(host)
        assert read(one, 5) == b"first"
        assert waiting(plant) == 1
        one.close()
        first.close()
        two = accepted(host)
        assert read(two, 6) == b"second"
        assert waiting(plant) == 0
        two.close()
        second.close()
        until(lambda: not plant.sessions.all)
        plant.close()


def test_a_limit_of_the_host_makes_clients_wait_too() -> None:
    with listening() as host:
        plant = limited(host.getsockname(), maxconn=None, host_maxconn=1)
        client = plant.connect()
        until(lambda: waiting(plant) == 1)
        plant.board.granted({3: (1, 1)})
        server = accepted(host)
        assert waiting(plant) == 0
        server.close()
        client.close()
        until(lambda: not plant.sessions.all)
        plant.close()


def test_who_waits_for_one_host_since_another_failed_blocks_nobody_who_can_have_that_other() -> None:
    with listening() as one, listening() as two:
        plant = Plant([])
        first, second = (
            Host(name=f"h{place}", ip=Endpoint("10.0.0.1", 1), number=3 + place, maxconn=maxconn)
            for place, maxconn in enumerate((9, 1))
        )
        group = Group(name="main", scheduler="first", hosts=(first, second), number=2)
        web = Service(name="web", groups=(group,), enabled="main", number=SERVICE)
        plant.services.configure(Running(1, Config(services=(web,))))
        plant.services.learn([target(3, refusing()), target(4, two.getsockname())])
        plant.board.granted({queue_of(SERVICE): (9, 1), 3: (9, 1)})
        waits = plant.connect()
        until(lambda: waiting(plant) == 1)
        plant.services.learn([target(3, one.getsockname())])
        assert (plant.connector.queue.wanted()[3], plant.connector.queue.wanted()[4]) == (0, 1)
        others = [plant.connect() for _ in range(3)]
        for _ in others:
            accepted(one).close()
        assert waiting(plant) == 1
        plant.board.granted({4: (1, 1)})
        accepted(two).close()
        assert waiting(plant) == 0
        for sock in (waits, *others):
            sock.close()
        until(lambda: not plant.sessions.all)
        plant.close()


def test_the_time_in_the_queue_counts_from_when_one_joined_it() -> None:
    with listening() as host:
        plant = limited(host.getsockname(), queue_timeout=50)
        client = plant.connect()
        until(lambda: waiting(plant) == 1)
        (session,) = plant.sessions.all.values()
        session.accepted -= 100  # it was with another host until now
        plant.sweep()
        assert waiting(plant) == 1
        session.waiting_since -= 20
        plant.board.granted({SERVICE: (1, 1)})
        accepted(host).close()
        assert 20 <= session.waited < 30
        client.close()
        until(lambda: not plant.sessions.all)
        plant.close()


def test_when_the_last_limit_goes_newcomers_need_not_wait_for_those_who_do() -> None:
    with listening() as host:
        plant = limited(host.getsockname())
        plant.poller.unfinished = lambda stage, owner: None  # type: ignore[method-assign,assignment]
        clients = [plant.connect()]
        until(lambda: waiting(plant) == 1)
        plant.board.limit([])
        clients.append(plant.connect())
        accepted(host).close()
        for client in clients:
            client.close()
        plant.close()


def test_who_waits_for_a_service_that_is_removed_gets_no_host() -> None:
    with listening() as host:
        plant = limited(host.getsockname())
        client = plant.connect()
        until(lambda: waiting(plant) == 1)
        plant.services.configure(Running(2, Config()))
        plant.sweep()
        until(lambda: not plant.sessions.all)
        assert plant.ended == ["SC"]
        host.settimeout(0)
        with pytest.raises(BlockingIOError):
            host.accept()
        client.close()
        plant.close()


def test_who_has_waited_too_long_is_closed() -> None:
    with listening() as host:
        plant = limited(host.getsockname(), queue_timeout=0.05)
        client = plant.connect()
        until(lambda: waiting(plant) == 1)

        def over() -> bool:
            plant.sweep()
            return not plant.sessions.all

        until(over)
        assert plant.ended == ["sQ"]
        assert read(client, 1) == b""
        plant.close()


def test_who_finds_the_queue_full_is_closed_at_once() -> None:
    with listening() as host:
        plant = limited(host.getsockname(), queue=1)
        first = plant.connect()
        until(lambda: waiting(plant) == 1)
        second = plant.connect()
        until(lambda: waiting(plant) == 2)
        plant.connector.queue.full([queue_of(SERVICE)], 1)
        assert read(second, 1) == b""
        assert plant.ended == ["PC"]
        first.close()
        plant.close()


@pytest.mark.parametrize("answered", [None, 7])
def test_clients_are_patient_until_the_hub_has_answered_them_that_there_is_no_place(answered: int | None) -> None:
    with listening() as host:
        plant = limited(host.getsockname())
        plant.board.granted({queue_of(SERVICE): (0, 2)})  # all are booked for the other generation, say
        plant.connector.queue.last_row = lambda: 7
        client = plant.connect()
        until(lambda: waiting(plant) == 1)
        if answered is not None:
            plant.connector.queue.full([queue_of(SERVICE)], answered)  # those who asked before this one came
        gevent.sleep(3 * PATIENCE)
        assert waiting(plant) == 1
        plant.board.granted({queue_of(SERVICE): (5, 3), SERVICE: (1, 1)})
        accepted(host).close()
        client.close()
        until(lambda: not plant.sessions.all)
        plant.close()


def test_a_client_that_breaks_off_waits_no_more() -> None:
    with listening() as host:
        plant = limited(host.getsockname())
        client = plant.connect()
        until(lambda: waiting(plant) == 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        until(lambda: not plant.sessions.all)
        assert (waiting(plant), plant.ended) == (0, ["CC"])
        plant.close()


def test_a_client_that_broke_off_before_it_was_accepted_does_not_wait() -> None:
    with listening() as host:
        plant = limited(host.getsockname())
        client = plant.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        until(lambda: plant.ended)
        assert (waiting(plant), plant.ended) == (0, ["CC"])
        plant.close()


@pytest.mark.parametrize("said", [b"", b"important"])
def test_a_unix_client_that_hung_up_waits_only_for_what_it_has_said(said: bytes, tmp_path: Path) -> None:
    with listening() as host:
        plant = limited(host.getsockname(), path=str(tmp_path / "clients"))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(plant.address)
            until(lambda: waiting(plant) == 1)
            client.sendall(said)
        if not said:
            until(lambda: plant.ended)
            assert (waiting(plant), plant.ended) == (0, ["CC"])
        plant.board.granted({SERVICE: (1, 1)})
        if said:
            assert read(accepted(host), 9) == said
        plant.close()


@pytest.mark.parametrize("said", [b"", b"question"])
def test_who_says_that_no_more_comes_waits_for_his_answer_unless_the_service_lets_him_go(said: bytes) -> None:
    with listening() as host:
        plant = limited(host.getsockname(), abort_on_close=True)
        client = plant.connect()
        client.sendall(said)
        until(lambda: waiting(plant) == 1)
        client.shutdown(socket.SHUT_WR)
        until(lambda: plant.ended)
        assert (waiting(plant), plant.ended) == (0, ["CC"])
        plant.close()

        plant = limited(host.getsockname())
        client = plant.connect()
        client.sendall(said)
        until(lambda: waiting(plant) == 1)
        client.shutdown(socket.SHUT_WR)
        (session,) = plant.sessions.all.values()
        until(lambda: session.client.ready & ENDED)
        plant.board.granted({SERVICE: (1, 1)})
        server = accepted(host)
        assert read(server, len(said) + 1) == said
        server.sendall(b"answer")
        assert read(client, 6) == b"answer"
        server.close()
        until(lambda: plant.ended == ["--"])
        plant.close()


def test_who_is_let_go_for_the_end_of_his_side_only_while_he_waits() -> None:
    with listening() as host:
        plant = limited(host.getsockname(), abort_on_close=True)
        plant.board.granted({SERVICE: (1, 1)})
        client = plant.connect()
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        server = accepted(host)
        assert read(server, 9) == b"question"
        server.sendall(b"answer")
        assert read(client, 6) == b"answer"
        server.close()
        until(lambda: plant.ended == ["--"])
        plant.close()


def test_who_had_ended_his_side_before_he_came_to_wait_is_let_go_then() -> None:
    with listening(0) as silent:
        fillers = [full(silent) for _ in range(4)]
        plant = Plant([])
        first, second = (
            Host(name=f"h{place}", ip=Endpoint("10.0.0.1", 1), number=3 + place, maxconn=maxconn)
            for place, maxconn in enumerate((None, 1))
        )
        group = Group(name="main", scheduler="first", hosts=(first, second), number=2)
        web = Service(
            name="web", groups=(group,), enabled="main", number=SERVICE, connect_timeout=0.1, abort_on_close=True
        )
        plant.services.configure(Running(1, Config(services=(web,))))
        plant.services.learn([target(3, silent.getsockname()), target(4, refusing())])
        client = plant.connect()
        until(lambda: plant.sessions.all)
        client.shutdown(socket.SHUT_WR)

        def ended() -> bool:
            plant.sweep()
            return bool(plant.ended)

        until(ended)
        assert (plant.faults, plant.ended) == ([(3, Fault.CONNECT_TIMEOUT)], ["CC"])
        for sock in fillers:
            sock.close()
        plant.close()


def test_what_was_cut_keeps_its_permit_until_the_host_has_noticed() -> None:
    with listening() as host:
        plant = limited(host.getsockname())
        plant.board.granted({SERVICE: (1, 1)})
        client = plant.connect()
        server = accepted(host)
        until(lambda: len(plant.sessions.all) == 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        until(lambda: not plant.sessions.all)
        other = plant.connect()
        until(lambda: waiting(plant) == 1)
        gevent.sleep(0.01)
        assert waiting(plant) == 1
        assert read(server, 1) == b""
        server.close()
        server2 = accepted(host)
        assert waiting(plant) == 0
        for sock in (server2, other):
            sock.close()
        until(lambda: not plant.sessions.all)
        plant.close()


def test_without_an_answer_clients_are_closed_after_a_time_in_which_a_dead_hub_would_have_been_noticed() -> None:
    with listening() as host:
        plant = limited(host.getsockname(), queue=0)
        client = plant.connect()
        until(lambda: waiting(plant) == 1)
        (session,) = plant.sessions.all.values()
        session.waiting_since -= UNANSWERED
        assert read(client, 1) == b""
        assert plant.ended == ["PC"]
        plant.close()
