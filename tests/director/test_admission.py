"""Who may connect: tables, and the same answer as the standard library's, for any lists and any address."""

from __future__ import annotations

import ipaddress
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.admission import Admission, admission

TEN, ONE = ("10.0.0.0/8",), ("10.1.0.0/16", "::1")


@pytest.mark.parametrize(
    ("allow", "deny", "address", "admitted"),
    [
        (TEN, None, "10.255.255.255", True),
        (TEN, None, "11.0.0.0", False),
        (TEN, None, "9.255.255.255", False),
        (TEN, None, "::1", False),
        (None, TEN, "10.0.0.0", False),
        (None, TEN, "192.168.1.7", True),
        (None, TEN, "::1", True),
        (TEN, ONE, "10.1.2.3", False),
        (TEN, ONE, "10.2.0.0", True),
        (TEN, ONE, "172.16.0.1", False),
        (ONE, TEN, "10.1.2.3", False),  # whatever is nearer: deny beats allow
        (ONE, TEN, "::1", True),
        (("0.0.0.0/0",), None, "0.0.0.0", True),
        (("0.0.0.0/0",), None, "255.255.255.255", True),
        (("0.0.0.0/0",), None, "::", False),
        (("::/0",), None, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", True),
        (("::/0",), None, "127.0.0.1", False),
        (None, ("0.0.0.0/0", "::/0"), "127.0.0.1", False),
        # One of IPv4, at a socket that takes both.
        (TEN, None, "::ffff:10.0.0.1", True),
        (("::/0",), None, "::ffff:10.0.0.1", False),
        (None, ("::/0",), "::ffff:10.0.0.1", True),
        # As `accept` gives an address that is only good on one link.
        (("fe80::/10",), None, "fe80::1%eth0", True),
    ],
)
def test_deny_beats_allow_and_whom_allow_does_not_name_may_not(
    allow: tuple[str, ...] | None, deny: tuple[str, ...] | None, address: str, admitted: bool
) -> None:
    rules = admission(allow, deny)
    assert rules is not None
    assert rules.admits(address) is admitted
    assert (rules.refusal(address) == "") is admitted


@pytest.mark.parametrize(
    ("address", "why"),
    [("10.1.2.3", "deny names 10.1.0.0/16"), ("::1", "deny names ::1"), ("8.8.8.8", "allow does not name it")],
)
def test_a_refusal_says_what_it_goes_by(address: str, why: str) -> None:
    assert Admission(TEN, ONE).refusal(address) == why


def test_without_lists_nothing_is_asked_and_the_same_lists_are_the_same_object() -> None:
    assert admission(None, None) is None
    assert admission(("10.0.0.0/8",), None) is admission(TEN, None)


_few = st.integers(0, 40)  # near each other, so that they meet
_addresses = st.one_of(
    st.ip_addresses(v=4),
    st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address).filter(lambda address: not address.ipv4_mapped),
    _few.map(ipaddress.IPv4Address),
    _few.map(ipaddress.IPv6Address),
    _few.map(lambda below: ipaddress.IPv4Address(2**32 - 1 - below)),
    _few.map(lambda below: ipaddress.IPv6Address(2**128 - 1 - below)),
)


@st.composite
def _networks(draw: st.DrawFn) -> str:
    address = draw(_addresses)
    most = address.max_prefixlen
    prefix = draw(st.integers(most - 6, most) | st.integers(0, most))
    return str(ipaddress.ip_interface(f"{address}/{prefix}").network)


_lists = st.none() | st.lists(_networks(), min_size=1, max_size=12).map(tuple)


@given(_lists, _lists, st.lists(_addresses, min_size=1, max_size=20))
def test_it_answers_as_the_standard_library_would(
    allow: tuple[str, ...] | None,
    deny: tuple[str, ...] | None,
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address],
) -> None:
    rules = Admission(allow, deny)
    for address in addresses:
        named = any(address in ipaddress.ip_network(one) for one in allow) if allow is not None else True
        denied = any(address in ipaddress.ip_network(one) for one in deny or ())
        assert rules.admits(str(address)) is (named and not denied), address
        if address.version == 4:
            assert rules.admits(f"::ffff:{address}") is rules.admits(str(address))


def test_thousands_of_networks_cost_a_client_no_more_than_a_few() -> None:
    every_other = tuple(f"10.{a}.{b}.0/25" for a in range(20) for b in range(250))
    few, many = Admission(TEN, None), Admission(every_other, None)

    def cost(rules: Admission) -> float:
        """The best of several: the machine may be busy."""
        spans = []
        for _ in range(20):
            began = time.perf_counter()
            for last in range(200):
                rules.admits(f"10.7.7.{last}")
            spans.append(time.perf_counter() - began)
        return min(spans)

    assert many.admits("10.7.7.127") and not many.admits("10.7.7.128")
    assert cost(many) < 5 * cost(few)
