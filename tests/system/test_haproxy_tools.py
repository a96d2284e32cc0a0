"""Tools made for HAProxy work on the control socket unchanged."""

from __future__ import annotations

import selectors
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from haproxyadmin import haproxy
from haproxyadmin.exceptions import CommandFailed
from prometheus_client.parser import text_string_to_metric_families

from tests.system.addresses import ask_name, connect, free_address, read_all, read_line
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.peers import need
from tests.system.terminals import Terminal
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]


@pytest.fixture
def address(daemon: Daemon, hosts: Hosts) -> str:
    """A service `web` with a and b in its group `main`, which share what is open: turns would begin anywhere."""
    listen = free_address()
    a, b = hosts("a", "b")
    main = group(host("a", a.address), host("b", b.address), scheduler="leastconns")
    daemon.start(director(service(listen, main)))
    return listen


def test_haproxyadmin_sees_and_steers_the_hosts(daemon: Daemon, address: str) -> None:
    for _ in range(8):
        ask_name(address)
    wait_until(lambda: daemon.service()["total"] == 8)
    client = haproxy.HAProxy(socket_file=str(daemon.socket))
    assert [one.name for one in client.frontends()] == ["web"]
    assert client.frontend("web").metric("stot") == 8
    backend = client.backend("web.main")
    assert (backend.status, {one.name for one in backend.servers()}) == ("UP", {"a", "b"})
    a = client.server("a", backend="web.main")[0]
    assert int(a.weight) == 1
    a.setstate("disable")
    assert a.status == "MAINT"
    assert {ask_name(address) for _ in range(6)} == {"b"}
    with pytest.raises(CommandFailed, match=r"last|usable"):
        client.server("b", backend="web.main")[0].setstate("disable")
    a.setstate("enable")
    wait_until(lambda: {ask_name(address) for _ in range(6)} == {"a", "b"})


def test_haproxyadmin_stops_and_starts_a_frontend(daemon: Daemon, address: str) -> None:
    web = haproxy.HAProxy(socket_file=str(daemon.socket)).frontend("web")
    assert web.disable()
    wait_until(lambda: web.status == "STOP")
    with pytest.raises(ConnectionRefusedError):
        connect(address)
    assert web.enable()
    wait_until(lambda: web.status == "OPEN")
    assert ask_name(address) in ("a", "b")


def test_hatop_shows_the_hosts_and_steers_them(daemon: Daemon, address: str) -> None:
    words = [need("hatop", "hatop"), "-s", str(daemon.socket)]
    environment = {**daemon.environment, "TERM": "xterm"}
    with Terminal(words, environment, daemon.folder) as terminal:
        terminal.resize(30, 120)
        wait_until(lambda: terminal.shows("web.main") and terminal.shows("BACKEND"), 30)
        terminal.press(b"5")
        wait_until(lambda: terminal.shows("embedded interactive HAProxy shell"), 30)

        def disabled() -> bool:
            terminal.press(b"disable server web.main/a\r")  # again: it forgets keys that come while it draws
            terminal.shows("")  # or it would have to wait for us
            return bool(daemon.host("a")["state"] == "maint")

        wait_until(disabled, 30)


def test_socat_speaks_several_phrases_in_a_line(daemon: Daemon, address: str) -> None:
    socat = [need("socat", "socat"), "-t5", "-", f"UNIX-CONNECT:{daemon.socket}"]
    said = "show backend; get weight web.main/a; disable server web.main/nobody; services\n"
    told = subprocess.run(socat, input=said, capture_output=True, text=True, timeout=20).stdout
    backends, weight, wrong, services, _ = told.split("\n\n")
    assert backends.splitlines() == ["# name", "web.main"]
    assert weight == "1 (initial 1)"
    assert wrong.startswith("No such server.\ndid you mean 'web.main/")
    assert services.splitlines()[1].startswith("web")


def test_prometheus_reads_what_directorctl_exposes(daemon: Daemon, address: str) -> None:
    ask_name(address)
    wait_until(lambda: daemon.service()["total"] == 1)
    told = daemon.ctl("stats", "--format", "prometheus")
    assert told.exit == 0
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(told.out)
        for sample in family.samples
        if sample.labels == {"service": "web", "group": "main"}
    }
    assert values["director_group_sessions_total"] == 1
    assert values["director_group_connect_time_seconds_count"] == 1
    assert daemon.ctl("stats", "--format", "csv").out.startswith("# pxname,svname,")


def said(daemon: Daemon, line: str) -> list[str]:
    """What is answered to a line of the dialect."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(daemon.socket))
        client.sendall(line.encode() + b"\n")
        return read_all(client).decode().split("\n")


def row(daemon: Daemon, name: str) -> dict[str, str]:
    """One row of `show stat`, by the name of the server or FRONTEND."""
    lines = [line for line in said(daemon, "show stat") if line]
    title, *rows = (line.split(",") for line in lines)
    return next(dict(zip(title, cells, strict=True)) for cells in rows if cells[1] == name)


def test_sessions_weights_limits_and_counters_are_seen_and_changed_by_phrases(daemon: Daemon, address: str) -> None:
    with ExitStack() as clients:
        one = clients.enter_context(connect(address))
        held = {read_line(one)}
        wait_until(lambda: daemon.service()["open"] == 1)
        wait_until(lambda: daemon.agrees(2))
        other = clients.enter_context(connect(address))
        held.add(read_line(other))
        assert held == {"a", "b"}
        lines = wait_until(lambda: [line for line in said(daemon, "show sess") if " be=web.main " in line][1:])
        assert len(lines) == 1
        session = lines[0].partition(":")[0]
        assert said(daemon, f"shutdown session {session}") == ["", ""]
        with selectors.DefaultSelector() as selector:
            for client in (one, other):
                selector.register(client, selectors.EVENT_READ)
            ((ended, _),) = selector.select(timeout=20)
        assert ended.fileobj.recv(10) == b""  # type: ignore[union-attr]
        over = said(daemon, f"shutdown session {session}")
        assert (over[0], "it is over" in over[1]) == ("No such session (use 'show sess').", True)
        assert said(daemon, "shutdown session 0x5581")[0] == over[0]
        assert said(daemon, "set weight web.main/a 0; set server web.main/b weight 3") == ["", "", ""]
        wait_until(lambda: {ask_name(address) for _ in range(6)} == {"b"})
        assert said(daemon, "get weight web.main/b")[0] == "3 (initial 1)"
        assert said(daemon, "set weight web.main/b 50%")[0] == ""
        assert daemon.host("b")["weight"] == 0.5
        assert said(daemon, "set server web.main/b weight 100%")[0] == ""
        assert daemon.host("b")["weight"] == 1
    wait_until(lambda: daemon.service()["open"] == 0)
    assert said(daemon, "set maxconn frontend web 70; set maxconn global 500; set maxconn server web.main/b 9")[0] == ""
    limits = (daemon.service()["maxconn"], daemon.stats()["maxconn"], daemon.host("b")["maxconn"])
    assert limits == (70, 500, 9)
    assert said(daemon, "set maxconn frontend web 0; set maxconn global 0")[0] == ""
    assert (daemon.service()["maxconn"], daemon.stats()["maxconn"]) == (None, None)
    wait_until(lambda: int(row(daemon, "FRONTEND")["stot"]) >= 8)
    before = daemon.service()["total"]
    assert said(daemon, "clear counters all")[0] == ""
    assert (row(daemon, "FRONTEND")["stot"], row(daemon, "b")["bout"]) == ("0", "0")
    ask_name(address)
    wait_until(lambda: row(daemon, "FRONTEND")["stot"] == "1")
    assert daemon.service()["total"] == before + 1


def test_the_initial_weight_is_the_config_files_whatever_happens(daemon: Daemon, address: str) -> None:
    assert said(daemon, "set weight web.main/a 7; get weight web.main/a")[1] == "7 (initial 1)"
    daemon.kill(daemon.hub())
    wait_until(lambda: said(daemon, "get weight web.main/a")[0] == "7 (initial 1)")
    assert daemon.directord("upgrade").exit == 0
    assert said(daemon, "get weight web.main/a")[0] == "7 (initial 1)"
    daemon.reload(daemon.config_file.read_text().replace('name="b"', 'name="b" weight="4"'))
    assert said(daemon, "get weight web.main/a; get weight web.main/b")[:3:2] == ["7 (initial 1)", "4 (initial 4)"]
    assert said(daemon, "config-save; get weight web.main/a")[-3] == "7 (initial 7)"


def test_rates_and_the_last_connection_are_told(daemon: Daemon, address: str) -> None:
    assert (row(daemon, "a")["lastsess"], row(daemon, "FRONTEND")["rate_max"]) == ("-1", "0")
    for _ in range(30):
        ask_name(address)
    wait_until(lambda: row(daemon, "FRONTEND")["stot"] == "30")
    wait_until(lambda: row(daemon, "FRONTEND")["rate"] == "0")
    most = {name: int(row(daemon, name)["rate_max"]) for name in ("FRONTEND", "BACKEND", "a", "b")}
    assert all(0 < count <= 60 for count in most.values())
    assert most["FRONTEND"] == most["BACKEND"] >= most["a"]
    assert int(row(daemon, "BACKEND")["lastsess"]) >= 0
    assert f"MaxConnRate: {most['FRONTEND']}" in said(daemon, "show info")
    daemon.kill(daemon.hub())
    wait_until(lambda: row(daemon, "FRONTEND")["rate_max"] == str(most["FRONTEND"]))
    assert said(daemon, "clear counters") == ["", ""]
    assert row(daemon, "FRONTEND")["rate_max"] == "0"
