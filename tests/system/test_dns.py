"""Hosts by name, with a real name server: found, followed, kept, never in the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.system.addresses import LOOPBACK, ask_name, connect, free_address, read_line
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host, Named
from tests.system.nameserver import Dnsmasq
from tests.waiting import keep_watching, wait_until

Serve = Callable[..., Host]


@pytest.fixture
def dnsmasq() -> Iterator[Dnsmasq]:
    with Dnsmasq() as server:
        yield server


def config(server: Dnsmasq, address: str, *hosts: str) -> str:
    return director(service(address, group(*hosts)), f'<dns servers="{server.address}" timeout="1s" min-ttl="200ms"/>')


def neighbour(address: str) -> str:
    """The same port at another loopback address."""
    return f"127.99.{LOOPBACK.split('.', 2)[2]}:{address.rpartition(':')[2]}"


def names_of(daemon: Daemon) -> dict[str, str]:
    (only,) = daemon.service()["groups"]
    return {one["name"]: one["state"] for one in only["hosts"]}


def test_a_name_is_unresolved_until_it_is_known_and_followed_when_it_moves(
    daemon: Daemon, dnsmasq: Dnsmasq, serve: Serve
) -> None:
    old = serve(Named("old"))
    new = serve(Named("new"), neighbour(old.address))
    old_ip, port = old.address.split(":")
    new_ip, address = new.address.split(":")[0], free_address()
    dnsmasq.say()
    daemon.start(config(dnsmasq, address, host("app", f"app.test:{port}")))
    assert daemon.host("app")["state"] == "unresolved"
    wait_until(lambda: "NXDOMAIN" in daemon.host("app")["reason"])
    dnsmasq.say(f"address=/app.test/{old_ip}")
    wait_until(lambda: ask_name(address) == "old")
    with connect(address) as client:
        assert read_line(client) == "old"
        dnsmasq.say(f"address=/app.test/{new_ip}")
        wait_until(lambda: ask_name(address) == "new")
        client.sendall(b"still here\n")
        assert read_line(client) == "still here"
    assert re.search(rf"host resolved: name=app.test old={old_ip} new={new_ip}", daemon.log)
    daemon.reload(daemon.config_file.read_text().replace("<service ", '<service drain-within="500ms" '))
    with connect(address) as client, connect(address) as other:
        assert read_line(client) == read_line(other) == "new"
        dnsmasq.say(f"address=/app.test/{old_ip}")
        wait_until(lambda: [(one["what"], one["left"]) for one in daemon.stats()["drains"]] == [("web/main/app", 2)])
        wait_until(lambda: ask_name(address) == "old")
        with connect(address) as late:
            assert read_line(late) == "old"
            assert client.recv(1) == other.recv(1) == b""
            wait_until(lambda: daemon.stats()["drains"] == [])
            late.sendall(b"still here\n")
            assert read_line(late) == "still here"
    dnsmasq.say(f"address=/app.test/{new_ip}")
    wait_until(lambda: ask_name(address) == "new")
    dnsmasq.stop()
    wait_until(lambda: "host unresolved: name=app.test" in daemon.log.rpartition("host resolved")[2])
    daemon.kill(daemon.hub())
    # Neither workers nor the next hub forget what was known, though nobody is left to ask.
    keep_watching(lambda: ask_name(address) == "new", 1.0)
    wait_until(lambda: daemon.host("app")["state"] == "up")


def test_a_host_that_is_down_is_tried_at_once_where_its_name_or_the_config_leads_now(
    daemon: Daemon, dnsmasq: Dnsmasq, serve: Serve
) -> None:
    other, new = serve(Named("other")), serve(Named("new"))
    ip, port = new.address.split(":")
    dead, address = neighbour(new.address), free_address()
    dnsmasq.say(f"address=/app.test/{dead.split(':')[0]}")
    daemon.start(config(dnsmasq, address, host("app", f"app.test:{port}"), host("b", dead), host("c", other.address)))
    wait_until(lambda: ask_name(address) == "other" and [*names_of(daemon).values()] == ["down", "down", "up"])
    dnsmasq.say(f"address=/app.test/{ip}")
    daemon.reload(daemon.config_file.read_text().replace(dead, new.address))
    wait_until(lambda: set(names_of(daemon).values()) == {"up"})


def test_all_addresses_of_a_name_are_hosts_that_come_and_go(daemon: Daemon, dnsmasq: Dnsmasq, serve: Serve) -> None:
    a = serve(Named("a"))
    b = serve(Named("b"), neighbour(a.address))
    (a_ip, port), b_ip, address = a.address.split(":"), b.address.split(":")[0], free_address()
    dnsmasq.say(f"host-record=app.test,{a_ip}", f"host-record=app.test,{b_ip}")
    daemon.start(config(dnsmasq, address, host("app", f"app.test:{port}", resolve="all")))
    wait_until(lambda: {ask_name(address) for _ in range(8)} == {"a", "b"})
    assert names_of(daemon) == {f"app:{a_ip}:{port}": "up", f"app:{b_ip}:{port}": "up"}
    assert daemon.ctl("host-down", "web", "main", "app", "--force").exit == 0
    wait_until(lambda: set(names_of(daemon).values()) == {"maint"})
    assert daemon.ctl("host-up", "web", "main", "app").exit == 0
    wait_until(lambda: ask_name(address) in ("a", "b"))
    clients = [connect(address) for _ in range(8)]
    names = [read_line(client) for client in clients]
    assert set(names) == {"a", "b"}
    dnsmasq.say(f"host-record=app.test,{a_ip}")
    wait_until(lambda: list(names_of(daemon)) == [f"app:{a_ip}:{port}"])
    wait_until(lambda: {ask_name(address) for _ in range(8)} == {"a"})
    for client in clients:
        client.sendall(b"still here\n")
        assert read_line(client) == "still here"
    dnsmasq.say(f"host-record=app.test,{a_ip}", f"host-record=app.test,{b_ip}")
    wait_until(lambda: {ask_name(address) for _ in range(8)} == {"a", "b"})
    daemon.reload(daemon.config_file.read_text().replace("<service ", '<service drain-within="500ms" '))
    dnsmasq.say(f"host-record=app.test,{a_ip}")
    wait_until(lambda: list(names_of(daemon)) == [f"app:{a_ip}:{port}"])
    for client, name in zip(clients, names, strict=True):
        if name == "b":
            assert client.recv(1) == b""
    for client, name in zip(clients, names, strict=True):
        if name == "a":
            client.sendall(b"still here\n")
            assert read_line(client) == "still here"
        client.close()
    wait_until(lambda: daemon.service()["open"] == 0)


def test_a_service_record_gives_ports_weights_and_hosts_that_stand_by(
    daemon: Daemon, dnsmasq: Dnsmasq, serve: Serve
) -> None:
    one, two, spare = serve(Named("one")), serve(Named("two")), serve(Named("spare"))
    address = free_address()

    def record(target: Host, priority: int, weight: int) -> str:
        return f"srv-host=_http._tcp.app.test,app.test,{target.address.split(':')[1]},{priority},{weight}"

    records = [record(one, 10, 30), record(two, 10, 10), record(spare, 20, 1)]
    dnsmasq.say(f"host-record=app.test,{LOOPBACK}", *records)
    daemon.start(config(dnsmasq, address, host("app", "srv:_http._tcp.app.test")))
    wait_until(lambda: ask_name(address) != "")
    wait_until(lambda: sorted(ask_name(address) for _ in range(24)) == ["one"] * 18 + ["two"] * 6)
    one.stop()
    two.stop()
    wait_until(lambda: ask_name(address) == "spare")


def test_a_retry_asks_for_a_name_at_once_and_tests_every_place_where_its_check_goes(
    daemon: Daemon, dnsmasq: Dnsmasq, serve: Serve
) -> None:
    a = serve(Named("a"))
    b = serve(Named("b"), neighbour(a.address))
    (a_ip, port), b_ip = a.address.split(":"), b.address.split(":")[0]
    dnsmasq.say()
    check = f'<check address="checks.test" port="{port}"/>'
    daemon.start(config(dnsmasq, free_address(), host("app", f"app.test:{port}", resolve="all"), check))
    wait_until(lambda: "NXDOMAIN" in daemon.host("app")["reason"])
    said = daemon.ctl("host-retry", "web", "main", "app").out
    assert "it has no address, asked for just now: app.test does not exist (NXDOMAIN); it is unresolved" in said
    records = [f"host-record=app.test,{a_ip}", f"host-record=app.test,{b_ip}"]
    dnsmasq.say(*records)
    said = daemon.ctl("host-retry", "web", "main", "app").out
    assert "what its check goes to has no address, asked for just now: checks.test does not exist (NXDOMAIN)" in said
    dnsmasq.say(*records, f"host-record=checks.test,{a_ip}")
    said = daemon.ctl("host-retry", "web", "main", "app").out
    assert {f"host 'app:{ip}:{port}' of web/main" in said for ip in (a_ip, b_ip)} == {True}
    assert said.count("answers; it is up") == 2
    wait_until(lambda: all(one["check_status"] == "L4OK" for one in daemon.service()["groups"][0]["hosts"]))
