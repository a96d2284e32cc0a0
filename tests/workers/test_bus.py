"""The state channel, both ends in one process: lost, late and repeated messages heal."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gevent
import pytest
import zmq

from director.config.model import Config, Endpoint, Group, Host, Service
from director.framing import decode, encode_body
from director.messages import (
    Counted,
    Fault,
    FaultReport,
    Hello,
    Load,
    Message,
    Resync,
    Running,
    Slot,
    Snapshot,
    Tally,
    Target,
    Update,
)
from director.scheduling.scoreboard import Scoreboard
from tests.waiting import until
from workers.bus import ROWS, STATE, Bus
from workers.services import Services

INET = int(socket.AF_INET)


class Hub:
    """The other end, played by the test: says what it is told to say."""

    def __init__(self) -> None:
        self.context = zmq.Context()
        self.rows = self.context.socket(zmq.ROUTER)
        self.state = self.context.socket(zmq.PUB)
        self.rows.bind(ROWS)
        self.state.bind(STATE)
        self.heard: list[Message] = []
        self.identity = b""

    def listen(self) -> list[Message]:
        while self.rows.poll(0):
            self.identity, body = self.rows.recv_multipart()
            self.heard.append(decode(body))
        return self.heard

    def hears(self, kind: type) -> bool:
        return any(isinstance(message, kind) for message in self.listen())

    def answer(self, message: Message) -> None:
        self.rows.send_multipart([self.identity, encode_body(message)])

    def publish(self, message: Message) -> None:
        self.state.send(encode_body(message))

    def close(self) -> None:
        self.context.destroy(linger=0)


class Station:
    """A worker's bus with what it needs."""

    def __init__(self) -> None:
        hosts = (Host(name="a", ip=Endpoint("h", 1), number=3),)
        service = Service(name="web", groups=(Group(name="main", hosts=hosts, number=2),), enabled="main", number=1)
        self.board = Scoreboard()
        self.services = Services(self.board, random.Random(1))
        self.services.configure(Running(1, Config(services=(service,))))
        self.bus = Bus(Slot(0), 5, self.board, self.services)
        self.bus.tally = lambda whole: Tally(Slot(0), 5, whole, {}, {}, {})
        self.bus.start()


TARGET = Target(3, True, ((INET, ["10.0.0.1", 80]),))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.chdir(tmp_path)
    hub = Hub()
    yield hub
    hub.close()


def synced(hub: Hub, loads: dict[int, dict[int, int]] | None = None) -> Station:
    station = Station()
    until(lambda: hub.hears(Hello))
    hub.answer(Snapshot("e", 10, (TARGET,), loads or {}))
    until(lambda: station.bus.synced)
    return station


def test_a_worker_asks_until_it_gets_a_snapshot_and_then_sends_whole_rows(hub: Hub) -> None:
    station = synced(hub, {0: {3: 9}, 1: {3: 4}})
    assert station.board.hosts[3].usable
    assert station.board.hosts[3].others == 4  # its own row is its own affair
    assert station.board.workers == 2
    until(lambda: hub.hears(Load) and hub.hears(Tally))
    station.bus.farewell()


def test_all_is_known_once_what_is_published_after_the_snapshot_is_heard(hub: Hub) -> None:
    station = Station()
    complete: list[bool] = []
    station.bus.on_synced = lambda: complete.append(True)

    def asked_again() -> bool:
        """Without a subscription that works, it can't know what it missed."""
        if hub.hears(Hello):
            hub.heard.clear()
            hub.answer(Snapshot("e", 10, (TARGET,), {}))
            hellos.append(True)
        return len(hellos) == 3

    hellos: list[bool] = []
    until(asked_again)
    assert complete == []

    def heard() -> bool:
        asked_again()
        hub.publish(Update("e", 11))
        return bool(complete)

    until(heard)
    assert station.services.by_number
    station.bus.farewell()


def test_what_overtakes_the_snapshot_is_known_all_the_same(hub: Hub) -> None:
    station = synced(hub)

    def lost() -> bool:
        hub.heard.clear()
        hub.publish(Update("e", 20))
        return not station.bus.synced

    until(lost)
    until(lambda: hub.hears(Hello))
    hub.publish(Update("e", 30, loads={1: {3: 9}}))
    hub.publish(Update("e", 31, loads={1: {3: 2}}))
    until(lambda: station.bus._early and station.bus._early[-1].sequence == 31)
    hub.heard.clear()
    hub.answer(Snapshot("e", 30, (TARGET,), {1: {3: 1}}))
    until(lambda: station.bus.synced)
    assert station.board.hosts[3].others == 2
    hub.publish(Update("e", 32, loads={2: {3: 1}}))
    until(lambda: station.board.hosts[3].others == 3)
    assert not hub.hears(Hello)
    station.bus.farewell()


def test_updates_in_order_are_taken_and_old_ones_are_not(hub: Hub) -> None:
    station = synced(hub)
    sequence = [10]

    def taken(count: int) -> bool:
        sequence[0] += 1
        hub.publish(Update("e", sequence[0], loads={1: {3: count}}))
        if any(isinstance(message, Hello) for message in hub.listen()):
            hub.heard.clear()
            hub.answer(Snapshot("e", sequence[0], (TARGET,), {}))
        return station.board.hosts[3].others in (count, 99)

    until(lambda: taken(7))
    hub.publish(Update("e", 5, loads={1: {3: 99}}))
    until(lambda: taken(8))
    assert station.board.hosts[3].others == 8
    station.bus.farewell()


@pytest.mark.parametrize("message", [Update("e", 50), Update("another hub", 1)])
def test_a_gap_or_another_hub_makes_it_ask_again(hub: Hub, message: Update) -> None:
    station = synced(hub)
    hub.heard.clear()

    def asked() -> bool:
        hub.publish(message)
        return hub.hears(Hello)

    until(asked)
    assert station.board.hosts[3].usable  # what it knew is what it goes on with
    hub.answer(Snapshot("another hub", 1, (), {}))
    until(lambda: not station.board.hosts[3].usable)
    station.bus.farewell()


def test_a_hub_that_lost_its_thread_makes_it_begin_anew(hub: Hub) -> None:
    station = synced(hub)
    hub.heard.clear()
    hub.answer(Resync("e"))
    until(lambda: hub.hears(Hello))
    station.bus.farewell()


def test_changes_of_the_row_follow_within_moments(hub: Hub) -> None:
    station = synced(hub)
    until(lambda: hub.hears(Load))
    hub.heard.clear()
    station.board.acquire(station.board.hosts[3])
    until(lambda: any(isinstance(message, Load) and message.open == {3: 1} for message in hub.listen()), 0.5)
    station.bus.farewell()


def test_a_fault_is_said_at_once(hub: Hub) -> None:
    station = synced(hub)
    station.bus.report(3, Fault.CONNECT_REFUSED, "refused")
    until(lambda: hub.hears(FaultReport))
    station.bus.farewell()


def test_with_a_fault_goes_how_many_connections_went_well_since_the_last_one_anywhere(hub: Hub) -> None:
    station = synced(hub)
    tally = station.services.hosts_tally[3]

    def said(well: int) -> bool:
        return any(message.well == well for message in hub.listen() if isinstance(message, FaultReport))

    tally.ended += 5
    station.bus.report(3, Fault.RESET, "x")
    until(lambda: said(5))
    hub.heard.clear()
    tally.ended += 7
    elsewhere = ((INET, ("127.0.0.9", 1)),)
    sequence = [10]

    def taken() -> bool:
        sequence[0] += 1
        hub.publish(Update("e", sequence[0], targets=(replace(TARGET, addresses=elsewhere),)))
        if hub.hears(Hello):
            hub.heard.clear()
            hub.answer(Snapshot("e", sequence[0], (TARGET,), {}))
        return station.services.addresses[3] == elsewhere

    until(taken)
    station.bus.report(3, Fault.RESET, "x")
    until(lambda: said(0))
    station.bus.farewell()


def test_what_was_counted_is_said_until_a_hub_has_counted_it(hub: Hub) -> None:
    station = synced(hub)
    station.bus.tally = lambda whole: Tally(Slot(0), 5, whole, {3: [1]}, {}, {})
    hub.close()
    settling = gevent.spawn(station.bus.settle, 30.0)
    gevent.sleep(0.0)
    successor = Hub()
    try:
        until(lambda: any(isinstance(said, Tally) and said.last and said.hosts for said in successor.listen()))
        assert not settling.ready()
        successor.answer(Counted())
        until(settling.ready)
    finally:
        successor.close()
    station.bus.farewell()


def test_where_nothing_was_counted_no_hub_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    station = Station()
    settling = gevent.spawn(station.bus.settle, 30.0)
    until(settling.ready, 5.0)
    station.bus.farewell()


def test_without_a_hub_nothing_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    station = Station()
    for _ in range(5000):
        station.bus.report(3, Fault.RESET, "x")
    assert station.bus.dropped > 0
    station.bus.farewell()
