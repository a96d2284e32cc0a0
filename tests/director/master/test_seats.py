"""Which sockets each worker accepts on, when their number changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from director.config.model import Endpoint, Listen
from director.master.listeners import Address, open_address
from director.master.run import Master
from director.master.seats import SETTLE, wanted
from director.master.stage import Stage
from director.messages import Slot
from tests.director.master.test_listeners import free_port


@pytest.fixture
def address(master: Master) -> Address:
    listen = Listen(ip=Endpoint("127.0.0.1", free_port()))
    service = replace(master.running.config.services[0], listens=(listen,))
    config = replace(master.running.config, services=(service,), workers=2)
    master.running = replace(master.running, config=config)
    address = open_address(listen, 2)
    address.socket_for(1)
    master.addresses[str(listen.ip)] = address
    master.stage = Stage.SERVING
    return address


def resize(master: Master, count: int) -> None:
    before = master.running.config
    after = replace(before, workers=count)
    master.openings.open_new(after)
    master.running = replace(master.running, config=after)
    # No process is born here: only what the seats decide.
    master.family.tick = lambda: None  # type: ignore[method-assign]
    master.seats.follow(before)


def seats(master: Master) -> list[list[int]]:
    return [[int(ref.slot) for ref in master.seats.refs(place.slot)] for place in master.family.supervisor.workers()]


def test_without_a_number_there_is_a_worker_for_each_processor(master: Master) -> None:
    assert wanted(master.running.config) >= 1
    assert wanted(replace(master.running.config, workers=7)) == 7


def test_sockets_for_more_workers_are_bound_at_once_and_listen_later(master: Master, address: Address) -> None:
    resize(master, 4)
    assert (len(address.sockets), address.serving) == (4, 2)
    assert seats(master) == [[0], [1], [2], [3]]
    address.close()


def test_sockets_that_no_worker_has_are_served_by_the_others_and_closed_when_empty(
    master: Master, address: Address
) -> None:
    resize(master, 4)
    address.socket_for(3)
    resize(master, 1)
    assert seats(master) == [[0, 1, 2, 3]]
    assert address.spread == 1
    master.seats.tick(100.0)
    master.seats.tick(100.0 + SETTLE / 2)
    assert address.serving == 4
    master.seats.tick(100.0 + SETTLE)
    assert (address.serving, len(address.sockets)) == (1, 1)
    assert seats(master) == [[0]]
    address.close()


def test_during_an_upgrade_no_socket_is_closed(master: Master, address: Address) -> None:
    resize(master, 1)
    master.stage = Stage.UPGRADING
    for now in (100.0, 100.0 + 2 * SETTLE):
        master.seats.tick(now)
    assert address.serving == 2
    address.close()


def test_a_worker_that_leaves_has_no_socket(master: Master, address: Address) -> None:
    supervisor = master.family.supervisor
    supervisor.forked(Slot(1), 12345, 0.0)
    resize(master, 1)
    assert supervisor.places[Slot(1)].leaving
    assert master.seats.refs(Slot(1)) == []
    address.close()
