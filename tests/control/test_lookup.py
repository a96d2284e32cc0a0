"""Asking name servers. What becomes of the answers is in test_resolver."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from control.lookup import Lookup, NoAnswerError
from control.names import Record
from control.resolvconf import ResolvConf
from tests.system.addresses import free_address
from tests.system.nameserver import OddServer


def lookup(*servers: str, timeout: float = 0.5) -> Lookup:
    asked = tuple((where.rpartition(":")[0], int(where.rpartition(":")[2])) for where in servers)
    return Lookup(ResolvConf(asked), {}, timeout, 60.0)


def only_a(query: dns.message.Message, _: bool) -> dns.message.Message:
    found = dns.message.make_response(query)
    (question,) = query.question
    if question.rdtype == 1:
        found.answer.append(dns.rrset.from_text(question.name, 7, "IN", "A", "10.0.0.1"))
    else:
        found.set_rcode(dns.rcode.SERVFAIL)
    return found


def test_a_server_that_refuses_makes_way_for_the_next_at_once() -> None:
    with OddServer(only_a) as server:
        began = time.monotonic()
        answer = lookup(free_address(), server.address, timeout=30.0).addresses("app.test")
        assert time.monotonic() - began < 3
    assert answer.records == (Record(0, "10.0.0.1"),)
    assert answer.ttl == 7


def test_of_a_family_that_nobody_answers_for_what_was_known_stays() -> None:
    with OddServer(only_a) as server:
        known = (Record(0, "fd00::1"), Record(0, "10.0.0.9"))
        answer = lookup(server.address).addresses("app.test", known)
    assert set(answer.records) == {Record(0, "10.0.0.1"), Record(0, "fd00::1")}


def zone(**names: str) -> OddServer:
    """Says of each name (`_` for a dot) the addresses given; of all others that they are none."""
    known = {f"{name.replace('_', '.')}.": addresses.split() for name, addresses in names.items()}

    def answer(query: dns.message.Message, _: bool) -> dns.message.Message:
        found = dns.message.make_response(query)
        (question,) = query.question
        kind = dns.rdatatype.to_text(question.rdtype)
        if str(question.name) not in known:
            found.set_rcode(dns.rcode.NXDOMAIN)
        elif theirs := [one for one in known[str(question.name)] if (":" in one) is (kind == "AAAA")]:
            found.answer.append(dns.rrset.from_text(question.name, 7, "IN", kind, *theirs))
        return found

    return SERVERS.enter_context(OddServer(answer))


def searching(server: OddServer, *search: str) -> Lookup:
    host, _, port = server.address.rpartition(":")
    return Lookup(ResolvConf(((host, int(port)),), search), {}, 0.5, 60.0)


@pytest.mark.parametrize("name", ["db", "db.one"])
def test_both_families_are_those_of_one_whole_name(name: str) -> None:
    server = zone(db_one="10.0.0.1", db_two="10.0.0.2 fd00::2", db_one_two="fd00::3")
    answer = searching(server, "one", "two").addresses(name)
    assert answer.records == (Record(0, "10.0.0.1"),)


def test_of_a_name_that_is_nowhere_the_first_form_is_told() -> None:
    with pytest.raises(NoAnswerError, match=r"^app\.test does not exist"):
        searching(zone(), "corp", "net").addresses("app.test")


def test_a_name_that_is_none_is_completed_also_where_nobody_answers_for_the_other_family() -> None:
    def answer(query: dns.message.Message, _: bool) -> dns.message.Message | None:
        (question,) = query.question
        if question.rdtype == dns.rdatatype.AAAA:
            return None
        found = dns.message.make_response(query)
        if str(question.name) == "app.test.corp.":
            found.answer.append(dns.rrset.from_text(question.name, 7, "IN", "A", "10.0.0.1"))
        else:
            found.set_rcode(dns.rcode.NXDOMAIN)
        return found

    with OddServer(answer) as server:
        assert searching(server, "corp").addresses("app.test").records == (Record(0, "10.0.0.1"),)


def test_who_denies_the_name_for_want_of_ipv6_denies_no_ipv4() -> None:
    def answer(query: dns.message.Message, by_tcp: bool) -> dns.message.Message:
        found = only_a(query, by_tcp)
        if not found.answer:
            found.set_rcode(dns.rcode.NXDOMAIN)
        return found

    with OddServer(answer) as server:
        assert lookup(server.address).addresses("app.test").records == (Record(0, "10.0.0.1"),)


def test_of_addresses_those_are_taken_where_a_host_can_be() -> None:
    server = zone(app_test="0.0.0.0 224.0.0.5 10.0.0.1 255.255.255.255 :: ff02::1 ::ffff:0.0.0.0")
    assert searching(server).addresses("app.test").records == (Record(0, "10.0.0.1"),)


def test_a_name_that_a_server_or_the_hosts_file_blocks_has_no_answer() -> None:
    blocked = Lookup(ResolvConf(()), {"app.test": ("0.0.0.0", "::")}, 0.5, 60.0)
    for one, where in ((blocked, "0.0.0.0, ::"), (searching(zone(app_test="0.0.0.0")), "0.0.0.0")):
        with pytest.raises(NoAnswerError, match=rf"^no host can be at {where}, which app\.test stands for$") as failure:
            one.addresses("app.test")
        assert failure.value.denied


def test_who_does_not_know_edns_is_asked_without() -> None:
    def answer(query: dns.message.Message, by_tcp: bool) -> dns.message.Message:
        found = only_a(query, by_tcp)
        if query.edns >= 0:
            found = dns.message.make_response(query)
            found.use_edns(False)
            found.set_rcode(dns.rcode.FORMERR)
        return found

    with OddServer(answer) as server:
        assert lookup(server.address).addresses("app.test").records == (Record(0, "10.0.0.1"),)


def test_who_is_silent_by_udp_is_asked_by_tcp() -> None:
    with OddServer(lambda query, by_tcp: only_a(query, by_tcp) if by_tcp else None) as server:
        assert lookup(server.address).addresses("app.test").records == (Record(0, "10.0.0.1"),)


def test_who_refuses_udp_is_asked_by_tcp_at_once() -> None:
    with OddServer(only_a, udp=False) as server:
        began = time.monotonic()
        assert lookup(server.address, timeout=30.0).addresses("app.test").records == (Record(0, "10.0.0.1"),)
        assert time.monotonic() - began < 3


def test_the_timeout_is_for_all_servers_together() -> None:
    with OddServer(lambda query, by_tcp: None) as one, OddServer(lambda query, by_tcp: None) as other:
        began = time.monotonic()
        with pytest.raises(NoAnswerError, match="no answer"):
            lookup(one.address, other.address, timeout=0.4).addresses("app.test")
        assert time.monotonic() - began < 2
        assert one.asked >= 2 <= other.asked


def test_a_flood_of_rubbish_does_not_keep_it_beyond_its_time() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def flood() -> None:
            _, sender = server.recvfrom(512)
            end = time.monotonic() + 1.0
            while time.monotonic() < end:
                server.sendto(b"\0" * 40, sender)
                time.sleep(0.001)

        thread = threading.Thread(target=flood)
        thread.start()
        began = time.monotonic()
        with pytest.raises(NoAnswerError):
            lookup(f"127.0.0.1:{server.getsockname()[1]}", timeout=0.3).addresses("app.test")
        assert time.monotonic() - began < 2
        thread.join()


def test_localhost_is_this_machine_whoever_is_asked() -> None:
    assert {one.address for one in lookup().addresses("localhost").records} == {"127.0.0.1", "::1"}


def test_a_name_that_can_not_be_asked_for_is_no_answer() -> None:
    with pytest.raises(NoAnswerError, match="no name"):
        lookup(free_address()).addresses("a" * 64 + ".test")


def srv(*places: str, **others: str) -> Lookup:
    """Asks a server that says just this of `_http._tcp.app.test`, and of other names the addresses given."""

    def answer(query: dns.message.Message, _: bool) -> dns.message.Message:
        found = dns.message.make_response(query)
        (question,) = query.question
        kind = dns.rdatatype.to_text(question.rdtype)
        name = str(question.name).partition(".")[0]
        if kind == "SRV":
            found.answer.append(dns.rrset.from_text(question.name, 0, "IN", "SRV", *places))
        elif kind == "A" and name in others:
            found.answer.append(dns.rrset.from_text(question.name, 0, "IN", "A", others[name]))
        return found

    return lookup(SERVERS.enter_context(OddServer(answer)).address)


SERVERS = ExitStack()


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    with SERVERS:
        yield


def test_a_place_without_a_port_is_none() -> None:
    answer = srv("1 1 0 a.test.", "1 1 8080 b.test.", a="10.0.0.1", b="10.0.0.2").srv("_http._tcp.app.test")
    assert answer.records == (Record(1, "10.0.0.2", 8080, 1.0),)
    assert answer.ttl == 0


def test_of_too_many_places_the_best_are_taken_in_whatever_order_they_come() -> None:
    places = [f"2 9 80 n{number}.test." for number in range(30)] + [f"1 {number} 80 a.test." for number in range(40)]
    addresses = {f"n{number}": f"10.0.1.{number}" for number in range(30)} | {"a": "10.0.0.1"}
    for order in (places, places[::-1]):
        found = srv(*order, **addresses).srv("_http._tcp.app.test").records
        assert sorted(record.weight for record in found if record.priority == 1) == list(range(40))
        assert {record.address for record in found if record.priority == 2} == {
            addresses[name] for name in sorted(addresses)[1:11]
        }


@pytest.mark.parametrize(
    ("places", "cause"),
    [
        (["0 0 0 ."], "the service is not offered"),
        (["1 1 0 a.test."], "its places have no port"),
        (["1 1 80 gone.test."], "has no A"),
    ],
)
def test_a_service_that_is_nowhere_has_no_answer(places: list[str], cause: str) -> None:
    with pytest.raises(NoAnswerError, match=cause):
        srv(*places, a="10.0.0.1").srv("_http._tcp.app.test")


def test_names_that_lead_round_in_a_circle_are_no_answer() -> None:
    def answer(query: dns.message.Message, _: bool) -> dns.message.Message:
        found = dns.message.make_response(query)
        other = {"a.test.": "b.test.", "b.test.": "a.test."}
        for name, target in other.items():
            found.answer.append(dns.rrset.from_text(name, 7, "IN", "CNAME", target))
        return found

    with OddServer(answer) as server, pytest.raises(NoAnswerError, match="makes no sense"):
        lookup(server.address).addresses("a.test")
