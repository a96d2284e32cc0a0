"""Asking name servers. What becomes of the answers is in test_resolver."""

from __future__ import annotations

import socket
import threading
import time

import dns.message
import dns.rcode
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
