"""The hub as a process, with the test as its master."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zmq

from control.client import Client
from director.config.model import Config, Endpoint, Group, Host, Service
from director.framing import decode, encode_body
from director.link import Link
from director.messages import (
    MASTER_SLOT,
    Answer,
    Applied,
    Configure,
    Counted,
    Deciding,
    Drain,
    Fault,
    FaultReport,
    HandedOver,
    HandOver,
    Happened,
    Hello,
    HostDown,
    Kind,
    Load,
    Message,
    Processes,
    ProcessInfo,
    Ready,
    Reaped,
    Request,
    Running,
    SchedulerFailed,
    Slot,
    Snapshot,
    TakeOver,
    Tally,
    peer_incarnation,
    peer_slot,
)
from director.tally import HostTally
from director.witness import Witness
from tests.births import begin

HOSTS = tuple(Host(name=name, ip=Endpoint("127.0.0.1", 1), number=number) for name, number in (("a", 3), ("b", 4)))
CONFIG = Config(
    services=(Service(name="web", groups=(Group(name="main", hosts=HOSTS, number=2),), enabled="main", number=1),)
)


def _process(kind: Kind, slot: Slot, incarnation: int) -> ProcessInfo:
    return ProcessInfo(kind, slot, os.getpid(), incarnation, "serving", time.monotonic())


class Hub:
    """A hub's process, the master's end of its link, and the control socket."""

    def __init__(self, folder: Path, told: bool = True, **birth: Any) -> None:
        """`told`: it hears at once which processes there are."""
        self.folder, self.told = folder, told
        self.birth = birth
        self.path = str(folder / "control.sock")
        self.memory = os.memfd_create("test")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.setblocking(False)
        self.begin()

    def begin(self) -> None:
        self.heard: list[Message] = []
        ours, theirs = socket.socketpair()
        self.process = begin(Kind.HUB, self.folder, theirs.fileno(), self.listener.fileno(), self.memory, **self.birth)
        theirs.close()
        self.link = Link(ours)
        self.link.send(Configure(Running(1, CONFIG)))
        if self.told:
            self.link.send(Processes((_process(Kind.MASTER, MASTER_SLOT, 0),)))
        self.hears(Ready)

    def configure(self, version: int, config: Config) -> None:
        """Returns when the hub works by it."""
        self.link.send(Configure(Running(version, config)))
        deadline = time.monotonic() + 90
        while Applied(version) not in self.heard:
            assert time.monotonic() < deadline, self.heard
            self.link.flush()
            received = self.link.receive()
            assert received is not None, self.heard
            self.heard += [message for message, _ in received]
            time.sleep(0.001)

    def hears(self, kind: type) -> Message:
        deadline = time.monotonic() + 90  # it is started while everything else is tested, too
        while not (found := [message for message in self.heard if isinstance(message, kind)]):
            assert time.monotonic() < deadline, self.heard
            received = self.link.receive()
            assert received is not None, self.heard
            self.heard += [message for message, _ in received]
        return found[0]

    def end(self) -> int:
        self.link.send(Drain(0))
        status = self.process.wait(20)
        self.link.close()
        return status


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path)
    yield hub
    assert hub.end() == 0


def test_it_answers_on_the_control_socket(hub: Hub) -> None:
    stats = Client(hub.path).call("stats")
    assert [host["state"] for host in stats["services"][0]["groups"][0]["hosts"]] == ["up", "up"]
    assert stats["pid"] == os.getpid()


def test_what_a_worker_died_of_is_known_before_another_dies_of_it(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    (service,) = CONFIG.services
    (group,) = service.groups
    own = replace(CONFIG, services=(replace(service, groups=(replace(group, scheduler="python:m:C"),)),))
    monkeypatch.chdir(tmp_path)

    def die() -> dict[str, Any]:
        hub.link.send(Reaped(Slot(0), 7))
        hub.configure(2, own)
        found = Client(hub.path).call("stats")["services"][0]["groups"][0]
        assert isinstance(found, dict)
        return found

    hub.configure(1, own)
    found = Witness(7).watch(die, SchedulerFailed(2, "python:m:C", "python:m:C", "it crashed"))()
    assert (found["scheduler_failures"], found["scheduler_in_use"]) == (1, "leastconns")


def test_what_is_told_of_thousands_is_of_one_config_though_it_changes_meanwhile(hub: Hub) -> None:
    def many(name: str, first: int) -> Config:
        numbers = range(first, first + 3000)
        hosts = tuple(Host(name=f"{name}{one}", ip=Endpoint("127.0.0.1", 1), number=one) for one in numbers)
        return Config(services=(Service(name="web", groups=(Group(name="main", hosts=hosts, number=2),), number=1),))

    configs = itertools.cycle([many("x", 10), many("y", 10_000)])
    hub.configure(2, next(configs))
    with ThreadPoolExecutor() as pool:
        for version in range(3, 9):
            answer = pool.submit(Client(hub.path).call, "stats")
            hub.configure(version, next(configs))
            names = [host["name"] for host in answer.result(90)["services"][0]["groups"][0]["hosts"]]
            assert len(names) == 3000
            assert len({name[0] for name in names}) == 1


def test_a_change_is_the_masters_to_make(hub: Hub) -> None:
    code = (
        "import sys; from control.client import Client;"
        "result = Client(sys.argv[1]).call('host-down', {'service': 'web', 'group': 'main', 'host': 'a'});"
        "sys.exit(result['applied'] != 2)"
    )
    client = subprocess.Popen([sys.executable, "-c", code, hub.path])
    request = hub.hears(Request)
    assert isinstance(request, Request)
    assert request.order == HostDown("web", "main", "a")
    hub.link.send(Answer(request.id, 0, ("done",), applied=2, workers=2))
    assert client.wait(20) == 0


def test_a_successor_begins_where_the_dead_one_was(hub: Hub) -> None:
    hub.process.kill()
    hub.process.wait()
    hub.link.close()
    hub.begin()
    assert Client(hub.path).call("stats")["services"][0]["name"] == "web"


@pytest.fixture
def elder(tmp_path: Path) -> Iterator[zmq.Socket[bytes]]:
    """Speaks to the hub as the hub of another generation does."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(f"ipc://{tmp_path}/rows")
        yield socket


def test_who_reports_before_the_master_knows_of_it_counts(tmp_path: Path, elder: zmq.Socket[bytes]) -> None:
    hub = Hub(tmp_path, ordinal=2, standby=True)
    slot, incarnation = peer_slot(1), peer_incarnation(1)
    for message in (Hello(slot, incarnation, os.getpid()), Load(slot, incarnation, 1, True, {3: 10})):
        elder.send(encode_body(message))
    assert elder.poll(60_000)  # a snapshot: the hub knows of it
    ours = (_process(Kind.MASTER, MASTER_SLOT, 0), _process(Kind.WORKER, Slot(0), peer_incarnation(2) + 1))
    hub.link.send(Processes(ours))
    left = os.memfd_create("left")
    hub.link.send(TakeOver(), (left,))
    os.close(left)
    hub.link.send(Processes((*ours, _process(Kind.MASTER, slot, incarnation))))
    hub.hears(Deciding)
    deadline = time.monotonic() + 1  # longer than the last rows of a dead worker are waited for
    while time.monotonic() < deadline:
        assert Client(hub.path).call("stats")["services"][0]["open"] == 10
    assert hub.end() == 0


def test_who_asks_a_new_hub_hears_of_all_processes(tmp_path: Path) -> None:
    hub = Hub(tmp_path, told=False)
    hub.hears(Deciding)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(Client(hub.path).call, "status")
        with pytest.raises(TimeoutError):
            answer.result(0.2)
        hub.link.send(Processes((_process(Kind.WORKER, Slot(0), 1),)))
        hub.link.flush()
        assert [one["kind"] for one in answer.result(10)["processes"]] == ["worker"]
    assert hub.end() == 0


@contextmanager
def worker_on_the_bus(folder: Path) -> Iterator[tuple[zmq.Socket[bytes], zmq.Socket[bytes]]]:
    """What a worker of slot 0 says its rows by, and what it hears the state by; the hub has heard of it."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as rows, context.socket(zmq.SUB) as state:
        rows.linger = 0
        state.subscribe(b"")
        state.connect(f"ipc://{folder}/state")
        rows.connect(f"ipc://{folder}/rows")
        rows.send(encode_body(Hello(Slot(0), 7, os.getpid())))
        assert state.poll(60_000)  # it hears what is published
        yield rows, state


def hosts_of_the_next(hub: Hub) -> list[dict[str, Any]]:
    """What the successor of one that was killed knows of the hosts."""
    hub.process.wait()
    hub.link.close()
    hub.begin()
    hosts: list[dict[str, Any]] = Client(hub.path).call("stats")["services"][0]["groups"][0]["hosts"]
    return hosts


def test_a_verdict_that_was_told_is_known_to_the_successor(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    with worker_on_the_bus(tmp_path) as (rows, state):
        rows.send(encode_body(FaultReport(3, Fault.CONNECT_REFUSED, "Connection refused")))
        while not any(target.host == 3 and not target.up for target in getattr(decode(state.recv()), "targets", ())):
            pass
        hub.process.kill()
    hosts = hosts_of_the_next(hub)
    assert [host["state"] for host in hosts] == ["down", "up"]
    assert hub.end() == 0


def test_what_a_worker_was_told_is_counted_is_known_to_the_successor(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    with worker_on_the_bus(tmp_path) as (rows, _):
        rows.send(encode_body(Tally(Slot(0), 7, True, {3: HostTally(total=5).row()}, {}, {}, last=True)))
        while not isinstance(decode(rows.recv()), Counted):
            pass
        hub.process.kill()
    hosts = hosts_of_the_next(hub)
    assert [host["total"] for host in hosts] == [5, 0]
    assert hub.end() == 0


def test_who_asked_many_times_while_it_was_busy_is_answered_once(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    hub.link.send(Processes((_process(Kind.WORKER, Slot(0), 7),)))
    hub.link.flush()
    with worker_on_the_bus(tmp_path) as (rows, state):
        hub.process.send_signal(signal.SIGSTOP)
        for _ in range(200):
            rows.send(encode_body(Hello(Slot(0), 7, os.getpid())))
        rows.send(encode_body(FaultReport(3, Fault.CONNECT_REFUSED, "Connection refused")))
        hub.process.send_signal(signal.SIGCONT)
        while not any(target.host == 3 and not target.up for target in getattr(decode(state.recv()), "targets", ())):
            pass
        answers = 0
        while rows.poll(500):
            answers += isinstance(decode(rows.recv()), Snapshot)
        assert 0 < answers < 50
    assert hub.end() == 0


def test_what_fails_is_for_the_hub_that_decides_to_judge(tmp_path: Path) -> None:
    for name in ("g1", "g2"):
        (tmp_path / name).mkdir()
    hub = Hub(tmp_path / "g1")
    with zmq.Context() as context, context.socket(zmq.DEALER) as rows, context.socket(zmq.ROUTER) as other:
        rows.linger = other.linger = 0
        rows.connect(f"ipc://{tmp_path}/g1/rows")
        other.bind(f"ipc://{tmp_path}/g2/rows")
        hub.link.send(HandOver(str(tmp_path / "g2"), peer_slot(1), peer_incarnation(1)))
        assert hub.hears(HandedOver) == HandedOver()
        fault = FaultReport(3, Fault.CONNECT_REFUSED, "Connection refused")
        rows.send(encode_body(fault))
        heard: list[Message] = []
        while fault not in heard:
            heard.append(decode(other.recv_multipart()[-1]))
        assert not any(isinstance(message, Happened) for message in heard)
    assert hub.end() == 0


def test_without_a_master_it_ends(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    hub.link.close()
    assert hub.process.wait(20) == 0
