"""Where hosts are."""

from __future__ import annotations

import socket

import gevent
import pytest

from control.resolver import Resolver
from director.addresses import Addresses
from director.config.model import Endpoint


def test_a_name_is_resolved_and_said() -> None:
    changed: list[int] = []
    resolver = Resolver(changed.append)
    resolver.want({5: Endpoint("localhost", 80), 6: Endpoint("10.0.0.1", 80)})
    assert resolver.addresses[5] == ()
    with gevent.Timeout(10):
        while not changed:
            gevent.sleep(0.01)
    assert changed == [5]
    addresses: Addresses = resolver.addresses[5]
    found = [str(where[0]) for _, where in addresses]
    assert set(found) & {"127.0.0.1", "::1"}
    resolver.want({5: Endpoint("10.0.0.2", 80)})
    assert resolver.addresses == {5: ((int(socket.AF_INET), ("10.0.0.2", 80)),)}


def test_a_name_that_can_not_be_resolved_stays_without_an_address() -> None:
    resolver = Resolver(lambda number: pytest.fail("nothing was found"))
    resolver.want({5: Endpoint("no-such-host.invalid", 80)})
    with gevent.Timeout(20):
        resolver._resolve(5)
    assert resolver.addresses[5] == ()
