"""Which addresses are open, over changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from director.config.model import Config, Endpoint, Listen
from director.errors import SystemFailure
from director.master.run import Master
from director.messages import Running
from tests.system.addresses import accepts, free_address, listen


def endpoint(address: str) -> Listen:
    host, port = address.rsplit(":", 1)
    return Listen(ip=Endpoint(host, int(port)))


def listening(master: Master, *addresses: str) -> Running:
    """What runs, but for the addresses of its service."""
    service = replace(master.running.config.services[0], listens=tuple(map(endpoint, addresses)))
    return replace(master.running, config=replace(master.running.config, services=(service,)))


def test_new_addresses_open_before_old_ones_close(master: Master) -> None:
    first, second = free_address(), free_address()
    for addresses in ((first,), (first, second), (second,), ()):
        before, after = master.running.config, listening(master, *addresses)
        opened = master.openings.open_new(after.config)
        master.running = after
        master.openings.release_gone(before)
        master.openings.swap(before, opened)
        assert [accepts(one) for one in (first, second)] == [one in addresses for one in (first, second)]


def test_where_one_address_is_taken_none_stays_open(master: Master) -> None:
    free, taken = free_address(), free_address()
    with listen(taken):
        after = listening(master, free, taken)
        with pytest.raises(SystemFailure, match=taken):
            master.openings.open_new(after.config)
    assert not accepts(free)


def with_backlog(master: Master, backlog: int, *more: Listen) -> Config:
    (service,) = master.running.config.services
    listens = (*(replace(one, backlog=backlog) for one in service.listens), *more)
    return replace(master.running.config, services=(replace(service, listens=listens),))


def test_an_address_that_stays_is_otherwise_only_if_all_of_the_change_can_be_done(master: Master) -> None:
    address, taken = free_address(), free_address()
    after = listening(master, address)
    master.addresses.update(master.openings.open_new(after.config))
    master.running = after
    known = master.addresses[address]
    before = known.listen
    with listen(taken), pytest.raises(SystemFailure, match=taken):
        master.openings.open_new(with_backlog(master, 9, endpoint(taken)))
    assert known.listen == before
    opened = master.openings.open_new(with_backlog(master, 9))
    assert known.listen.backlog == 9
    master.openings.forget(opened)
    assert known.listen == before
    known.close()


def test_addresses_of_another_generation_become_what_runs_now(master: Master) -> None:
    address = free_address()
    after = listening(master, address)
    master.addresses.update(master.openings.open_new(after.config))
    master.running = after
    master.running = replace(master.running, config=with_backlog(master, 9))
    master.openings.settle()
    assert master.addresses[address].listen.backlog == 9
    master.addresses[address].close()


def test_an_address_that_comes_while_workers_leave_has_a_socket_for_each_of_those(master: Master) -> None:
    coming = free_address()
    after = replace(listening(master, coming).config, workers=1)
    assert master.seats.count == 2
    (opened,) = master.openings.open_new(after).values()
    opened.socket_for(master.seats.count - 1)
    assert accepts(coming)
    opened.close()
