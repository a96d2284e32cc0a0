"""What needs no looking up."""

from __future__ import annotations

import socket

import pytest

from director.addresses import be_uncongested, has_way, is_loopback, literal, of_client, place
from director.config.model import Endpoint


@pytest.mark.parametrize(
    ("ip", "addresses"),
    [
        (Endpoint("10.0.0.1", 80), ((int(socket.AF_INET), ("10.0.0.1", 80)),)),
        (Endpoint("::1", 80), ((int(socket.AF_INET6), ("::1", 80)),)),
        (Endpoint(path="/s"), ((int(socket.AF_UNIX), "/s"),)),
        (Endpoint("localhost", 80), None),
    ],
)
def test_what_is_no_name_is_known_at_once(ip: Endpoint, addresses: object) -> None:
    assert literal(ip) == addresses


def test_a_place_is_named_as_the_config_names_it() -> None:
    for ip in (Endpoint("10.0.0.1", 80), Endpoint("::1", 80), Endpoint(path="/s")):
        ((_, where),) = literal(ip) or ()
        assert place(where) == str(ip)
    assert place(("::1", 80, 0, 0)) == "[::1]:80"


def test_a_way_to_this_machine_is_there_whatever_ports_are_taken() -> None:
    assert has_way(int(socket.AF_INET), ("127.0.0.1", 9))


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::FFFF:10.0.0.7", "10.0.0.7"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
    ],
)
def test_a_client_is_the_same_however_its_address_is_written(text: str, client: str) -> None:
    assert of_client(text) == client


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_what_never_leaves_this_machine_is_known_by_its_address(ip: str) -> None:
    assert is_loopback(ip)


@pytest.mark.parametrize("ip", ["10.0.0.127", "1.127.0.1", "::", "0.0.0.0", "fe80::1", "/run/127.sock"])
def test_what_may_leave_it_is_too(ip: str) -> None:
    assert not is_loopback(ip)


def test_a_kernel_that_lets_nobody_choose_how_to_avoid_congestion_is_no_obstacle() -> None:
    with socket.socket(socket.AF_UNIX) as sock:  # of which it refuses the choice everywhere
        be_uncongested(sock)
