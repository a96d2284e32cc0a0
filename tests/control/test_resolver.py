"""Where hosts are, by a real name server and by one that misbehaves."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import gevent
import pytest

from control.resolver import Files, Resolver
from director import logs
from director.addresses import Addresses, place
from director.config.model import Config, Dns, Endpoint, Group, Host, Service
from director.events import Event
from director.messages import Running
from tests.system.nameserver import Dnsmasq, OddServer
from tests.waiting import until

NUMBER = 5
OPEN: list[Resolver] = []  # paused by a fixture after each test: other tests' loops would have them look up on


class Farm:
    """A resolver for one host, and what it says."""

    def __init__(self, folder: Path, server: str) -> None:
        address, _, port = server.rpartition(":")
        self.changed: list[int] = []
        self.left: list[str] = []  # where the host was
        self.regrouped = 0
        self.files = Files(str(folder / "hosts"), str(folder / "resolv.conf"))
        self.dns = Dns(servers=(Endpoint(address, int(port)),), min_ttl=0.1, timeout=1.0)
        self.resolver = self.another()

    def another(self) -> Resolver:
        OPEN.append(Resolver(self.change, self._regroup, self.files))
        return OPEN[-1]

    def change(self, number: int, before: Addresses) -> None:
        self.changed.append(number)
        self.left += [place(where) for _, where in before]

    def _regroup(self) -> None:
        self.regrouped += 1

    def want(self, ip: Endpoint, resolve: str = "first", **dns_values: object) -> None:
        host = Host(name="app", ip=ip, resolve=resolve, number=NUMBER, weight=2.0)
        group = Group(name="main", hosts=(host,), number=2)
        values = {name: getattr(self.dns, name) for name in Dns.__dataclass_fields__}
        self.dns = Dns(**{**values, **dns_values})
        self.resolver.want(Running(1, Config(services=(Service(name="web", groups=(group,), number=1),), dns=self.dns)))

    def where(self) -> list[str]:
        return [str(where[0]) for _, where in self.resolver.addresses.get(NUMBER, ())]

    def places(self) -> set[str]:
        return {str(member.ip) for member in self.resolver.members.get(NUMBER, ())}


@pytest.fixture(autouse=True)
def _nobody_looks_up_on() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().pause()
    gevent.sleep(0)


@pytest.fixture
def dnsmasq() -> Iterator[Dnsmasq]:
    with Dnsmasq() as server:
        yield server


def app(port: int = 80) -> Endpoint:
    return Endpoint("app.test", port)


def test_addresses_are_known_at_once(tmp_path: Path) -> None:
    farm = Farm(tmp_path, "127.0.0.1:9")
    farm.want(Endpoint("10.0.0.2", 80))
    assert farm.resolver.addresses == {NUMBER: ((int(socket.AF_INET), ("10.0.0.2", 80)),)}


def test_a_record_that_changes_is_followed_by_its_ttl(tmp_path: Path, dnsmasq: Dnsmasq) -> None:
    dnsmasq.say("address=/app.test/10.0.0.1", "address=/app.test/fd00::1")
    farm = Farm(tmp_path, dnsmasq.address)
    farm.want(app())
    assert farm.where() == []
    farm.resolver.start()
    until(farm.where)
    assert farm.where() == ["10.0.0.1", "fd00::1"]
    assert farm.changed == [NUMBER]
    farm.want(app(), prefer="ipv6")
    assert farm.where() == ["fd00::1", "10.0.0.1"]
    dnsmasq.say("address=/app.test/10.0.0.9")
    began = time.monotonic()
    until(lambda: farm.where() == ["10.0.0.9"])
    assert time.monotonic() - began < 5
    assert farm.left == ["10.0.0.1:80", "[fd00::1]:80", "[fd00::1]:80", "10.0.0.1:80"]


def test_where_a_host_was_is_told_whatever_it_is_now(tmp_path: Path) -> None:
    farm = Farm(tmp_path, "127.0.0.1:9")
    for ip in (
        Endpoint("10.0.0.1", 80),
        Endpoint("10.0.0.1", 80),
        Endpoint("10.0.0.2", 80),
        app(),
        Endpoint(path="/x"),
    ):
        farm.want(ip)
    assert farm.left == ["10.0.0.1:80", "10.0.0.2:80"]
    farm.want(Endpoint("10.0.0.3", 80))
    assert farm.left[2:] == ["unix:/x"]


def test_who_pauses_asks_nobody_and_goes_on_where_it_was(tmp_path: Path, dnsmasq: Dnsmasq) -> None:
    dnsmasq.say("address=/app.test/10.0.0.1")
    farm = Farm(tmp_path, dnsmasq.address)
    farm.want(app())
    farm.resolver.start()
    until(farm.where)
    farm.resolver.pause()
    dnsmasq.say("address=/app.test/10.0.0.2")
    due = farm.resolver._names["app.test"].due
    until(lambda: time.monotonic() > due + 0.2)
    assert farm.where() == ["10.0.0.1"]
    farm.resolver.start()
    until(lambda: farm.where() == ["10.0.0.2"])


def test_the_last_good_answer_outlives_a_server_that_hangs_or_is_gone(tmp_path: Path, dnsmasq: Dnsmasq) -> None:
    dnsmasq.say("address=/app.test/10.0.0.1")
    farm = Farm(tmp_path, dnsmasq.address)
    farm.want(app())
    farm.resolver.start()
    until(farm.where)
    dnsmasq.hang()
    until(lambda: "no answer" in farm.resolver.cause(NUMBER))
    dnsmasq.stop()
    until(lambda: "refused" in farm.resolver.cause(NUMBER))
    assert farm.where() == ["10.0.0.1"]
    dnsmasq.say("address=/app.test/10.0.0.2")
    until(lambda: farm.where() == ["10.0.0.2"])
    assert farm.resolver.cause(NUMBER) == ""


def test_that_a_name_can_be_looked_up_again_is_told_as_that_it_could_not(
    tmp_path: Path, dnsmasq: Dnsmasq, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[object, ...]] = []

    def remember(event: Event, **values: object) -> None:
        told.append((event, values.get("kept", values.get("new"))))

    monkeypatch.setattr(logs, "info", remember)
    monkeypatch.setattr(logs, "warning", remember)
    known = (Event.HOST_RESOLVED, "10.0.0.1")
    dnsmasq.say("address=/again.test/10.0.0.1")
    farm = Farm(tmp_path, dnsmasq.address)
    farm.want(Endpoint("again.test", 80))
    farm.resolver.start()
    until(lambda: told == [known])
    dnsmasq.say()
    until(lambda: told == [known, (Event.HOST_UNRESOLVED, "10.0.0.1")])
    dnsmasq.say("address=/again.test/10.0.0.1")
    until(lambda: told[2:] == [known])
    dnsmasq.say()
    farm.want(Endpoint("again.test", 80), hold=0.5)
    until(lambda: told[-1] == (Event.HOST_UNRESOLVED, "none"))
    assert (Event.HOST_RESOLVED, "none") not in told


def test_after_hold_the_last_good_answer_is_dropped(tmp_path: Path, dnsmasq: Dnsmasq) -> None:
    dnsmasq.say("address=/app.test/10.0.0.1")
    farm = Farm(tmp_path, dnsmasq.address)
    farm.want(app(), hold=4.0)
    farm.resolver.start()
    until(farm.where)
    dnsmasq.say()
    until(lambda: "NXDOMAIN" in farm.resolver.cause(NUMBER))
    assert farm.where() == ["10.0.0.1"]
    until(lambda: not farm.where())
    dnsmasq.say("address=/app.test/10.0.0.3")
    until(farm.where)


def test_an_answer_of_fifty_addresses_is_fifty_members(tmp_path: Path, dnsmasq: Dnsmasq) -> None:
    addresses = [f"10.0.1.{count}" for count in range(50)]
    dnsmasq.say(*(f"host-record=app.test,{address}" for address in addresses))
    farm = Farm(tmp_path, dnsmasq.address)
    farm.want(app(8080), "all")
    farm.resolver.start()
    until(farm.places)
    # It does not fit the 512 bytes that this server sends by UDP: all of them is an answer by TCP.
    assert farm.places() == {f"{address}:8080" for address in addresses}
    until(lambda: farm.regrouped)
    assert farm.regrouped == 1
    assert {member.weight for member in farm.resolver.members[NUMBER]} == {2.0}


def test_a_member_keeps_its_number_also_for_the_next_hub(tmp_path: Path, dnsmasq: Dnsmasq) -> None:
    dnsmasq.say("host-record=app.test,10.0.0.1", "host-record=app.test,10.0.0.2")
    farm = Farm(tmp_path, dnsmasq.address)
    farm.want(app(), "all")
    farm.resolver.start()
    until(farm.places)
    before = {member.name: member.number for member in farm.resolver.members[NUMBER]}
    dump = farm.resolver.dump()
    farm.resolver = farm.another()
    farm.resolver.restore(dump)
    farm.want(app(), "all")
    assert {member.name: member.number for member in farm.resolver.members[NUMBER]} == before
    farm.resolver.start()
    dnsmasq.say("host-record=app.test,10.0.0.2", "host-record=app.test,10.0.0.3")
    until(lambda: farm.places() == {"10.0.0.2:80", "10.0.0.3:80"})
    dnsmasq.say("host-record=app.test,10.0.0.1")
    until(lambda: farm.places() == {"10.0.0.1:80"})
    (member,) = farm.resolver.members[NUMBER]
    assert member.number == before[member.name]


def test_the_address_in_use_stays_also_with_the_next_hub(tmp_path: Path, dnsmasq: Dnsmasq) -> None:
    dnsmasq.say("host-record=app.test,10.0.0.9")
    farm = Farm(tmp_path, dnsmasq.address)
    farm.want(app())
    farm.resolver.start()
    until(farm.where)
    dnsmasq.say("host-record=app.test,10.0.0.9", "host-record=app.test,10.0.0.7")
    until(lambda: len(farm.resolver._names["app.test"].records) == 2)
    dump = farm.resolver.dump()
    farm.resolver, farm.changed = farm.another(), []
    farm.resolver.restore(dump)
    farm.want(app())
    assert farm.where() == ["10.0.0.9"]
    farm.resolver.start()
    dnsmasq.say("host-record=app.test,10.0.0.7")
    until(lambda: farm.where() == ["10.0.0.7"])


def test_an_answer_is_no_younger_for_the_next_hub(tmp_path: Path, dnsmasq: Dnsmasq) -> None:
    dnsmasq.say("host-record=app.test,10.0.0.1,1")
    farm = Farm(tmp_path, dnsmasq.address)
    farm.want(app(), hold=3600.0)
    farm.resolver.start()
    until(farm.where)
    farm.resolver.dump()
    until(lambda: farm.resolver.dirty)  # the same answer again holds from now on
    farm.resolver.pause()
    good_at = farm.resolver._names["app.test"].good_at
    dump = farm.resolver.dump()
    farm.resolver = farm.another()
    farm.resolver.restore(dump)
    assert farm.resolver._names["app.test"].good_at == good_at


def test_srv_records_give_ports_weights_and_backups(tmp_path: Path, dnsmasq: Dnsmasq) -> None:
    dnsmasq.say(
        "srv-host=_http._tcp.app.test,one.test,8001,10,30",
        "srv-host=_http._tcp.app.test,two.test,8002,10,10",
        "srv-host=_http._tcp.app.test,spare.test,8003,20,0",
        "host-record=one.test,10.0.0.1",
        "host-record=two.test,10.0.0.2",
        "host-record=spare.test,10.0.0.3",
    )
    farm = Farm(tmp_path, dnsmasq.address)
    farm.want(Endpoint(srv="_http._tcp.app.test"))
    farm.resolver.start()
    until(farm.places)
    found = {str(member.ip): (member.weight, member.backup) for member in farm.resolver.members[NUMBER]}
    assert found == {"10.0.0.1:8001": (3.0, False), "10.0.0.2:8002": (1.0, False), "10.0.0.3:8003": (2.0, True)}


def test_the_hosts_file_comes_first_and_is_read_again(tmp_path: Path, dnsmasq: Dnsmasq) -> None:
    dnsmasq.say("address=/app.test/10.0.0.1")
    (tmp_path / "hosts").write_text("10.9.9.9  app.test\n")
    farm = Farm(tmp_path, dnsmasq.address)
    farm.want(app())
    farm.resolver.start()
    until(lambda: farm.where() == ["10.9.9.9"])
    (tmp_path / "hosts").write_text("# nothing\n")
    until(lambda: farm.where() == ["10.0.0.1"])


def test_resolv_conf_names_servers_and_completes_names_and_is_read_again(tmp_path: Path) -> None:
    farm = Farm(tmp_path, "127.0.0.1:9")
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.77\nsearch b.test\n")
    farm.want(Endpoint("app", 80), servers=())
    assert farm.resolver._lookup._conf.servers == (("127.0.0.77", 53),)
    assert farm.resolver._lookup._conf.candidates("app") == ("app.b.test.", "app.")


def test_a_short_name_is_completed_by_search(tmp_path: Path, dnsmasq: Dnsmasq) -> None:
    dnsmasq.say("address=/app.test/10.0.0.1")
    farm = Farm(tmp_path, dnsmasq.address)
    farm.want(Endpoint("app", 80), search=("no.test", "test"))
    farm.resolver.start()
    until(farm.where)
    assert farm.where() == ["10.0.0.1"]


def answered(query: dns.message.Message, *addresses: str) -> dns.message.Message:
    found = dns.message.make_response(query)
    (question,) = query.question
    if question.rdtype == 1 and addresses:
        found.answer.append(dns.rrset.from_text(question.name, 1, "IN", "A", *addresses))
    return found


def test_what_makes_no_sense_is_no_answer_and_a_later_good_one_is(tmp_path: Path) -> None:
    def servfail(query: dns.message.Message, _: bool) -> dns.message.Message:
        found = dns.message.make_response(query)
        found.set_rcode(dns.rcode.SERVFAIL)
        return found

    def other_id(query: dns.message.Message, _: bool) -> dns.message.Message:
        found = answered(query, "10.6.6.6")
        found.id ^= 1
        return found

    def loop(query: dns.message.Message, _: bool) -> dns.message.Message:
        found = dns.message.make_response(query)
        name = query.question[0].name
        found.answer.append(dns.rrset.from_text(name, 1, "IN", "CNAME", str(name)))
        return found

    def refused_by_tcp(query: dns.message.Message, by_tcp: bool) -> dns.message.Message | bytes:
        found = answered(query)
        found.flags |= dns.flags.TC
        return b"\0" if by_tcp else found

    with OddServer(servfail) as server:
        farm = Farm(tmp_path, server.address)
        farm.want(app(), timeout=0.2)
        farm.resolver.start()
        until(lambda: "SERVFAIL" in farm.resolver.cause(NUMBER))
        for reply in (lambda query, by_tcp: b"rubbish", lambda query, by_tcp: None, other_id, loop, refused_by_tcp):
            asked = server.asked
            server.reply = reply
            farm.want(app(), timeout=farm.dns.timeout + 0.001)
            until(lambda asked=asked: server.asked >= asked + 2)  # type: ignore[misc]
            assert farm.where() == []
        server.reply = lambda query, by_tcp: answered(query, "10.0.0.1")
        until(lambda: farm.where() == ["10.0.0.1"], seconds=20)


def test_an_answer_of_those_who_were_to_be_asked_before_does_not_hold(tmp_path: Path) -> None:
    changed = threading.Event()

    def late(query: dns.message.Message, _: bool) -> dns.message.Message:
        changed.wait(10)
        return answered(query, "10.0.0.1")

    with OddServer(late) as old, OddServer(lambda query, by_tcp: answered(query, "10.0.0.2")) as new:
        farm = Farm(tmp_path, old.address)
        farm.want(app(), min_ttl=60.0, timeout=5.0)
        farm.resolver.start()
        until(lambda: old.asked)
        address, _, port = new.address.rpartition(":")
        farm.want(app(), servers=(Endpoint(address, int(port)),))
        changed.set()
        until(lambda: farm.where() == ["10.0.0.2"])


def test_a_server_that_is_silent_delays_nobody(tmp_path: Path) -> None:
    with OddServer(lambda query, by_tcp: None) as server:
        farm = Farm(tmp_path, server.address)
        farm.want(app())
        farm.resolver.start()
        worst = 0.0
        for _ in range(50):
            before = time.monotonic()
            gevent.sleep(0.01)
            worst = max(worst, time.monotonic() - before)
        assert worst < farm.dns.timeout / 2  # which it would take if it waited for the answer


def test_many_names_that_change_leave_most_of_the_time_to_others(tmp_path: Path, dnsmasq: Dnsmasq) -> None:
    dnsmasq.say("address=/test/10.0.0.1")
    farm = Farm(tmp_path, dnsmasq.address)
    spent = 0.02
    told: list[float] = []
    known: list[int] = []

    def regrouped() -> None:
        told.append(time.monotonic())
        known.append(sum(map(bool, resolver.members.values())))
        time.sleep(spent)

    resolver = Resolver(farm.change, regrouped, farm.files)
    OPEN.append(resolver)
    names = range(300)
    hosts = tuple(Host(name=f"h{one}", ip=Endpoint(f"h{one}.test", 80), resolve="all", number=one) for one in names)
    group = Group(name="main", hosts=hosts, number=1000)
    config = Config(services=(Service(name="web", groups=(group,), number=1001),), dns=farm.dns)
    resolver.want(Running(1, config))
    resolver.start()
    until(lambda: known and known[-1] == len(names), 60.0)
    assert all(later - earlier >= 9 * spent for earlier, later in pairwise(told))
