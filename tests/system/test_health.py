"""Checks against servers that people run: up, hung, gone and back, within what the intervals promise.

One director looks after all of them, and after a host that behaves as badly as
a test wants it to.
"""

from __future__ import annotations

import os
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.system.addresses import LOOPBACK, accepts, ask_name, free_address, parse, reset
from tests.system.configs import director, group, host, one_service, service
from tests.system.daemon import ROOT, Daemon
from tests.system.hosts import Host, Named
from tests.system.load import ShortRequests
from tests.system.peers import need
from tests.waiting import keep_watching, wait_until

INTERVAL, TIMEOUT, RISE, FALL = 0.1, 0.3, 2, 2
TIMES = f'interval="{INTERVAL}" timeout="{TIMEOUT}" rise="{RISE}" fall="{FALL}"'
PROMISED = INTERVAL * FALL + TIMEOUT  # seconds from the fault to the verdict
SLACK = 1.0  # seconds, for machines that are busy


class Server:
    """A program that serves at an address; it can be hung, killed and started again."""

    def __init__(self, address: str, words: Sequence[str], folder: Path, user: str | None = None) -> None:
        self.address, self._words, self._folder, self._user = address, words, folder, user
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._words, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT, user=self._user, extra_groups=[] if self._user else None,
            start_new_session=True,
        )  # fmt: skip
        wait_until(lambda: accepts(self.address), timeout=20)

    def signal(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait(20)
        for child in psutil.process_iter():
            if child.pid != self.process.pid and _session(child.pid) == self.process.pid:
                child.kill()
        wait_until(lambda: not accepts(self.address), timeout=20)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


class Moody:
    """A host that does with its clients as `mood` says; it takes new ones at any time."""

    def __init__(self) -> None:
        self.address = free_address()
        self.mood = "well"
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(parse(self.address)[1])
        self._listener.listen(64)
        self._over = False
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over:
            if not select.select([self._listener], [], [], 0.02)[0] or self.mood == "black hole":
                time.sleep(0.01)
                continue
            client, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            client.settimeout(5)
            asked = client.recv(1000)
            if self.mood == "reset":
                reset(client)
                return
            if self.mood == "slow":
                time.sleep(2 * TIMEOUT)
            if self.mood == "wrong":
                client.sendall(b"HTTP/1.1 503 Service Unavailable\r\n\r\n" if asked.startswith(b"GET") else b"-LOADING")
            elif self.mood != "silent":
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n" if asked.startswith(b"GET") else b"+PONG\r\n")
            else:
                client.recv(1)
        except OSError:
            pass
        finally:
            client.close()

    def black_hole(self) -> None:
        """Let its backlog fill up: who connects now gets no answer to its SYN."""
        self.mood = "black hole"
        self._listener.listen(0)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(parse(self.address)[1])
            self._held.append(filler)

    def recover(self) -> None:
        for filler in self._held:
            filler.close()
        self._held.clear()
        self._listener.listen(64)
        self.mood = "well"

    def close(self) -> None:
        self._over = True
        self._thread.join()
        self._listener.close()


def ready_made(name: str) -> str:
    """The check of a service in etc/config-checks.xml, at our intervals."""
    text = (ROOT / "etc/config-checks.xml").read_text()
    found = re.search(rf'<service name="{name}">.*?<check ([^>]*?)/>', text, re.S)
    assert found
    return f"<check {found[1]} {TIMES}/>"


class Clinic:
    """Servers by name, a moody host, and the director that looks after them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: dict[str, Server] = {}
        self.moody = Moody()
        self.daemon = Daemon()
        self._start_servers()
        checks = {
            "tcp": (self.servers["nginx"].address, f"<check {TIMES}/>"),
            "http": (
                self.servers["nginx"].address,
                f'<check type="http" path="/health" expect="200" pattern="ready" {TIMES}/>',
            ),
            "https": (self.tls, f'<check type="https" path="/health" ca="{folder}/cert.pem" sni="localhost" {TIMES}/>'),
            "tls": (self.tls, f'<check type="tls" verify="no" {TIMES}/>'),
            "redis": (self.servers["redis"].address, ready_made("redis")),
            "postgresql": (self.servers["postgresql"].address, ready_made("postgresql")),
            "script": (self.servers["redis"].address, f'<check type="script" command="{folder}/check" {TIMES}/>'),
            "moody-http": (self.moody.address, f'<check type="http" {TIMES}/>'),
            "moody-send": (self.moody.address, f'<check type="send" send="PING\\r\\n" expect="+PONG" {TIMES}/>'),
            "elsewhere": (free_address(), f'<check port="{self.servers["redis"].address.split(":")[1]}" {TIMES}/>'),
        }
        hosts = [host(name, ip).replace("/>", f">{check}</host>") for name, (ip, check) in checks.items()]
        self.names = tuple(checks)
        self.daemon.start(director(service(free_address(), group(*hosts)), workers=1))

    def _start_servers(self) -> None:
        folder = self.folder
        nginx, redis, initdb, postgres, openssl = (
            need(command, package)
            for command, package in (
                ("nginx", "nginx"),
                ("redis-server", "redis-server"),
                ("initdb", "postgresql"),
                ("postgres", "postgresql"),
                ("openssl", "openssl"),
            )
        )
        subprocess.run(
            [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
             "20", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
            check=True, capture_output=True,
        )  # fmt: skip
        (folder / "cert.pem").chmod(0o644)
        (folder / "check").write_text('#!/bin/sh\nread answer < "$(dirname "$0")/mood" && exit "$answer"\n')
        (folder / "check").chmod(0o755)
        (folder / "mood").write_text("0\n")
        web, self.tls = free_address(), free_address()
        self._add("nginx", web, [nginx, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"])(
            f"""daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{ access_log off; server {{ listen {web}; listen {self.tls} ssl; ssl_certificate cert.pem;
ssl_certificate_key key.pem; location = /health {{ return 200 'it is ready'; }} }} }}
"""
        )
        where = free_address()
        words = [redis, "--bind", LOOPBACK, "--port", where.split(":")[1], "--save", "", "--dir", str(folder)]
        self.servers["redis"] = Server(where, words, folder)
        user = None
        if os.getuid() == 0:  # postgres refuses to be root
            accounts = {entry.pw_name for entry in pwd.getpwall()}
            user = next(name for name in ("postgres", "nobody") if name in accounts)
        subprocess.run(
            [initdb, "-D", "data", "-U", "tester", "-A", "trust", "--no-sync", "--no-locale"],
            cwd=folder, user=user, extra_groups=[] if user else None, check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        where = free_address()
        words = [postgres, "-D", "data", "-F", "-h", LOOPBACK, "-p", where.split(":")[1], "-k", str(folder)]
        self.servers["postgresql"] = Server(where, words, folder, user)

    def _add(self, name: str, address: str, words: Sequence[str]) -> Callable[[str], None]:
        def configured(text: str) -> None:
            (self.folder / f"{name}.conf").write_text(text)
            self.servers[name] = Server(address, words, self.folder)

        return configured

    def states(self) -> dict[str, str]:
        return {name: one["state"] for name, one in self.hosts().items()}

    def hosts(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.daemon.service()["groups"][0]["hosts"]}

    def say(self, status: int) -> None:
        """What the script will exit with; it must never see half of the file."""
        (self.folder / "mood.new").write_text(f"{status}\n")
        (self.folder / "mood.new").replace(self.folder / "mood")

    def becomes(self, name: str, state: str, since: float) -> dict[str, Any]:
        """Wait for the state; it must have come within what the intervals promise."""
        wait_until(lambda: self.states()[name] == state)
        found = self.hosts()[name]
        promised = PROMISED if state == "down" else INTERVAL * RISE + TIMEOUT
        assert found["since"] - since < promised + SLACK, found
        return found

    def close(self) -> None:
        self.daemon.close()
        self.moody.close()
        for server in self.servers.values():
            if server.process.poll() is None:
                server.signal(signal.SIGCONT)
                server.kill()


@pytest.fixture(scope="module")
def clinic() -> Iterator[Clinic]:
    folder = Path(tempfile.mkdtemp(prefix="srv-", dir="/tmp"))
    folder.chmod(0o777)
    made = Clinic(folder)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder)


def test_every_kind_of_check_finds_its_server_well(clinic: Clinic) -> None:
    wait_until(lambda: all(one["checks"]["ok"] >= 3 for one in clinic.hosts().values()))
    hosts = clinic.hosts()
    assert {name: one["state"] for name, one in hosts.items()} == dict.fromkeys(clinic.names, "up")
    assert {name: one["check_status"] for name, one in hosts.items() if name in ("tcp", "tls", "https", "script")} == {
        "tcp": "L4OK",
        "tls": "L6OK",
        "https": "L7OK",
        "script": "PROCOK",
    }
    assert 19 < hosts["tls"]["tls_expiry_days"] <= 20
    assert 19 < hosts["https"]["tls_expiry_days"] <= 20
    assert all(one["check_ms"] > 0 and one["last_good_check"] for one in hosts.values())


KINDS = [
    ("nginx", ["http", "https", "tls"]),
    ("redis", ["redis"]),
    ("postgresql", ["postgresql"]),
]


@pytest.mark.parametrize(("name", "checks"), KINDS)
def test_a_hung_server_is_down_until_it_goes_on(clinic: Clinic, name: str, checks: list[str]) -> None:
    began = time.time()
    clinic.servers[name].signal(signal.SIGSTOP)
    try:
        for check in checks:
            found = clinic.becomes(check, "down", began)
            assert found["check_status"] in ("L7TOUT", "L6TOUT")
            assert found["errno"] == "ETIMEDOUT"
            assert found["by"] == "check"
        assert clinic.states()["tcp"] == "up"  # its kernel still accepts
    finally:
        began = time.time()
        clinic.servers[name].signal(signal.SIGCONT)
    for check in checks:
        clinic.becomes(check, "up", began)


@pytest.mark.parametrize(("name", "checks"), [("nginx", ["tcp", "http", "https", "tls"]), *KINDS[1:]])
def test_a_killed_server_is_down_until_it_is_back(clinic: Clinic, name: str, checks: list[str]) -> None:
    began = time.time()
    clinic.servers[name].kill()
    for check in checks:
        found = clinic.becomes(check, "down", began)
        assert (found["check_status"], found["errno"]) == ("L4CON", "ECONNREFUSED")
        assert found["reason"].endswith("Connection refused")
    clinic.servers[name].start()
    for check in checks:
        clinic.becomes(check, "up", time.time())


@pytest.mark.parametrize("check", ["moody-http", "moody-send"])
@pytest.mark.parametrize(
    ("mood", "statuses"),
    [
        ("wrong", {"L7STS", "L7RSP"}),
        ("slow", {"L7TOUT"}),
        ("silent", {"L7TOUT"}),
        ("reset", {"L7RSP"}),
        ("black hole", {"L4TOUT"}),
    ],
)
def test_a_host_in_any_bad_mood_is_down(clinic: Clinic, check: str, mood: str, statuses: set[str]) -> None:
    moody = clinic.moody
    wait_until(lambda: clinic.states()[check] == "up")
    began = time.time()
    try:
        if mood == "black hole":
            moody.black_hole()
        else:
            moody.mood = mood
        found = clinic.becomes(check, "down", began)
        assert found["check_status"] in statuses
        assert found["reason"]
    finally:
        moody.recover()
    # It goes up and down here more often than one that is not flapping.
    wait_until(lambda: clinic.daemon.ctl("host-retry", "web", "main", check).exit == 0)
    wait_until(lambda: clinic.states()[check] == "up")


def test_a_script_takes_a_host_out_and_says_why(clinic: Clinic) -> None:
    began = time.time()
    clinic.say(7)
    found = clinic.becomes("script", "down", began)
    assert (found["check_status"], found["check_code"]) == ("PROCERR", 7)
    clinic.say(0)
    clinic.becomes("script", "up", time.time())


def test_outages_are_told_while_they_last_and_after(clinic: Clinic) -> None:
    clinic.say(3)
    wait_until(lambda: clinic.states()["script"] == "down")
    (down,) = [one for one in clinic.daemon.command("down-hosts")["hosts"] if one["name"] == "script"]
    assert down["reason"] == "script check: exit status 3"
    assert down["by"] == "check"
    assert down["next_check_seconds"] is not None
    assert down["last_good_check"]
    assert down["faults"]["check_failed"] >= FALL
    shown = clinic.daemon.ctl("down-hosts")
    assert (shown.exit, "exit status 3" in shown.out) == (0, True)
    clinic.say(0)
    wait_until(lambda: clinic.states()["script"] == "up")
    past = clinic.daemon.command("down-hosts", past=True)["outages"]
    assert past[0]["name"] == "script"
    assert past[0]["reason"] == "script check: exit status 3"
    assert past[0]["seconds"] > 0


def test_verdicts_and_counts_survive_the_hub(clinic: Clinic) -> None:
    clinic.say(3)
    wait_until(lambda: clinic.states()["script"] == "down")
    before = clinic.hosts()["script"]
    try:
        clinic.daemon.kill(clinic.daemon.hub())
        after = wait_until(clinic.hosts)["script"]
        assert after["state"] == "down"
        assert after["since"] == before["since"]
        assert after["falls"] == before["falls"]
        assert after["checks"]["failed"] >= before["checks"]["failed"]
    finally:
        clinic.say(0)
    wait_until(lambda: clinic.states()["script"] == "up")


# -- traffic ------------------------------------------------------------------------------------


@pytest.mark.fault(17)
def test_a_host_killed_under_load_costs_no_new_connection(daemon: Daemon) -> None:
    address = free_address()
    a, b = Host(), Host()
    with a, b:
        main = group(f"<check {TIMES}/>", host("a", a.address), host("b", b.address))
        daemon.start(director(service(address, main), workers=4))
        with ShortRequests(address, threads=4) as requests:
            wait_until(lambda: requests.done > 200)
            a.stop()
            stopped = time.time()
            wait_until(lambda: daemon.host("a")["state"] == "down")
            found = daemon.host("a")
            already = requests.done
            wait_until(lambda: requests.done > already + 400)
            assert found["since"] - stopped < 0.1 + SLACK
            a.start()
            wait_until(lambda: daemon.host("a")["state"] == "up", timeout=5)
        # Each thread had at most one connection open on it when it died.
        assert len(requests.failures) <= 4, requests.failures
        # All workers knew at once: each may have asked it once more, and not again.
        assert daemon.host("a")["faults"]["connect_refused"] <= 8


def test_when_all_are_down_by_checks_clients_are_served_all_the_same(daemon: Daemon) -> None:
    address = free_address()
    # They answer clients, and say nothing good where they are checked.
    nowhere = free_address().split(":")[1]
    with Host(Named("a")) as a, Host(Named("b")) as b:
        check = f'<check port="{nowhere}" {TIMES}/>'
        daemon.start(director(service(address, group(check, host("a", a.address), host("b", b.address)))))
        wait_until(lambda: daemon.service()["groups"][0]["panic"])
        assert {one["state"] for one in daemon.service()["groups"][0]["hosts"]} == {"down"}
        wait_until(lambda: {ask_name(address) for _ in range(8)} == {"a", "b"})
        assert "group panic" in daemon.log
        a.stop()
        b.stop()
        assert ask_name(address) == ""  # closed at once


def test_who_was_down_when_the_daemon_ended_gets_no_client_untested(daemon: Daemon) -> None:
    address = free_address()
    nowhere = free_address().split(":")[1]
    with Host(Named("a")) as a, Host(Named("b")) as b:
        check = f'<check port="{nowhere}" {TIMES}/>'
        daemon.start(
            director(service(address, group(f'<host name="a" ip="{a.address}">{check}</host>', host("b", b.address))))
        )
        wait_until(lambda: daemon.host("a")["state"] == "down")
        found = daemon.host("a")
        assert daemon.directord("restart").exit == 0
        assert {ask_name(address) for _ in range(8)} == {"b"}
        again = daemon.host("a")
        assert [again[key] for key in ("state", "since", "reason")] == ["down", found["since"], found["reason"]]


def test_min_up_keeps_the_last_hosts_whatever_checks_say(daemon: Daemon) -> None:
    address = free_address()
    nowhere = free_address().split(":")[1]
    with Host(Named("a")) as a, Host(Named("b")) as b:
        check = f'<check port="{nowhere}" {TIMES}/>'
        daemon.start(director(service(address, group(check, host("a", a.address), host("b", b.address), min_up=1))))
        states: list[list[str]] = []

        def look() -> list[str]:
            states.append(sorted(one["state"] for one in daemon.service()["groups"][0]["hosts"]))
            return states[-1]

        wait_until(lambda: look() == ["down", "up"])
        keep_watching(lambda: look() == ["down", "up"], seconds=1)
        assert len({ask_name(address) for _ in range(6)}) == 1
        assert "host held" in daemon.log


def test_a_host_that_returns_starts_slowly_in_all_workers(daemon: Daemon) -> None:
    address = free_address()
    with Host(Named("a")) as a, Host(Named("b")) as b:
        main = group(f"<check {TIMES}/>", host("a", a.address), host("b", b.address), slowstart="4s")
        daemon.start(director(service(address, main)))
        a.stop()
        wait_until(lambda: daemon.host("a")["state"] == "down")
        a.start()
        wait_until(lambda: daemon.host("a")["state"] == "slowstart")
        early = [ask_name(address) for _ in range(60)].count("a")
        wait_until(lambda: daemon.host("a")["state"] == "up")
        wait_until(lambda: abs([ask_name(address) for _ in range(40)].count("a") - 20) <= 4)
        assert early < 25


def test_without_a_check_a_test_after_checktime_brings_a_host_back(daemon: Daemon) -> None:
    address = free_address()
    with Host(Named("a")) as a, Host(Named("b")) as b:
        text = one_service(address, host("a", a.address), host("b", b.address))
        daemon.start(text.replace("<logging", '<checktime time="1"/><logging'))
        a.stop()
        wait_until(lambda: ask_name(address) == "b" and daemon.host("a")["state"] == "down")
        found = daemon.host("a")
        assert (found["by"], found["errno"]) == ("traffic", "ECONNREFUSED")
        began = time.monotonic()
        a.start()
        wait_until(lambda: daemon.host("a")["state"] == "up")
        assert time.monotonic() - began < 3


def test_a_retry_brings_a_host_back_at_once(daemon: Daemon) -> None:
    address = free_address()
    with Host(Named("a")) as a, Host(Named("b")) as b:
        daemon.start(one_service(address, host("a", a.address), host("b", b.address)))
        a.stop()
        wait_until(lambda: ask_name(address) == "b" and daemon.host("a")["state"] == "down")
        failed = daemon.ctl("host-retry", "web", "main", "a")
        assert (failed.exit, "does not answer: Connection refused; it is down" in failed.out) == (1, True)
        assert failed.err == "directorctl: can't bring a back: Connection refused\n"
        a.start()
        done = daemon.ctl("host-retry", "web", "main", "a")
        assert (done.exit, "answers; it is up" in done.out) == (0, True)
        assert daemon.ctl("host-retry", "web", "main", "nobody").exit == 1
        wait_until(lambda: {ask_name(address) for _ in range(4)} == {"a", "b"})
