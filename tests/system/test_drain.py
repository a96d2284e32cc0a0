"""Draining: connections end by themselves or at a deadline, idle ones first, and no order for it gets lost."""

from __future__ import annotations

import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Self

import pytest

from tests.system.addresses import connect, free_address
from tests.system.configs import director, group, host, service
from tests.system.daemon import DIRECTORCTL, Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests
from tests.waiting import keep_watching, wait_until

Hosts = Callable[..., list[Host]]


class Clients:
    """Connections that say nothing more once they have a host; `hosts` are their hosts' names."""

    def __init__(self, address: str, count: int) -> None:
        self._stack = ExitStack()
        self.socks = [self._stack.enter_context(connect(address, 60.0)) for _ in range(count)]
        self.hosts = [self._name(sock) for sock in self.socks]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @staticmethod
    def _name(sock: socket.socket) -> str:
        name = b""
        while not name.endswith(b"\n"):
            some = sock.recv(1)
            assert some, "closed before it had a host"
            name += some
        return name.decode().strip()

    def of(self, name: str) -> list[socket.socket]:
        return [sock for sock, at in zip(self.socks, self.hosts, strict=True) if at == name]


class Busy(Clients):
    """The same, over which something goes all the time; `broken` are hosts of those that ended, in that order."""

    def __init__(self, address: str, count: int) -> None:
        super().__init__(address, count)
        self.broken: list[str] = []
        self.broke_at: list[float] = []
        self.exchanged = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        super().__exit__()

    def _talk(self) -> None:
        alive = list(zip(self.socks, self.hosts, strict=True))
        while not self._stopping.wait(0.05):
            for sock, name in list(alive):
                try:
                    sock.sendall(b"x")
                    assert sock.recv(1) == b"x"
                    self.exchanged += 1
                except (OSError, AssertionError):
                    alive.remove((sock, name))
                    self.broke_at.append(time.time())
                    self.broken.append(name)


def is_open(sock: socket.socket) -> bool:
    """Whether nobody closed it."""
    sock.setblocking(False)
    try:
        return bool(sock.recv(1))
    except BlockingIOError:
        return True
    except OSError:
        return False


def count_open(socks: list[socket.socket]) -> int:
    return sum(is_open(sock) for sock in socks)


def drain(daemon: Daemon, what: str) -> dict[str, Any] | None:
    """One that somebody ordered."""
    return next((one for one in daemon.stats()["drains"] if one["what"] == what and one["by"]), None)


def progress(daemon: Daemon, what: str) -> dict[str, Any]:
    """Of a drain that is there."""
    return wait_until(lambda: drain(daemon, what) or {})


def served(address: str, count: int) -> set[str]:
    """The hosts that so many new clients get."""
    with Clients(address, count) as clients:
        return set(clients.hosts)


def counted(daemon: Daemon, clients: Clients) -> int:
    """How many of the clients are at host a, once the daemon knows of all of them."""
    wait_until(lambda: daemon.service()["open"] >= len(clients.socks))
    return clients.hosts.count("a")


def left(daemon: Daemon, what: str, count: int) -> dict[str, Any]:
    """The drain, once so many connections are left."""
    return reached(daemon, what, "left", count)


def reached(daemon: Daemon, what: str, key: str, value: object) -> dict[str, Any]:
    """The drain, once it is so far."""

    def look() -> dict[str, Any]:
        one = drain(daemon, what)
        assert one is not None and one[key] == value, f"{key} shall be {value}: {one}"
        return one

    return wait_until(look, timeout=30)


def do(daemon: Daemon, *words: str) -> str:
    done = daemon.ctl(*words)
    assert done.exit == 0, done.text
    return done.out


@pytest.fixture
def farm(daemon: Daemon, hosts: Hosts) -> Iterator[tuple[Daemon, str, list[Host]]]:
    """Hosts a and b of web/main, n of web/next; with a connection log."""
    a, b, n = hosts("a", "b", "n")
    address = free_address()
    text = director(
        service(
            address,
            group(host("a", a.address), host("b", b.address)),
            group(host("n", n.address), name="next"),
            name="web",
        ),
        service(free_address(), group(host("x", a.address)), name="other"),
    ).replace('level="debug"', 'level="debug" connections="connections.log"')
    daemon.start(text)
    yield daemon, address, [a, b, n]


def test_a_draining_host_gets_nothing_new_and_keeps_what_it_has(farm: tuple[Daemon, str, list[Host]]) -> None:
    daemon, address, _ = farm
    with Clients(address, 8) as clients:
        count = counted(daemon, clients)
        said = do(daemon, "host-drain", "web", "main", "a")
        assert "host 'a' of web/main is draining; connections stay to their end" in said
        assert "draining already" in do(daemon, "host-drain", "web", "main", "a")
        wait_until(lambda: served(address, 6) == {"b"})
        assert count_open(clients.socks) == 8
        one = left(daemon, "web/main/a", count)
        assert (one["open_at_start"], one["closed"], one["stage"], one["deadline"]) == (count, 0, "staying", None)
        assert daemon.host("a")["state"] == "drain" and daemon.host("a")["drain"]["left"] == count
        assert f"draining web/main/a: {count} of {count} connections left" in do(daemon, "status")
        assert f"{count} left" in do(daemon, "hosts") and f"{count} left" in do(daemon, "down-hosts")
        assert "web/main/a  staying" in do(daemon, "drains")
        clients.of("a")[0].close()
        left(daemon, "web/main/a", count - 1)
        assert "back from drain" in do(daemon, "host-up", "web", "main", "a")
        assert drain(daemon, "web/main/a") is None
        wait_until(lambda: served(address, 6) == {"a", "b"})
        assert count_open(clients.of("a")[1:]) == count - 1


def test_what_is_left_at_the_deadline_is_closed_at_the_rate_and_idle_ones_first(
    farm: tuple[Daemon, str, list[Host]],
) -> None:
    daemon, address, _ = farm
    with Clients(address, 40) as idle, Busy(address, 8) as busy:
        ours, streams = idle.of("a"), busy.hosts.count("a")
        count = len(ours) + streams
        wait_until(lambda: busy.exchanged > 100 and daemon.service()["open"] == 48)
        keep_watching(lambda: not busy.broken, 2.5)  # until the others are idle by anybody's measure
        began = time.monotonic()
        said = do(daemon, "host-drain", "web", "main", "a", "--within", "2s", "--rate", "10/s")
        assert "connections left in 2 s are closed, 10 a second" in said
        while time.monotonic() - began < 1.9:
            open_ = count_open(ours)
            if time.monotonic() - began < 1.9:
                assert open_ == len(ours)
        wait_until(lambda: busy.broken or count_open(ours) == 0, timeout=60)
        # In the order of one worker, if the other one has no time to say who is idle there.
        assert count_open(ours) <= len(ours) // 2
        wait_until(lambda: busy.broken == ["a"] * streams, timeout=30)
        # So many connections at 10 a second: the first one is not closed before its time.
        assert time.monotonic() - began >= 2 + count / 10 - 0.3
        over = reached(daemon, "web/main/a", "stage", "over")
        assert (over["open_at_start"], over["closed"], over["ended"]) == (count, count, 0)
        wait_until(lambda: daemon.host("a")["closed"] == count)
        assert count_open(idle.of("b")) == len(idle.of("b"))

        def logged() -> bool:
            lines = (daemon.folder / "connections.log").read_text().splitlines()
            return sum(" main/a " in line and " KD " in line for line in lines) == count

        wait_until(logged)
        wait_until(lambda: "drain closing" in daemon.log and "drain over" in daemon.log)


def test_a_wait_tells_how_it_goes_and_breaking_off_ends_only_the_telling(
    farm: tuple[Daemon, str, list[Host]],
) -> None:
    daemon, address, _ = farm
    with Clients(address, 8) as clients:
        count = counted(daemon, clients)
        command = [*DIRECTORCTL, "-s", str(daemon.socket), "host-drain", "web", "main", "a", "--wait"]
        waiting = subprocess.Popen(
            command, env=daemon.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            out = waiting.stdout
            assert out is not None
            lines = [out.readline() for _ in range(3)]
            assert f"web/main/a: {count} of {count} connections left, which go on to their end" in lines[2], lines
            waiting.send_signal(signal.SIGINT)
            _, err = waiting.communicate(timeout=20)
        finally:
            waiting.kill()
            waiting.wait()
        assert waiting.returncode == 130
        assert "web/main/a is drained on" in err and "host-up web main a" in err
        left(daemon, "web/main/a", count)
        done = daemon.ctl("host-drain", "web", "main", "a", "--rate", "20/s", "--wait", timeout=60)
        assert done.exit == 0, done.text
        assert f"web/main/a is drained: 0 ended by themselves, {count} were closed" in done.out
        assert daemon.ctl("drains", "web/main/a", "--wait").exit == 0
        assert daemon.ctl("drains", "web/main/z").exit == 1
        assert daemon.ctl("drains", "--wait").exit == 2


def test_a_wait_outlives_the_hub_and_fails_when_the_drain_is_taken_back(
    farm: tuple[Daemon, str, list[Host]],
) -> None:
    daemon, address, _ = farm
    with Clients(address, 8) as clients:
        count = counted(daemon, clients)
        command = [*DIRECTORCTL, "-s", str(daemon.socket), "host-drain", "web", "main", "a", "--within", "1h", "--wait"]
        waiting = subprocess.Popen(
            command, env=daemon.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            wait_until(lambda: drain(daemon, "web/main/a"))
            deadline = progress(daemon, "web/main/a")["deadline"]
            # Its change is answered: who is left without an answer can't know whether there was a change.
            assert waiting.stdout is not None
            assert select.select([waiting.stdout], [], [], 20)[0]
            hub = daemon.hub()
            daemon.kill(hub)
            wait_until(lambda: daemon.hub() != hub)
            kept = left(daemon, "web/main/a", count)
            assert (kept["open_at_start"], kept["deadline"]) == (count, deadline)
            assert count_open(clients.socks) == 8
            assert waiting.poll() is None
            assert "nothing to change" in do(daemon, "reload")
            assert progress(daemon, "web/main/a")["deadline"] == deadline
            do(daemon, "host-up", "web", "main", "a")
            out, _ = waiting.communicate(timeout=40)
        finally:
            waiting.kill()
            waiting.wait()
        assert waiting.returncode == 1, out
        assert "not drained any more" in out
        assert count_open(clients.socks) == 8


def test_a_drain_reaches_what_an_older_generation_holds(farm: tuple[Daemon, str, list[Host]]) -> None:
    daemon, address, _ = farm
    daemon.reload(daemon.config_file.read_text().replace("<director ", '<director upgrade-probation="0.5s" '))
    with Clients(address, 8) as old:
        count = counted(daemon, old)
        do(daemon, "host-drain", "web", "main", "a", "--within", "1h")
        before = progress(daemon, "web/main/a")
        waiting = subprocess.Popen(
            [*DIRECTORCTL, "-s", str(daemon.socket), "drains", "web/main/a", "--wait"],
            env=daemon.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        upgraded = daemon.directord("upgrade")
        assert upgraded.exit == 0, upgraded.text
        after = left(daemon, "web/main/a", count)
        assert (after["deadline"], after["open_at_start"]) == (before["deadline"], count)
        with Clients(address, 6) as new:
            assert set(new.hosts) == {"b"}
            do(daemon, "host-drain", "web", "main", "a", "--rate", "20/s")
            wait_until(lambda: count_open(old.of("a")) == 0, timeout=30)
            reached(daemon, "web/main/a", "closed", count)
            out, _ = waiting.communicate(timeout=60)
            assert waiting.returncode == 0 and f"{count} were closed" in out, out
            do(daemon, "host-down", "web", "main", "b", "--close", "--force")
            wait_until(lambda: count_open(old.of("b")) + count_open(new.socks) == 0, timeout=30)


def test_host_down_close_cuts_at_once_and_host_close_leaves_the_host_in_use(
    farm: tuple[Daemon, str, list[Host]],
) -> None:
    daemon, address, _ = farm
    with Clients(address, 12) as clients:
        count = counted(daemon, clients)
        assert "of host 'b' of web/main closed" in do(daemon, "host-close", "web", "main", "b")
        wait_until(lambda: do(daemon, "host-close", "web", "main", "b") and not count_open(clients.of("b")))
        assert count_open(clients.of("a")) == count
        said = do(daemon, "host-down", "web", "main", "a", "--close", "--reason", "smoke")
        assert "is in maint; connections are closed" in said
        wait_until(lambda: count_open(clients.of("a")) == 0)
        assert daemon.host("a")["state"] == "maint"
        wait_until(lambda: (daemon.folder / "connections.log").read_text().count(" DD ") == count)
        wait_until(lambda: served(address, 4) == {"b"})
        with Clients(address, 4) as others:

            def shut_down() -> bool:
                with socket.socket(socket.AF_UNIX) as haproxy:
                    haproxy.settimeout(20)
                    haproxy.connect(str(daemon.socket))
                    haproxy.sendall(b"shutdown sessions server web.main/b; set server web.next/n state drain\n")
                    assert haproxy.makefile().read().strip() == ""
                return count_open(others.socks) == 0

            wait_until(shut_down)
        assert daemon.host("b")["state"] == "up" and daemon.host("n", group="next")["state"] == "drain"


def test_a_group_that_is_left_drains_and_going_back_ends_that(farm: tuple[Daemon, str, list[Host]]) -> None:
    daemon, address, _ = farm
    with Clients(address, 8) as clients:
        said = do(daemon, "group-enable", "web", "next", "--drain")
        assert "connections left in 600 s are closed" in said
        wait_until(lambda: served(address, 3) == {"n"})
        left(daemon, "web/main", 8)
        do(daemon, "group-enable", "web", "main")
        assert drain(daemon, "web/main") is None
        do(daemon, "group-enable", "web", "next", "--within", "1h")
        do(daemon, "config-discard")
        assert drain(daemon, "web/main") is None
        done = daemon.ctl("group-enable", "web", "next", "--rate", "50/s", "--wait", timeout=60)
        assert done.exit == 0 and "web/main is drained: 0 ended by themselves, 8 were closed" in done.out, done.text
        assert count_open(clients.socks) == 0
        wait_until(lambda: drain(daemon, "web/main") is None)  # nothing is left of it, nor of the order
        do(daemon, "undo", "5")
        wait_until(lambda: served(address, 6) == {"a", "b"})


def test_what_is_removed_under_load_fails_nobody(farm: tuple[Daemon, str, list[Host]]) -> None:
    daemon, address, _ = farm
    with Busy(address, 8) as busy, Clients(address, 8) as idle:
        count, streams = (busy.hosts + idle.hosts).count("a"), busy.hosts.count("b")
        with ShortHellos(address) as requests:
            wait_until(lambda: requests.done > 20)
            do(daemon, "host-del", "web", "main", "a", "--within", "1h")
            done = requests.done
            wait_until(lambda: requests.done > done + 20)
        assert requests.failures == []
        left(daemon, "web/main/a", count)
        assert "can't remove" in daemon.ctl("service-del", "web").err
        began = time.time()
        do(daemon, "service-del", "web", "--within", "3s")
        wait_until(lambda: busy.broken, timeout=30)
        assert busy.broke_at[0] >= began + 3
        wait_until(lambda: count_open(idle.of("b")) == 0, timeout=30)
        wait_until(lambda: busy.broken == ["b"] * streams, timeout=30)
        wait_until(lambda: drain(daemon, "web") is None)
        assert count_open(idle.of("a")) == len(idle.of("a"))  # they were given an hour
        left(daemon, "web/main/a", count)


def test_what_goes_without_a_word_is_seen_until_its_last_connection_ends(
    farm: tuple[Daemon, str, list[Host]],
) -> None:
    daemon, address, [a, b, *_] = farm
    with Clients(address, 6) as clients:
        text = daemon.config_file.read_text().replace(host("a", a.address), "")
        daemon.reload(text)

        def gone() -> list[dict[str, Any]]:
            return [one for one in daemon.stats()["drains"] if one["what"] == "web/main/a"]

        assert wait_until(lambda: [one for one in gone() if one["left"] == len(clients.of("a"))])[0]["by"] == ""
        for sock in clients.of("a"):
            sock.close()
        wait_until(lambda: not gone())
        assert count_open(clients.of("b")) == len(clients.of("b"))
        text = text.replace('<service name="web"', '<service name="web" drain-within="1s" drain-rate="50/s"')
        daemon.reload(text)
        daemon.reload(text.replace(host("b", b.address), host("c", a.address)))
        wait_until(lambda: count_open(clients.of("b")) == 0, timeout=30)
        wait_until(lambda: "drain over: what=web/main/b" in daemon.log)
        wait_until(lambda: served(address, 2) == {"a"})


def patient(daemon: Daemon, within: str) -> str:
    """The config, and what it is by now: what goes from web without a word has so long, and upgrades are brief."""
    text = daemon.config_file.read_text()
    text = text.replace('<service name="web"', f'<service name="web" drain-within="{within}"')
    text = text.replace("<director ", '<director upgrade-probation="0.5s" ')
    daemon.reload(text)
    return text


def test_a_host_that_is_elsewhere_by_a_new_config_is_drained_where_it_was(
    farm: tuple[Daemon, str, list[Host]],
) -> None:
    daemon, address, [a, _, n] = farm
    text = patient(daemon, "2s")
    with Clients(address, 6) as clients:
        daemon.reload(text.replace(a.address, n.address, 1))
        wait_until(lambda: served(address, 2) == {"n", "b"})
        with Clients(address, 6) as others:
            (drain,) = wait_until(lambda: daemon.stats()["drains"])
            assert (drain["what"], drain["open_at_start"]) == ("web/main/a", len(clients.of("a")))
            do(daemon, "upgrade")  # the next generation goes on with it
            wait_until(lambda: count_open(clients.of("a")) == 0, timeout=30)
            wait_until(lambda: "drain over: what=web/main/a" in daemon.log)
            assert count_open(clients.of("b")) == len(clients.of("b"))
            assert count_open(others.socks) == len(others.socks)


def test_a_host_that_is_elsewhere_after_an_upgrade_is_drained_where_it_was(
    farm: tuple[Daemon, str, list[Host]],
) -> None:
    daemon, address, [a, _, n] = farm
    text = patient(daemon, "1s")
    with Clients(address, 6) as clients:
        daemon.config_file.write_text(text.replace(a.address, n.address, 1))
        do(daemon, "upgrade")
        wait_until(lambda: served(address, 2) == {"n", "b"})
        wait_until(lambda: "drain over: what=web/main/a" in daemon.log, timeout=30)
        assert count_open(clients.of("a")) == 0
        assert count_open(clients.of("b")) == len(clients.of("b"))


def test_a_host_that_is_back_before_a_stopped_worker_has_answered_is_drained_nowhere(
    farm: tuple[Daemon, str, list[Host]],
) -> None:
    daemon, address, [a, _, n] = farm
    text = patient(daemon, "0s")
    with Clients(address, 6) as clients:
        stopped = daemon.workers()[0]
        daemon.kill(stopped, signal.SIGSTOP)
        try:
            daemon.reload(text.replace(a.address, n.address, 1))
            daemon.reload(text)
        finally:
            daemon.kill(stopped, signal.SIGCONT)
        wait_until(lambda: daemon.agrees(len(daemon.workers())))
        keep_watching(lambda: count_open(clients.socks) == 6, 3.0)


def test_a_dry_run_and_wrong_words_change_nothing(farm: tuple[Daemon, str, list[Host]]) -> None:
    daemon, address, _ = farm
    with Clients(address, 4):
        plan = do(daemon, "host-drain", "web", "main", "a", "--within", "10m", "--rate", "5/s", "--dry-run")
        assert "drain host 'a' of web/main: close those left in 600 s, 5 a second" in plan
        for words in (("--rate", "fast"), ("--rate", "0/s"), ("--within", "soon"), ("--rate", "5/week")):
            done = daemon.ctl("host-drain", "web", "main", "a", *words)
            assert done.exit == 1 and "write" in done.err, done.text
        done = daemon.ctl("host-drain", "web", "main", "c")
        assert done.exit == 1 and "unknown host 'c'" in done.err, done.text
        assert daemon.host("a")["state"] == "up" and daemon.stats()["drains"] == []


class ShortHellos(ShortRequests):
    """The same with hosts that say their name first."""

    def _request(self) -> None:
        with Clients(self._address, 1) as clients:
            clients.socks[0].sendall(b"hello")
            assert clients.socks[0].recv(5) == b"hello"
