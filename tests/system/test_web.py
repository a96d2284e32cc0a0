"""The web admin of a real director, asked by real clients."""

from __future__ import annotations

import base64
import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest

from control.commands.table import COMMANDS
from control.web.legacy import CALLS
from tests.bench.pages import Round, live_pages
from tests.system.addresses import ask_name, free_address
from tests.system.admins import ANN, BOB, DES, Site, give_an_hour
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.load import Askers
from tests.system.peers import need
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]


@pytest.fixture
def site(daemon: Daemon, hosts: Hosts) -> Iterator[Site]:
    yield Site(daemon, hosts("a", "b"))


def test_scripts_look_and_change_by_both_admins(site: Site) -> None:
    status, text, headers = site.ask("/running.txt", BOB)
    assert (status, text.splitlines()[0]) == (200, f"service web {site.service} main")
    assert headers["X-Frame-Options"] == "DENY"
    assert json.loads(site.ask("/stats.json", BOB, secure=True)[1])["services"][0]["name"] == "web"
    assert "director_host_" in site.ask("/metrics", BOB)[1]
    assert site.ask("/metrics", None)[0] == 401
    assert site.ask("/stats.csv", BOB)[1].startswith("# pxname,svname")
    assert "<director" in site.ask("/config.xml")[1]
    assert site.ask("/running.txt", None)[0] == 401
    down = {"service": "web", "group": "main", "name": "b"}
    assert site.ask("/hostAdminDown", BOB, down)[0] == 401
    assert site.ask("/hostAdminDown", ANN, down)[:2] == (302, "OK")
    assert {ask_name(site.service) for _ in range(6)} == {"a"}
    assert f"disabled b {site.daemon.host('b')['ip']} maint -" in site.ask("/running.txt")[1]
    assert site.daemon.host("b")["by"] == "ann"
    assert site.ask("/hostAdminUp?service=web&group=main&name=b", secure=True)[:2] == (302, "OK")
    assert site.ask("/hostAdminUp?service=web&group=main&name=b")[0] == 405
    assert site.ask("/hostAdminDown", ANN, {**down, "name": "zz"})[1] == "NOT OK"
    wait_until(lambda: {ask_name(site.service) for _ in range(6)} == {"a", "b"})


def test_every_old_call_works_by_curl_with_its_old_answer(site: Site) -> None:
    curl = need("curl", "curl")
    address = str(site.daemon.host("a")["ip"])

    def call(name: str, /, user: str = "ann:secret", **given: str) -> str:
        """The answer's body and status, of a GET, as scripts of old have it."""
        url = f"https://{site.secure}/{name}?{urlencode(given)}"
        words = [curl, "-sk", "-m", "40", "-u", user, "-w", " %{http_code}", url]
        return subprocess.run(words, capture_output=True, text=True, timeout=60).stdout

    extra, web = {"service": "web", "group": "extra"}, {"service": "web", "group": "main"}
    changes: list[tuple[str, dict[str, str]]] = [
        ("newGroup", {**extra, "scheduler": "random"}),
        ("addHost", {**extra, "name": "c", "ip": address}),
        ("delHost", {**extra, "ip": address}),
        ("addHost", {"SERVICE": "web", "Group": "extra", "NAME": "c", "Ip": address}),
        ("delAllHosts", extra),
        ("changeScheduler", {**extra, "scheduler": "leastconnsrr"}),
        ("delGroup", extra),
        ("newService", {"service": "new", "listen": free_address()}),
        ("hostAdminDown", {**web, "name": "b"}),
        ("hostAdminUp", {**web, "name": "b"}),
        ("retryHost", {**web, "client": "b"}),
        ("enableGroup", {"service": "web", "group": "next"}),
        ("enableGroup", web),
        ("addUser", {"name": "eve", "password": DES, "access": "readonly"}),
        ("delUser", {"name": "eve"}),
        ("save", {}),
        ("saveConfig", {}),
        ("reload", {}),
        *([("closeLog", {})] if "log-reopen" in {row.name for row in COMMANDS} else []),
    ]
    assert {name for name, _ in changes} | {"shutdown", "closeLog"} == set(CALLS)
    for name, given in changes:
        assert call(name, "bob:secret", **given).endswith(" 401"), name
        assert call(name, **given) == "OK 302", name
    assert call("addUser", name="mal", password="clear", access="full") == "NOT OK 302"
    assert call("enableGroup", service="web", group="nowhere") == "NOT OK 302"
    assert call("changeScheduler", **web, scheduler="random") == "NOT OK 302"  # of the enabled group
    assert call("enableGroup", service="web").endswith(" 500")
    assert call("noSuchCall").endswith(" 404")
    for name in (
        "running",
        "all",
        "running.txt",
        "running.xml",
        "config.xml",
        "config",
        "configs",
        "config.txt",
        "diff",
    ):
        assert call(name, "bob:secret").endswith(" 200"), name
    for name in ("rawConfig.xml", "stored.xml", "rawStored.xml", ""):
        assert call(name, "bob:secret").endswith(" 200"), name
    assert call("shutdown") == "OK 302"
    wait_until(lambda: not site.daemon.pids(), timeout=60)


def test_people_log_in_look_live_and_change_by_forms(site: Site) -> None:
    data = {"name": "ann", "password": "secret"}
    status, _, headers = site.ask("/login", None, data, secure=True)
    assert status == 302
    assert {"HttpOnly", "Secure", "SameSite=Strict"} <= set(headers["Set-Cookie"].split("; "))
    cookie = headers["Set-Cookie"].partition(";")[0]
    page = site.ask("/service/web", None, secure=True, Cookie=cookie)[1]
    csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
    enable = {"csrf": csrf, "service": "web", "group": "next", "back": "/service/web"}
    assert site.ask("/command/service-nothing", None, enable, secure=True, Cookie=cookie)[0] == 400
    assert site.ask("/command/group-enable", None, enable, secure=True, Cookie=cookie)[0] == 302
    assert site.daemon.service()["enabled_group"] == "next"
    with socket.create_connection(site.plain.split(":"), timeout=10) as live:  # type: ignore[arg-type]
        word = base64.b64encode(b"bob:secret").decode()
        live.sendall(f"GET /live?service=web HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {word}\r\n\r\n".encode())
        seen = b""
        while b'"main/a/state": "up"' not in seen:
            seen += live.recv(65536)
        site.daemon.ctl("host-down", "web", "main", "a", "--reason", "live")
        while b'"main/a/state": "maint"' not in seen:
            seen += live.recv(65536)


def test_a_dead_web_or_hub_is_replaced_and_traffic_never_waits(site: Site) -> None:
    before = site.web()
    site.daemon.kill(before)
    assert longest_answer(site, seconds=1) < 2
    wait_until(lambda: site.web() != before and site.ask("/running.txt")[0] == 200)
    site.daemon.kill(site.daemon.hub())
    wait_until(lambda: site.ask("/running.txt")[0] == 200)
    web = site.web()
    site.daemon.kill(web, signal.SIGSTOP)
    assert longest_answer(site, seconds=3) < 2
    assert site.daemon.ctl("status").exit == 0
    site.daemon.kill(web, signal.SIGCONT)
    wait_until(lambda: site.ask("/running.txt")[0] == 200)


def longest_answer(site: Site, seconds: float) -> float:
    """Of the control socket and of a client's connection, asked in turn for a while."""
    longest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        for ask in (lambda: site.daemon.command("status"), lambda: ask_name(site.service)):
            began = time.monotonic()
            assert ask()
            longest = max(longest, time.monotonic() - began)
    return longest


def test_users_change_with_their_file_and_admins_with_the_config(site: Site, tmp_path: Path) -> None:
    assert site.ask("/running.txt", ("carol", "secret"))[0] == 401
    site.write_users(f"- {{name: carol, password: {DES}}}")
    wait_until(lambda: site.daemon.log.count("files read") == 2)  # asking meanwhile is failing too often
    assert site.ask("/running.txt", ("carol", "secret"))[0] == 200
    site.users.write_text("- rubbish")
    wait_until(lambda: "entry 1" in site.daemon.log)
    assert site.ask("/running.txt", ("carol", "secret"))[0] == 200
    site.write_users()
    wait_until(lambda: site.daemon.log.count("files read") == 4)
    assert site.ask("/running.txt", ("carol", "secret"))[0] == 401
    moved = free_address()
    site.daemon.reload(site.config.replace(site.plain, moved))
    site.plain = moved
    wait_until(lambda: site.ask("/running.txt")[0] == 200)


def test_slow_large_and_wrong_requests_cost_the_others_nothing(site: Site) -> None:
    slow = [socket.create_connection(site.plain.split(":"), timeout=10) for _ in range(50)]  # type: ignore[arg-type]
    for client in slow:
        client.sendall(b"GET / HTTP/1.1\r\nHost: ")
    for rubbish in (b"\0" * 5000, b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01" + b"x" * 300, b"A" * 100_000):
        with socket.create_connection(site.plain.split(":"), timeout=10) as client:  # type: ignore[arg-type]
            client.sendall(rubbish)
        with socket.create_connection(site.secure.split(":"), timeout=10) as client:  # type: ignore[arg-type]
            client.sendall(rubbish)
    began = time.monotonic()
    assert site.ask("/running.txt")[0] == 200
    assert site.ask("/running.txt", secure=True)[0] == 200
    assert ask_name(site.service) in ("a", "b")
    assert time.monotonic() - began < 5
    for client in slow:
        client.close()
    assert "process crashed" not in site.daemon.log
    if psutil.Process(site.daemon.master).uids().real == 0:
        assert psutil.Process(site.web()).uids().real != 0


def test_fifty_live_pages_cost_traffic_and_the_hub_nothing(site: Site) -> None:
    word = base64.b64encode(b"bob:secret").decode()
    request = f"GET /live?service=web HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {word}\r\n\r\n".encode()
    with Askers(site.service, threads=1, pause=0.005) as clients:
        alone = Round(site, clients, 2)
        with live_pages(site, 50):
            looked_at = Round(site, clients, 2)
    assert clients.failures == []
    # Of the same requests; a tenth of a second is what the kernel's clock may be wrong by.
    assert looked_at.cpu["workers"] < 2 * alone.worker_us * looked_at.requests / 1e6 + 0.1
    pages = [socket.create_connection(site.plain.split(":"), timeout=20) for _ in range(50)]  # type: ignore[arg-type]
    try:
        for page in pages:
            page.sendall(request)
        for page in pages:
            seen = b""
            while b"main/a/state" not in seen:
                seen += page.recv(65536)
        watched = [psutil.Process(pid) for pid in (site.daemon.hub(), *site.daemon.workers().values())]
        before, began = [sum(one.cpu_times()[:2]) for one in watched], time.monotonic()
        while time.monotonic() - began < 3:
            assert ask_name(site.service) in ("a", "b")  # which changes what all pages show
        used = [sum(one.cpu_times()[:2]) - already for one, already in zip(watched, before, strict=True)]
        print(f"hub and workers: {used} s of {time.monotonic() - began:.1f} s")
        assert used[0] < 1.5  # seconds of the processor; a look for each page would be ten times as much
        for page in pages:
            while b"main/a/total" not in page.recv(65536):
                pass
    finally:
        for page in pages:
            page.close()


def test_an_upgrade_brings_an_admin_of_the_new_code_and_keeps_the_last_hour(site: Site) -> None:
    before = site.web()
    give_an_hour(site.daemon)
    done = site.daemon.directord("upgrade")
    assert done.exit == 0, done.text
    wait_until(lambda: site.web() != before and site.ask("/running.txt")[0] == 200, timeout=20)
    assert site.ask("/hostAdminDown", ANN, {"service": "web", "group": "main", "name": "b"})[1] == "OK"
    assert site.daemon.host("b")["state"] == "maint"
    minutes = site.daemon.command("history")["series"]["connections_per_second"]
    assert len([one for one in minutes if one is not None and one > 10]) > 50


def test_files_that_can_not_be_used_stop_and_replace_nothing(site: Site) -> None:
    site.users.write_text("x: [")
    for command, exit in (("check", 78), ("reload", 78), ("upgrade", 150), ("restart", 78), ("start", 78)):
        done = site.daemon.directord(command)
        assert done.exit == exit, command
        assert f"can't read {site.users}:1: it is not YAML" in done.text, command
    assert ask_name(site.service) in ("a", "b")
    assert site.ask("/running.txt")[0] == 200
    site.write_users()
    assert site.daemon.directord("restart").exit == 0


def test_a_new_web_process_goes_on_with_the_last_files_that_could_be_used(site: Site) -> None:
    site.users.write_text("x: [")
    wait_until(lambda: "it is not YAML" in site.daemon.log)
    site.daemon.kill(site.web())
    wait_until(lambda: site.daemon.log.count("ready: kind=web") == 2)
    site.users.unlink()
    wait_until(lambda: "can't open" in site.daemon.log)
    site.daemon.kill(site.web())
    wait_until(lambda: site.daemon.log.count("ready: kind=web") == 3)
    assert site.ask("/running.txt")[0] == 200
    assert site.ask("/running.txt", secure=True)[0] == 200
    assert not re.findall("process (failed|crashed)", site.daemon.log)
