"""Addresses as config.xml writes them."""

from __future__ import annotations

import pytest

from director.config.addresses import ADDRESS, LISTEN, LOG_TARGET, NETWORKS, TARGET, WEB, is_loopback, same_place
from director.config.model import Endpoint
from director.config.values import BadValue, Value


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


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "224.0.0.5", "[ff02::1]", "255.255.255.255", "[::ffff:0.0.0.0]"])
def test_where_no_host_can_be_none_is_called(host: str) -> None:
    with pytest.raises(BadValue, match="no address to connect to"):
        TARGET.parse(f"{host}:80", "")
    with pytest.raises(BadValue, match="no address to connect to"):
        ADDRESS.parse(host, "")


@pytest.mark.parametrize("text", ["2001:db8::1", "::1:80", "2001:db8::10.0.0.1:80"])
def test_an_ipv6_address_without_brackets_is_told_of(text: str) -> None:
    with pytest.raises(BadValue, match="brackets"):
        TARGET.parse(text, "")


@pytest.mark.parametrize("value", [LISTEN, TARGET])
def test_an_ipv6_address_in_brackets_without_a_port_is_told_that_it_has_none(value: Value) -> None:
    with pytest.raises(BadValue, match="no port"):
        value.parse("[2001:db8::1]", "/")


@pytest.mark.parametrize("text", ["http://10.0.0.1", "http://10.0.0.1:80", "https://app.example.com/"])
@pytest.mark.parametrize("value", [LISTEN, TARGET])
def test_a_url_is_called_that(value: Value, text: str) -> None:
    with pytest.raises(BadValue, match="a URL"):
        value.parse(text, "/")


@pytest.mark.parametrize("value", [LISTEN, WEB])
def test_nobody_listens_on_an_ipv4_address_in_the_form_of_ipv6(value: Value) -> None:
    with pytest.raises(BadValue, match="in the form of IPv6") as refused:
        value.parse("[::ffff:127.0.0.1]:80", "/")
    assert refused.value.remedy == "write 127.0.0.1:80"


def test_a_link_local_address_is_listened_on_by_its_interface_and_not_called() -> None:
    assert str(LISTEN.parse("[FE80::1%eth0]:80", "/")) == "[fe80::1%eth0]:80"
    with pytest.raises(BadValue, match="without its interface") as refused:
        LISTEN.parse("[fe80::1]:80", "/")
    assert refused.value.remedy == "write it as [fe80::1%eth0]:80"
    for text in ("[fe80::1]:80", "[fe80::1%eth0]:80"):
        with pytest.raises(BadValue, match="a link-local address"):
            TARGET.parse(text, "/")


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("10.0.0.0/8 192.168.1.7  ::1/128", ("10.0.0.0/8", "192.168.1.7", "::1")),
        ("2001:DB8::/32 10.0.0.0/255.0.0.0 [::1]", ("2001:db8::/32", "10.0.0.0/8", "::1")),
        ("::ffff:10.0.0.0/104 ::ffff:192.168.1.7", ("10.0.0.0/8", "192.168.1.7")),
        ("0.0.0.0/0 ::/0", ("0.0.0.0/0", "::/0")),
    ],
)
def test_networks_have_one_form(text: str, networks: tuple[str, ...]) -> None:
    assert NETWORKS.parse(text, "") == networks
    assert NETWORKS.parse(NETWORKS.format(networks), "") == networks


@pytest.mark.parametrize(
    "text",
    ["syslog", "stderr", "syslog:/dev/log", "syslog:loghost", "syslog:loghost:514", "syslog:::1", "syslog:[::1]:514"],
)
def test_logs_go_where_they_are_sent(text: str) -> None:
    assert LOG_TARGET.parse(text, "/etc/director") == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("syslog:", "not an address of syslog; write syslog, syslog:/dev/log or syslog:host:port"),
        ("syslog:log host", "not an address of syslog"),
        ("syslog:loghost:99999", "port 99999 is out of range; use a port from 1 to 65535"),
        ("syslog:loghost:0", "port 0 is out of range"),
        ("syslog:loghost:syslog", "'syslog' is not a port; write syslog, syslog:/dev/log or syslog:host:port"),
        ("syslog:[::1]:x", "'x' is not a port"),
        ("syslog:log/host", "'log/host' is neither an IP address nor a name"),
        ("syslog:/" + "x" * 200, "has 201 bytes; use one of at most 107"),
    ],
)
def test_a_log_that_would_go_nowhere_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadValue) as caught:
        LOG_TARGET.parse(text, "/etc/director")
    assert said in f"{caught.value.reason}; {caught.value.remedy}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty; write addresses and networks"),
        ("all", "'all' is neither an IP address nor a network; write addresses and networks with a blank between"),
        ("10.0.0.0/8,10.1.1.1", "'10.0.0.0/8,10.1.1.1' is neither"),
        ("10.0.0.0/33", "'10.0.0.0/33' is neither"),
        ("10/8", "'10/8' is neither"),
        ("office.example.com", "'office.example.com' is neither"),
        ("::1 10.1.2.3/8", "write 10.0.0.0/8 for all of it, or 10.1.2.3 for the address alone"),
        ("2001:db8::1/32", "write 2001:db8::/32 for all of it, or 2001:db8::1 for the address alone"),
        ("fe80::1%eth0", "'fe80::1%eth0' names an interface; write fe80::1"),
    ],
)
def test_what_is_no_network_says_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(BadValue) as caught:
        NETWORKS.parse(text, "")
    assert said in f"{caught.value.reason}; {caught.value.remedy}"


@pytest.mark.parametrize("value", [ADDRESS, LISTEN, NETWORKS, TARGET, WEB])
@pytest.mark.parametrize("text", ["a" * 70_000 + "!:80", "unix:/" + "a" * 70_000, "10.0.0.1:" + "8" * 70_000])
def test_what_is_wrong_with_a_long_address_is_told_in_short(value: Value, text: str) -> None:
    with pytest.raises(BadValue) as wrong:
        value.parse(text, "/")
    assert len(wrong.value.reason) < 150
