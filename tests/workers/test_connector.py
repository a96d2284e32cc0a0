"""Finding a host that takes the client."""

from __future__ import annotations

import errno
import socket
from _socket import socket as Socket
from collections.abc import Iterable
from copy import copy
from pathlib import Path

import pytest

from director.messages import Fault, Target
from director.tally import FAULT_INDEX
from tests.descriptors import descriptors
from tests.waiting import until
from tests.workers.conversation import End
from tests.workers.plant import SERVICE, Plant, accepted, full, listening, read, refusing
from workers.session import Side


def test_a_refusing_host_is_passed_over_and_told_of() -> None:
    with listening() as host:
        plant = Plant([refusing(), host.getsockname()])
        clients = [plant.connect() for _ in range(6)]
        for _ in clients:
            accepted(host)
        assert set(plant.faults) == {(3, Fault.CONNECT_REFUSED)}  # by all who came before it was known
        assert not plant.board.hosts[3].usable
        assert plant.services.hosts_tally[4].total == 6
        assert plant.services.hosts_tally[4].retries == len(plant.faults)
        plant.close()


def test_of_those_who_come_together_the_first_finds_out_for_all_that_a_host_refuses() -> None:
    gone = refusing()
    with listening() as host:
        plant = Plant([gone, host.getsockname()])
        (listener,) = plant.acceptor._listeners.values()
        listener.burst = 8  # as many as come are taken in a row
        clients = [plant.connect() for _ in range(6)]
        for client in clients:
            client.sendall(b"asked at once")  # so is the host, and we hear at once that it refuses
        for _ in clients:
            assert read(accepted(host), 13) == b"asked at once"
        assert plant.faults == [(3, Fault.CONNECT_REFUSED)]
        assert plant.services.hosts_tally[4].retries == 1
        plant.close()


def test_a_host_that_resets_whom_it_had_accepted_does_not_refuse_however_late_we_hear_of_it() -> None:
    with listening() as one, listening() as two:
        hosts = {3: one, 4: two}
        plant = Plant([one.getsockname(), two.getsockname()])
        client, ours = socket.socketpair()
        ours.setblocking(False)
        plant.connector.begin(plant.services.by_number[SERVICE], [(ours.detach(), ("127.0.0.1", 1))])
        (session,) = plant.sessions.all.values()
        assert session.host is not None
        hasty = session.host.number
        End(hosts.pop(hasty).accept()[0]).reset()
        (other,) = hosts.values()
        host = accepted(other)
        assert plant.faults == [(hasty, Fault.RESET)]
        assert plant.board.hosts[hasty].usable
        assert plant.services.hosts_tally[hasty].faults[FAULT_INDEX[Fault.CONNECT_FAILED]] == 1
        client.sendall(b"hello")
        assert read(host, 5) == b"hello"
        client.close()
        host.close()
        until(lambda: not plant.sessions.all)
        assert plant.ended == ["--"]
        plant.close()


def test_with_all_hosts_refusing_the_client_is_closed_at_once_and_each_was_tried_once() -> None:
    plant = Plant([refusing(), refusing(), refusing()])
    client = plant.connect()
    assert read(client, 1) == b""
    assert sorted(plant.faults) == [(number, Fault.CONNECT_REFUSED) for number in (3, 4, 5)]
    assert read(plant.connect(), 1) == b""
    assert len(plant.faults) == 3
    assert plant.ended == ["SC", "SC"]
    assert plant.services.by_number[1].tally.refused == 2
    plant.close()


def test_a_host_that_does_not_answer_times_out_and_the_next_takes_over() -> None:
    with listening(0) as silent, listening() as host:
        fillers = [full(silent) for _ in range(4)]
        plant = Plant([silent.getsockname(), host.getsockname()], connect_timeout=0.2)
        clients = [plant.connect() for _ in range(2)]

        def one_left() -> bool:
            plant.sweep()
            return plant.services.hosts_tally[4].total == 2

        until(one_left)
        assert plant.faults == [(3, Fault.CONNECT_TIMEOUT)]
        for one in (*clients, *fillers):
            one.close()
        plant.close()


def test_a_host_that_has_moved_is_not_blamed_for_where_it_was() -> None:
    with listening(0) as silent, listening() as host, listening() as new:
        fillers = [full(silent) for _ in range(4)]
        plant = Plant([silent.getsockname(), host.getsockname()], connect_timeout=0.2)
        clients = [plant.connect() for _ in range(2)]
        until(lambda: len(plant.sessions.all) == 2)
        plant.services.learn([Target(3, True, ((int(socket.AF_INET), new.getsockname()),))])

        def served() -> bool:
            plant.sweep()
            return plant.services.hosts_tally[4].total == 2

        until(served)
        assert plant.faults == []
        assert plant.board.hosts[3].usable
        for one in (*clients, *fillers):
            one.close()
        plant.close()


def test_the_time_of_a_connect_is_kept_though_nothing_else_happens_in_the_worker() -> None:
    with listening(0) as silent, listening() as host:
        fillers = [full(silent) for _ in range(4)]
        plant = Plant([silent.getsockname(), host.getsockname()], connect_timeout=0.2)
        client = plant.connect()
        until(lambda: plant.sessions.all)
        (session,) = plant.sessions.all.values()

        def with_the_other() -> bool:
            plant.connector.sweep()
            return session.connected > 0

        until(with_the_other)
        assert session.connecting - session.accepted >= 0.2
        assert session.connected - session.connecting < 0.2  # no part of what the first one took
        for one in (client, *fillers):
            one.close()
        plant.close()


def test_a_patient_service_does_not_make_another_one_wait() -> None:
    with listening(0) as silent, listening() as host:
        fillers = [full(silent) for _ in range(4)]
        plant = Plant([silent.getsockname(), host.getsockname()], connect_timeout=0.2)
        first = plant.connect()
        until(lambda: plant.sessions.all)
        (session,) = plant.sessions.all.values()
        session.service = copy(session.service)
        session.service.connect_timeout = 30.0
        clients = [plant.connect() for _ in range(2)]

        def through() -> bool:
            plant.sweep()
            return plant.services.hosts_tally[4].total == 2

        until(through)
        assert session.host is plant.board.hosts[3]  # it goes on waiting itself
        for one in (first, *clients, *fillers):
            one.close()
        plant.close()


def test_what_a_unix_client_said_before_it_left_still_gets_to_a_host(tmp_path: Path) -> None:
    with listening(0) as silent, listening() as host:
        fillers = [full(silent) for _ in range(4)]
        path = str(tmp_path / "clients")
        plant = Plant([silent.getsockname(), host.getsockname()], connect_timeout=0.2, path=path)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            until(lambda: plant.sessions.all)
            client.sendall(b"important")

        def through() -> bool:
            plant.sweep()
            return plant.services.hosts_tally[4].total == 1

        until(through)
        assert read(accepted(host), 9) == b"important"
        until(lambda: plant.ended)
        assert plant.ended == ["--"]
        for one in fillers:
            one.close()
        plant.close()


def test_who_was_served_in_the_end_did_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    wanting = [OSError(errno.EMFILE, "Too many open files")]

    def scarce(*kind: int) -> Socket:
        if wanting:
            raise wanting.pop()
        return Socket(*kind)

    monkeypatch.setattr("workers.connector.Socket", scarce)
    with listening() as host:
        plant = Plant([host.getsockname(), host.getsockname()])
        client = plant.connect()
        accepted(host).close()
        client.close()
        until(lambda: plant.ended)
        assert plant.ended == ["--"]
        assert not wanting
        plant.close()


@pytest.mark.parametrize(("way", "end", "faults"), [(True, "RC", []), (False, "SC", [(3, Fault.CONNECT_FAILED)])])
def test_a_host_is_not_to_blame_for_our_want_of_ports_but_for_an_address_that_we_can_not_call(
    way: bool, end: str, faults: list[tuple[int, Fault]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Portless(Socket):
        def connect_ex(self, address: object) -> int:
            return errno.EADDRNOTAVAIL

    monkeypatch.setattr("workers.connector.Socket", Portless)
    monkeypatch.setattr("workers.connector.has_way", lambda family, where: way)
    plant = Plant([refusing()])
    assert read(plant.connect(), 1) == b""
    assert (plant.ended, plant.faults) == ([end], faults)
    plant.close()


def test_retries_are_limited_as_configured() -> None:
    plant = Plant([refusing(), refusing(), refusing()], retries=1)
    assert read(plant.connect(), 1) == b""
    assert len(plant.faults) == 2
    plant.close()


def test_a_host_with_several_addresses_is_at_fault_only_if_all_are() -> None:
    with listening() as host:
        plant = Plant([host.getsockname()])
        family = int(socket.AF_INET)
        plant.services.addresses[3] = ((family, refusing()), (family, host.getsockname()))
        client = plant.connect()
        accepted(host)
        assert plant.faults == []
        client.close()
        plant.close()


def test_a_client_that_leaves_while_connecting_is_let_go() -> None:
    with listening(0) as silent:
        fillers = [full(silent) for _ in range(4)]
        plant = Plant([silent.getsockname()])
        client = plant.connect()
        until(lambda: plant.sessions.all)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.close()
        until(lambda: not plant.sessions.all)
        assert plant.ended == ["CC"]
        assert plant.board.hosts[3].own == 0
        for filler in fillers:
            filler.close()
        plant.close()


def test_a_unix_host_with_a_full_backlog_is_asked_again(tmp_path: Path) -> None:
    path = str(tmp_path / "host")
    host = socket.socket(socket.AF_UNIX)
    host.bind(path)
    host.listen(0)
    filler = socket.socket(socket.AF_UNIX)
    filler.setblocking(False)
    while filler.connect_ex(path) == 0:
        filler = socket.socket(socket.AF_UNIX)
        filler.setblocking(False)
    plant = Plant([path])
    client = plant.connect()
    until(lambda: plant.connector._waiting)
    assert plant.faults == []
    accepted(host)  # room in the backlog

    def through() -> bool:
        plant.sweep()
        return plant.services.hosts_tally[3].total == 1

    until(through)
    client.sendall(b"hello")
    assert read(accepted(host), 5) == b"hello"
    client.close()
    plant.close()


def test_a_suspect_is_tried_again_after_a_moment_if_the_hub_says_nothing() -> None:
    plant = Plant([refusing()])
    assert read(plant.connect(), 1) == b""
    assert not plant.board.hosts[3].usable
    plant.services.sweep(plant.poller.now + 3)
    assert plant.board.hosts[3].usable
    plant.close()


@pytest.mark.parametrize("where", ["choosing", "calling", "joining"])
def test_a_bug_while_one_client_is_served_costs_that_client_and_leaves_nothing(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a bug")

    with listening() as host:
        plant = Plant([host.getsockname()])
        service = plant.services.by_number[SERVICE]
        before = descriptors()
        with monkeypatch.context() as bug, plant.connect() as client:
            if where == "choosing":
                bug.setattr(service.scheduler, "choose", fail)
            else:
                bug.setattr(plant.connector, "_attempt" if where == "calling" else "_connected", fail)
            assert read(client, 1) == b""
        until(lambda: descriptors() <= before)
        assert (plant.ended, service.open, plant.board.hosts[3].own) == (["ID"], 0, 0)
        with plant.connect() as client:
            until(lambda: plant.services.hosts_tally[3].total == 1)
        plant.close()


def test_who_cannot_be_watched_is_let_go_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as host:
        plant = Plant([host.getsockname()])
        before = descriptors()

        def refuse(owners: Iterable[Side]) -> None:
            for owner in owners:
                plant.poller.crashed(owner, OSError(errno.ENOSPC, "the kernel watches no more"))

        with monkeypatch.context() as full, socket.socket() as client:
            full.setattr(plant.poller, "add_all", refuse)
            client.connect(plant.address)
            client.sendall(b"x")
            until(lambda: plant.ended)
        until(lambda: descriptors() <= before)
        assert (plant.ended, plant.board.hosts[3].own) == (["ID"], 0)
        plant.close()


def test_a_bug_while_one_who_waited_is_served_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a bug")

    with listening() as host:
        plant = Plant([host.getsockname()])
        with plant.connect() as client:
            until(lambda: plant.services.hosts_tally[3].total == 1)
            (session,) = plant.sessions.all.values()
            monkeypatch.setattr(plant.connector, "_next_host", fail)
            assert plant.connector._start(session)
            assert read(client, 1) == b""
        assert plant.ended == ["ID"]
        plant.close()
