"""Addresses as config.xml writes them."""

from __future__ import annotations

import pytest

from director.config.addresses import is_loopback, same_place
from director.config.model import Endpoint


@pytest.mark.parametrize(
    ("endpoint", "loopback"),
    [
        (Endpoint("127.0.0.1", 1), True),
        (Endpoint("127.9.9.9", 1), True),
        (Endpoint("::1", 1), True),
        (Endpoint("localhost", 1), True),
        (Endpoint("*", 1), False),
        (Endpoint("10.0.0.1", 1), False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(endpoint: Endpoint, loopback: bool) -> None:
    assert is_loopback(endpoint) is loopback


def test_places_overlap_without_being_the_same() -> None:
    assert same_place(Endpoint("localhost", 80)) == same_place(Endpoint("127.0.0.1", 80))
    assert same_place(Endpoint("*", 80)) != same_place(Endpoint("127.0.0.1", 80))
    assert same_place(Endpoint(path="/a")) != same_place(Endpoint(path="/b"))
