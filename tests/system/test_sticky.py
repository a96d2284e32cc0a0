"""Clients that return to the host they had: over all workers, and over the death of any process."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable

from tests.system.addresses import free_address, parse, read_line
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]

CLIENTS = [f"127.9.{os.getpid() & 255}.{number}" for number in range(1, 13)]
REPEATS = 10  # over four workers, by chance: one that knows nothing is found


def ask(address: str, client: str) -> str:
    """The name of the host that a client with this address reaches; "" if none."""
    with socket.socket() as sock:
        sock.settimeout(10)
        sock.bind((client, 0))
        sock.connect(parse(address)[1])
        return read_line(sock)


def answers(address: str, clients: Iterable[str]) -> dict[str, str]:
    """Who answers each client; the same host each time."""
    found = {}
    for client in clients:
        names = {ask(address, client) for _ in range(REPEATS)}
        assert len(names) == 1, (client, names)
        found[client] = names.pop()
    return found


def start(daemon: Daemon, hosts: list[Host], **more: str) -> str:
    address = free_address()
    members = (host(name, one.address) for name, one in zip("abc", hosts, strict=False))
    main = group(*members, scheduler="random,sticky", **more)
    daemon.start(director(service(address, main), workers=4))
    return address


def meet(daemon: Daemon, address: str, clients: list[str]) -> dict[str, str]:
    """Each client connects once; returns who answered it when all workers know."""
    first = {client: ask(address, client) for client in clients}
    wait_until(lambda: known(daemon).items() >= first.items())
    wait_until(lambda: daemon.agrees(4))
    return first


def known(daemon: Daemon) -> dict[str, str]:
    return {one["client"]: one["host"] for one in daemon.command("sticky", service="web", group="main")["clients"]}


def test_a_client_returns_in_every_worker_and_over_the_death_of_hub_and_workers(daemon: Daemon, hosts: Hosts) -> None:
    address = start(daemon, hosts("a", "b", "c"))
    first = meet(daemon, address, CLIENTS)
    assert len(set(first.values())) > 1
    assert answers(address, CLIENTS) == first

    for slot, pid in daemon.workers().items():
        daemon.kill(pid)
        wait_until(lambda slot=slot, pid=pid: daemon.workers()[slot] not in (0, pid))  # type: ignore[misc]
    wait_until(lambda: daemon.is_serving(4))
    assert answers(address, CLIENTS) == first

    hub = daemon.hub()
    daemon.kill(hub)
    assert answers(address, CLIENTS[:4]) == {client: first[client] for client in CLIENTS[:4]}
    wait_until(lambda: daemon.hub() != hub)
    wait_until(lambda: known(daemon) == first)
    daemon.kill(daemon.workers()[0])  # its successor knows only what the new hub does
    wait_until(lambda: daemon.is_serving(4))
    assert answers(address, CLIENTS) == first

    hub, victims = daemon.hub(), [daemon.workers()[slot] for slot in (1, 2)]
    for pid in (hub, *victims):  # their successors know what is left to know, or wait for it
        daemon.kill(pid)
    wait_until(lambda: daemon.hub() != hub and not {*victims} & {*daemon.workers().values()}, 30)
    wait_until(lambda: daemon.is_serving(4), 30)
    assert answers(address, CLIENTS) == first


def test_a_client_whose_host_is_in_maint_moves_and_stays_until_it_is_forgotten(daemon: Daemon, hosts: Hosts) -> None:
    a, b = hosts("a", "b")
    address = start(daemon, [a, b])
    client = CLIENTS[0]
    name = meet(daemon, address, [client])[client]
    other = "b" if name == "a" else "a"

    assert daemon.ctl("host-down", "web", "main", name).exit == 0
    assert ask(address, client) == other
    wait_until(lambda: known(daemon) == {client: other})
    assert daemon.ctl("host-up", "web", "main", name).exit == 0
    assert answers(address, [client]) == {client: other}

    shown = daemon.ctl("sticky", "web", "main", client)
    assert shown.exit == 0 and client in shown.out and other in shown.out
    assert daemon.ctl("sticky-clear", "web", "main", client).out == f"{client} is forgotten in web/main\n"
    assert daemon.ctl("sticky-clear", "web", "main", client).out == f"{client} is not known in web/main\n"
    assert known(daemon) == {}

    def moved() -> bool:
        daemon.ctl("sticky-clear", "web", "main")
        return ask(address, client) == name

    wait_until(moved)  # at random, as if it were new

    (a if name == "a" else b).stop()
    assert ask(address, client) == other


def test_entries_end_by_time_and_are_bounded(daemon: Daemon, hosts: Hosts) -> None:
    address = start(daemon, hosts("a", "b"), sticky_size="5", sticky_timeout="1500ms")
    for client in CLIENTS:
        ask(address, client)
    wait_until(lambda: len(known(daemon)) == 5, 1)
    wait_until(lambda: known(daemon) == {}, 5)
    assert daemon.ctl("sticky", "web", "nowhere").exit == 1
