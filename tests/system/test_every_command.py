"""Every command of the table, once, by the real `directorctl` against one director under load.

What a command does is seen by traffic: which host answers, who is refused, who
is cut; what only looks must show what is there. Meanwhile short requests and
streams go on, and none of them fails; what a command is meant to cut belongs to
a service of its own (`own`), which has no other clients.

A command without a step here fails the test. Steps go by the order in which
they stand: some need what an earlier one left.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from control.commands.command import find
from control.commands.table import COMMANDS
from director.config.reader import read
from director.version import VERSION
from tests.system.addresses import accepts, ask_name, connect, free_address, read_line
from tests.system.configs import director, group, host, service
from tests.system.daemon import DIRECTORCTL, Daemon, Result
from tests.system.hosts import Echo, Host, Named
from tests.system.load import Askers, ShortRequests, Streams
from tests.system.test_top import Terminal
from tests.waiting import wait_until

LONG = 60.0  # seconds that a condition may take on a machine that has other things to do
OWN = ("own", "main")
WEB = ("web", "main")


class Stage:
    """One director with its services, hosts and clients."""

    def __init__(self, daemon: Daemon, stack: ExitStack) -> None:
        self.daemon = daemon
        self.hosts = {name: stack.enter_context(Host(Named(name))) for name in "abcdxyz"}
        self.echo = stack.enter_context(Host(Echo))
        self.addresses = {name: free_address() for name in ("steady", "web", "own", "shop", "more", "admin")}
        self.hash = ""
        echoes = (host(name, self.echo.address) for name in ("e1", "e2"))
        groups = {
            "steady": [group(*echoes)],
            "web": [group(self.host("a"), self.host("b")), group(self.host("c"), name="next")],
            "own": [group(self.host("x"), self.host("y"), scheduler="leastconns")],
        }
        daemon.start(
            director(
                *(service(self[name], *own, name=name, queue_timeout="5m") for name, own in groups.items()),
                f'<admin listen="{self["admin"]}"><user name="ann" password="abNANd1rDfiNc" access="full"/></admin>',
                upgrade_probation="1s",
                drain_timeout="5m",
            )
        )
        self.load = stack.enter_context(ExitStack())
        self.requests = self.load.enter_context(ShortRequests(self["steady"], threads=1, timeout=LONG, pause=0.01))
        self.askers = self.load.enter_context(Askers(self["web"], threads=1, timeout=LONG, pause=0.01))
        self.streams = self.load.enter_context(Streams(self["steady"], 8))

    def __getitem__(self, service: str) -> str:
        return self.addresses[service]

    def host(self, name: str) -> str:
        return host(name, self.hosts[name].address)

    def nothing_failed(self) -> None:
        assert (self.requests.failures, self.askers.failures, self.streams.broken) == ([], [], {})

    # -- commands -----------------------------------------------------------------

    def ctl(self, *words: str, exit: int = 0, stdin: str = "") -> Result:
        done = self.daemon.ctl(*words, timeout=120, stdin=stdin)
        assert done.exit == exit, f"{words}: exit {done.exit}: {done.text}"
        return done

    def told(self, *words: str) -> Any:
        """What it prints as JSON."""
        return json.loads(self.ctl("--json", *words).out)

    def prepare(self, command: str, *words: str) -> None:
        """Another command, not the one that is looked at."""
        arguments = find(command, COMMANDS).arguments
        self.daemon.command(command, **{one.name: word for one, word in zip(arguments, words, strict=False)})

    # -- traffic ------------------------------------------------------------------

    def answer(self, *names: str, of: str = "web") -> None:
        """New connections come to all of these hosts, and to no others."""
        wait_until(lambda: {ask_name(self[of], LONG) for _ in range(12)} == set(names), LONG)

    @contextmanager
    def held(self, count: int) -> Iterator[dict[socket.socket, str]]:
        """Connections of `own`, with the host of each."""
        with ExitStack() as stack:
            clients = [stack.enter_context(connect(self["own"], LONG)) for _ in range(count)]
            yield {client: read_line(client) for client in clients}

    def admits(self, name: str, password: str) -> bool:
        """Whether the web admin lets somebody in."""
        web = http.client.HTTPConnection(self["admin"], timeout=LONG)
        word = base64.b64encode(f"{name}:{password}".encode()).decode()
        web.request("GET", "/running.txt", headers={"Authorization": f"Basic {word}"})
        status = web.getresponse().status
        web.close()
        return status == 200

    def edited(self) -> str:
        """The config file with a host `d` before `a`."""
        return self.daemon.config_file.read_text().replace('<host name="a"', f'{self.host("d")}<host name="a"', 1)


def goes_on(client: socket.socket) -> bool:
    client.sendall(b"on\n")
    return read_line(client) == "on"


def is_cut(client: socket.socket) -> bool:
    """Whether the other side ends it, or has."""
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def waits(client: socket.socket, seconds: float = 0.5) -> bool:
    """Whether nothing comes for so long."""
    client.settimeout(seconds)
    try:
        return client.recv(1) == b"-"
    except TimeoutError:
        return True
    finally:
        client.settimeout(LONG)


STEPS: dict[str, Callable[[Stage], None]] = {}


def step(command: str) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    def note(function: Callable[[Stage], None]) -> Callable[[Stage], None]:
        STEPS[command] = function
        return function

    return note


# -- look -------------------------------------------------------------------------


@step("help")
def _(stage: Stage) -> None:
    assert {line.split()[0] for line in stage.ctl("help").out.splitlines() if line.strip()} >= set(STEPS)


@step("version")
def _(stage: Stage) -> None:
    assert stage.told("version") == {"client": VERSION, "daemon": VERSION}


@step("completion")
def _(stage: Stage) -> None:
    script = stage.ctl("completion", "bash").out
    done = subprocess.run(["bash", "-c", f"{script}\ncomplete -p directorctl"], capture_output=True, timeout=LONG)
    assert done.returncode == 0, done.stderr


@step("status")
def _(stage: Stage) -> None:
    shown = stage.told("status")["processes"]
    assert {one["kind"] for one in shown} == {"master", "hub", "web", "worker"}
    assert {one["pid"] for one in shown} <= stage.daemon.pids()


@step("workers")
def _(stage: Stage) -> None:
    def shown() -> int:
        return sum(worker["open"] for worker in stage.told("workers")["workers"])

    wait_until(lambda: shown() >= len(stage.streams.alive), LONG)


@step("stats")
def _(stage: Stage) -> None:
    done = stage.requests.done
    wait_until(lambda: named(stage.told("stats")["services"], "steady")["total"] >= done + 8, LONG)


@step("services")
def _(stage: Stage) -> None:
    (web,) = (one for one in stage.told("services")["services"] if one["name"] == "web")
    assert (web["listen"], web["enabled_group"], web["hosts_up"]) == ([stage["web"]], "main", 2)


@step("hosts")
def _(stage: Stage) -> None:
    shown = {one["name"]: one["ip"] for one in stage.told("hosts", *WEB)["hosts"]}
    assert shown == {name: stage.hosts[name].address for name in "ab"}


@step("names")
def _(stage: Stage) -> None:
    assert stage.ctl("names", *WEB).out.split() == ["a", "b"]


@step("sessions")
def _(stage: Stage) -> None:
    shown = {one["port"] for one in stage.told("sessions", "--service", "steady")["sessions"]}
    assert shown >= stage.streams.alive


@step("top")
def _(stage: Stage) -> None:
    terminal = Terminal(stage.daemon)
    try:
        words = " ".join([DIRECTORCTL[0], "-c", f"'{DIRECTORCTL[2]}'", "-s", str(stage.daemon.socket), "top"])
        terminal.type(f"{words}\n")
        wait_until(lambda: "steady" in terminal.screen() and "own" in terminal.screen(), LONG)
        terminal.press("q")
    finally:
        terminal.close()


# -- hosts ------------------------------------------------------------------------


@step("host-down")
def _(stage: Stage) -> None:
    stage.ctl("host-down", *WEB, "a", "--reason", "new disk")
    stage.answer("b")
    assert stage.daemon.host("a")["reason"] == "new disk"


@step("events")
def _(stage: Stage) -> None:
    assert re.search("web/main.*maint", stage.ctl("events").out)


@step("host-up")
def _(stage: Stage) -> None:
    stage.ctl("host-up", *WEB, "a")
    stage.answer("a", "b")


@step("host-add")
def _(stage: Stage) -> None:
    stage.ctl("host-add", *WEB, "d", stage.hosts["d"].address)
    stage.answer("a", "b", "d")


@step("host-del")
def _(stage: Stage) -> None:
    stage.ctl("host-del", *WEB, "d")
    stage.answer("a", "b")


@step("host-weight")
def _(stage: Stage) -> None:
    stage.ctl("host-weight", *WEB, "a", "0")
    stage.answer("b")


@step("journal")
def _(stage: Stage) -> None:
    assert stage.told("journal")["changes"][-1]["change"].startswith("host 'a'")


@step("undo")
def _(stage: Stage) -> None:
    stage.ctl("undo", str(stage.told("journal")["changes"][-1]["number"]))
    stage.answer("a", "b")


@step("host-maxconn")
def _(stage: Stage) -> None:
    stage.ctl("host-maxconn", *OWN, "x", "1")
    with stage.held(5) as clients:
        assert list(clients.values()).count("x") <= 1
    stage.prepare("host-maxconn", *OWN, "x", "none")


@step("host-close")
def _(stage: Stage) -> None:
    with stage.held(6) as clients:
        stage.ctl("host-close", *OWN, "x")
        assert {name for client, name in clients.items() if name == "x" and is_cut(client)} == {"x"}
        assert all(goes_on(client) for client, name in clients.items() if name == "y")


@step("host-drain")
def _(stage: Stage) -> None:
    with stage.held(6) as clients:
        stage.ctl("host-drain", *OWN, "x", "--within", "1s", "--wait")
        assert all(is_cut(client) for client, name in clients.items() if name == "x")
        assert all(goes_on(client) for client, name in clients.items() if name == "y")
    stage.answer("y", of="own")
    stage.prepare("host-up", *OWN, "x")


@step("drains")
def _(stage: Stage) -> None:
    with stage.held(6) as clients:
        here = list(clients.values()).count("x")
        wait_until(lambda: stage.daemon.host("x", "own")["open"] == here, LONG)
        stage.prepare("host-drain", *OWN, "x")
        (drain,) = stage.told("drains", "own/main/x")["drains"]
        assert drain["left"] == here
        stage.prepare("host-up", *OWN, "x")
        assert all(goes_on(client) for client in clients)


@step("down-hosts")
def _(stage: Stage) -> None:
    stage.prepare("host-add", *OWN, "z", stage.hosts["z"].address)
    stage.answer("x", "y", "z", of="own")
    stage.hosts["z"].stop()

    def is_missed() -> bool:
        ask_name(stage["own"], LONG)
        return [one["name"] for one in stage.daemon.command("down-hosts")["hosts"]] == ["z"]

    wait_until(is_missed, LONG)
    assert re.search(r"\bz\b.*refused", stage.ctl("down-hosts").out)


@step("host-retry")
def _(stage: Stage) -> None:
    stage.hosts["z"].start()
    stage.answer("x", "y", of="own")
    stage.ctl("host-retry", *OWN, "z")
    stage.answer("x", "y", "z", of="own")
    stage.prepare("host-del", *OWN, "z")


# -- connections ------------------------------------------------------------------


@step("session-close")
def _(stage: Stage) -> None:
    with stage.held(2) as clients:
        first, second = clients
        (ident,) = (
            one["session"]
            for one in stage.told("sessions", "--service", "own")["sessions"]
            if one["port"] == first.getsockname()[1]
        )
        stage.ctl("session-close", ident)
        assert is_cut(first)
        assert goes_on(second)


# -- groups -----------------------------------------------------------------------


@step("group-add")
def _(stage: Stage) -> None:
    stage.ctl("group-add", "web", "third", "roundrobin")
    stage.prepare("host-add", "web", "third", "d", stage.hosts["d"].address)


@step("group-enable")
def _(stage: Stage) -> None:
    stage.ctl("group-enable", "web", "third")
    stage.answer("d")
    stage.prepare("group-enable", *WEB)
    stage.answer("a", "b")


@step("host-del-all")
def _(stage: Stage) -> None:
    stage.ctl("host-del-all", "web", "third")
    assert "no usable host" in stage.ctl("group-enable", "web", "third", exit=1).err


@step("group-del")
def _(stage: Stage) -> None:
    stage.ctl("group-del", "web", "third")
    assert "unknown group" in stage.ctl("group-enable", "web", "third", exit=1).err
    stage.answer("a", "b")


@step("group-scheduler")
def _(stage: Stage) -> None:
    stage.ctl("group-scheduler", *WEB, "first")
    stage.answer("a")


@step("explain")
def _(stage: Stage) -> None:
    assert {one["host"] for one in stage.told("explain", "web")["hosts"] if one["verdict"] == "chosen"} == {"a"}
    stage.prepare("group-scheduler", *WEB, "roundrobin")
    stage.answer("a", "b")


@step("sticky")
def _(stage: Stage) -> None:
    stage.prepare("group-scheduler", *OWN, "leastconns,sticky")
    wait_until(lambda: len({ask_name(stage["own"], LONG) for _ in range(12)}) == 1, LONG)
    (client,) = stage.told("sticky", *OWN)["clients"]
    assert client["host"] == ask_name(stage["own"], LONG)


@step("sticky-clear")
def _(stage: Stage) -> None:
    with stage.held(3) as clients:
        (name,) = set(clients.values())
        wait_until(lambda: stage.daemon.host(name, "own")["open"] == 3, LONG)
        stage.ctl("sticky-clear", *OWN)

        def goes_elsewhere() -> bool:
            elsewhere = ask_name(stage["own"], LONG) != name
            if not elsewhere:  # a worker that had not heard yet, who remembers again
                stage.prepare("sticky-clear", *OWN)
            return elsewhere

        wait_until(goes_elsewhere, LONG)
    stage.prepare("group-scheduler", *OWN, "leastconns")


# -- services ---------------------------------------------------------------------


@step("service-add")
def _(stage: Stage) -> None:
    stage.ctl("service-add", "shop", stage["shop"])
    stage.prepare("host-add", "shop", "main", "x", stage.hosts["x"].address)
    stage.answer("x", of="shop")


@step("listen-add")
def _(stage: Stage) -> None:
    stage.ctl("listen-add", "shop", stage["more"])
    stage.answer("x", of="more")


@step("listen-del")
def _(stage: Stage) -> None:
    stage.ctl("listen-del", "shop", stage["more"])
    wait_until(lambda: not accepts(stage["more"]), LONG)
    stage.answer("x", of="shop")


@step("service-disable")
def _(stage: Stage) -> None:
    with connect(stage["shop"], LONG) as client:
        assert read_line(client) == "x"
        stage.ctl("service-disable", "shop")
        wait_until(lambda: not accepts(stage["shop"]), LONG)
        assert goes_on(client)


@step("service-enable")
def _(stage: Stage) -> None:
    stage.ctl("service-enable", "shop")
    stage.answer("x", of="shop")


@step("service-maxconn")
def _(stage: Stage) -> None:
    stage.ctl("service-maxconn", "own", "2")
    with stage.held(2) as clients, connect(stage["own"], LONG) as third:
        assert waits(third)
        next(iter(clients)).close()
        assert read_line(third) in ("x", "y")
    stage.prepare("service-maxconn", "own", "none")


@step("service-del")
def _(stage: Stage) -> None:
    wait_until(lambda: stage.daemon.service("shop")["open"] == 0, LONG)
    stage.ctl("service-del", "shop")
    wait_until(lambda: not accepts(stage["shop"]), LONG)


# -- users ------------------------------------------------------------------------


@step("password-hash")
def _(stage: Stage) -> None:
    stage.hash = stage.ctl("password-hash", stdin="quite secret\n").out.strip()
    assert stage.hash.startswith("$argon2")


@step("user-add")
def _(stage: Stage) -> None:
    stage.ctl("user-add", "eve", "readonly", "--password", stage.hash)
    wait_until(lambda: stage.admits("eve", "quite secret"), LONG, every=1.0)  # asking often is being refused


@step("users")
def _(stage: Stage) -> None:
    assert {one["name"]: one["access"] for one in stage.told("users")["users"]} == {"ann": "full", "eve": "readonly"}


@step("user-del")
def _(stage: Stage) -> None:
    stage.ctl("user-del", "eve")
    wait_until(lambda: not stage.admits("eve", "quite secret"), LONG)


# -- config -----------------------------------------------------------------------


@step("config-running")
def _(stage: Stage) -> None:
    stage.prepare("host-add", *WEB, "d", stage.hosts["d"].address)
    config, _ = read(stage.ctl("config-running").out.encode(), "running")
    assert config is not None
    (web,) = (one for one in config.services if one.name == "web")
    assert [one.name for one in web.groups[0].hosts] == ["a", "b", "d"]


@step("config-discard")
def _(stage: Stage) -> None:
    stage.answer("a", "b", "d")
    stage.ctl("config-discard")
    stage.answer("a", "b")


@step("config-diff")
def _(stage: Stage) -> None:
    edited = stage.daemon.folder / "edited.xml"
    edited.write_text(stage.edited())
    assert re.search(r"\bd\b", stage.ctl("config-diff", str(edited), "--exit-code", exit=1).out)
    stage.ctl("config-diff", "--exit-code")
    stage.answer("a", "b")


@step("config-apply")
def _(stage: Stage) -> None:
    stage.ctl("config-apply", str(stage.daemon.folder / "edited.xml"))
    stage.answer("a", "b", "d")


@step("config-save")
def _(stage: Stage) -> None:
    stage.prepare("host-del", *WEB, "d")
    stage.prepare("host-down", *WEB, "b")
    stage.ctl("config-save")
    stage.ctl("config-diff", "--exit-code")
    stage.ctl("reload")
    stage.answer("a")
    stage.prepare("host-up", *WEB, "b")
    stage.prepare("config-save")


@step("config-file")
def _(stage: Stage) -> None:
    assert stage.ctl("config-file").out.strip() == stage.daemon.config_file.read_text().strip()


@step("reload")
def _(stage: Stage) -> None:
    stage.answer("a", "b")
    stage.daemon.configure(stage.edited())
    stage.ctl("reload")
    stage.answer("a", "b", "d")


# -- the daemon -------------------------------------------------------------------


@step("log-reopen")
def _(stage: Stage) -> None:
    moved = stage.daemon.log_file.rename(stage.daemon.folder / "moved.log")
    stage.ctl("log-reopen")
    wait_until(stage.daemon.log_file.exists, LONG)
    stage.prepare("host-maxconn", *OWN, "y", "4711")
    wait_until(lambda: "new=maxconn=4711" in stage.daemon.log, LONG)
    assert "new=maxconn=4711" not in moved.read_text()


@step("log-level")
def _(stage: Stage) -> None:
    stage.ctl("log-level", "error")
    stage.prepare("host-maxconn", *OWN, "y", "4712")
    stage.ctl("log-level", "info")
    stage.prepare("host-maxconn", *OWN, "y", "4713")
    wait_until(lambda: "new=maxconn=4713" in stage.daemon.log, LONG)
    assert "new=maxconn=4712" not in stage.daemon.log


@step("counters-clear")
def _(stage: Stage) -> None:
    with stage.held(6):
        wait_until(lambda: stage.daemon.service("own")["peak"] >= 6, LONG)
    wait_until(lambda: stage.daemon.service("own")["open"] == 0, LONG)
    stage.ctl("counters-clear")
    assert stage.daemon.service("own")["peak"] == 0


@step("maxconn-set")
def _(stage: Stage) -> None:
    stage.ctl("maxconn-set", "1")
    with connect(stage["own"], LONG) as client:
        assert waits(client)
        stage.prepare("maxconn-set", "none")
        assert read_line(client) in ("x", "y")


@step("workers-set")
def _(stage: Stage) -> None:
    stage.ctl("workers-set", "3")

    def third_one_serves() -> bool:
        ask_name(stage["web"], LONG)
        return any(one["slot"] == 2 and one["total"] for one in stage.daemon.stats()["workers"])

    wait_until(third_one_serves, LONG)


@step("upgrade")
def _(stage: Stage) -> None:
    before = set(stage.daemon.workers().values())
    with stage.held(2) as clients:
        stage.ctl("upgrade")
        assert before.isdisjoint(stage.daemon.workers().values())
        assert all(goes_on(client) for client in clients)
    stage.answer("a", "b", "d")


@step("history")
def _(stage: Stage) -> None:  # late: it knows the first a while after the start
    def tells_of_connections() -> bool:
        return any(stage.told("history", "steady")["series"]["connections_per_second"])

    wait_until(tells_of_connections, LONG)


@step("stop")
def _(stage: Stage) -> None:
    stage.load.close()  # of the long ones it would wait for a while, and then cut them
    with connect(stage["own"], LONG) as client:
        assert read_line(client) in ("x", "y")
        stage.ctl("stop")
        wait_until(lambda: not accepts(stage["own"]), LONG)
        assert goes_on(client)
    wait_until(lambda: not stage.daemon.pids(), LONG)


def named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(one for one in entries if one["name"] == name)


def test_every_command_does_what_it_says_and_no_client_notices(daemon: Daemon) -> None:
    assert {row.name for row in COMMANDS} == set(STEPS), "each command needs a step here"
    with ExitStack() as stack:
        stage = Stage(daemon, stack)
        for name, perform in STEPS.items():
            began = time.monotonic()
            perform(stage)
            stage.nothing_failed()
            print(f"{name:<16} {time.monotonic() - began:6.2f} s")
        assert min(stage.requests.done, stage.askers.done) > 100
