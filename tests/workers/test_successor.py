"""Whether a worker without a master still has somebody to wait for."""

from __future__ import annotations

import os

import gevent
import gevent.event
import pytest

from tests.waiting import until
from workers.successor import Successor


@pytest.fixture
def successor() -> Successor:
    return Successor(gevent.get_hub().loop)


def test_it_is_awaited_while_the_pipe_is_open(successor: Successor) -> None:
    assert not successor.awaited
    awaited, pledge = os.pipe()
    successor.expect(awaited)
    gevent.sleep(0)
    assert successor.awaited
    over = gevent.event.Event()
    successor.then(over.set, 60.0)
    assert not over.is_set()
    os.close(pledge)
    assert over.wait(10)
    assert not successor.awaited
    with pytest.raises(OSError):
        os.fstat(awaited)


def test_nobody_is_waited_for_longer_than_promised(successor: Successor) -> None:
    awaited, pledge = os.pipe()
    successor.expect(awaited)
    over = gevent.event.Event()
    successor.then(over.set, 0.05)
    assert over.wait(10)
    assert not successor.awaited
    os.close(pledge)


def test_the_pipe_of_an_upgrade_that_is_over_is_let_go(successor: Successor) -> None:
    first, pledge = os.pipe()
    successor.expect(first)
    os.close(pledge)
    until(lambda: not successor.awaited)
    second, other = os.pipe()
    successor.expect(second)
    third, last = os.pipe()
    successor.expect(third)
    assert successor.awaited
    for fd in (other, last):
        os.close(fd)
