"""What this machine says of names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from control.resolvconf import ResolvConf, parse_hosts, parse_resolv_conf


def test_servers_search_and_ndots() -> None:
    text = """# made by hand
nameserver 10.0.0.2 # the first
nameserver fd00::2
nameserver nonsense
search a.test b.test
options ndots:2 rotate
"""
    assert parse_resolv_conf(text) == ResolvConf((("10.0.0.2", 53), ("fd00::2", 53)), ("a.test", "b.test"), 2)


def test_without_servers_this_machine_is_asked() -> None:
    assert parse_resolv_conf("domain a.test") == ResolvConf((("127.0.0.1", 53),), ("a.test",))


def test_names_with_enough_dots_are_asked_for_as_they_are_first() -> None:
    conf = ResolvConf(search=("a.test",), ndots=2)
    assert conf.candidates("x") == ("x.a.test.", "x.")
    assert conf.candidates("x.y.z") == ("x.y.z.", "x.y.z.a.test.")
    assert conf.candidates("x.") == ("x.",)


def test_hosts_hold_all_addresses_of_a_name() -> None:
    text = """127.0.0.1 localhost
::1 localhost ip6-localhost # loopback
10.0.0.1\tApp.Test app
rubbish app
10.0.0.1 app
FD00:0::01 app
"""
    assert parse_hosts(text) == {
        "localhost": ("127.0.0.1", "::1"),
        "ip6-localhost": ("::1",),
        "app.test": ("10.0.0.1",),
        "app": ("10.0.0.1", "fd00::1"),
    }


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    parse_resolv_conf(text)
    parse_hosts(text)
