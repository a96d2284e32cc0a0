"""What has happened to a director: told while it happens, and remembered over a hub's death and an upgrade."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from tests.system.addresses import ask_name, free_address
from tests.system.configs import director, host, one_service
from tests.system.daemon import DIRECTORCTL, Daemon
from tests.system.hosts import Host
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]


class Follower:
    """`directorctl --json events --follow`, and what it has printed so far."""

    def __init__(self, daemon: Daemon) -> None:
        self.process = subprocess.Popen(
            [*DIRECTORCTL, "-s", str(daemon.socket), "--json", "events", "--follow", "1"],
            env=daemon.environment,
            cwd=daemon.folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.events: list[dict[str, Any]] = []
        self.started = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self.started.wait(20)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events += json.loads(line)["events"]
            self.started.set()

    def told(self, new: str) -> bool:
        """Whether something has become so."""
        return new in {one["new"] for one in self.events}

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)


def remembered(daemon: Daemon, event: str, subject: str) -> list[dict[str, Any]]:
    found = json.loads(daemon.ctl("--json", "events", "1000").out)["events"]
    assert [one["number"] for one in found] == sorted({one["number"] for one in found})
    # The master tells of its own ten times a second.
    assert all(after["time"] > before["time"] - 0.5 for before, after in pairwise(found)), found
    return [one for one in found if (one["event"], one["subject"]) == (event, subject)]


def test_events_are_told_at_once_and_outlive_the_hub_and_an_upgrade(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address), host("b", b.address), upgrade_probation="1s"))
    wait_until(lambda: remembered(daemon, "daemon ready", "daemon"))
    follower = Follower(daemon)
    try:
        assert daemon.ctl("host-down", "web", "main", "a", "--reason", "new disk").exit == 0
        b.stop()
        assert not ask_name(address)
        wait_until(lambda: {one["subject"] for one in follower.events} >= {"web/main/a", "web/main/b"})
    finally:
        follower.close()
    told = {one["subject"]: one for one in follower.events if one["event"] in ("change applied", "host down")}
    assert (told["web/main/a"]["old"], told["web/main/a"]["new"]) == ("in use", "maint")
    assert told["web/main/a"]["reason"] == "new disk"
    assert (told["web/main/b"]["old"], told["web/main/b"]["new"]) == ("up", "down")
    assert all(one["by"] and one["reason"] and one["time"] for one in told.values())

    wait_until(lambda: remembered(daemon, "host down", "web/main/b"))
    daemon.kill(daemon.hub())
    wait_until(lambda: daemon.ctl("version").exit == 0)
    wait_until(lambda: remembered(daemon, "process exited", "hub"))
    assert len(remembered(daemon, "change applied", "web/main/a")) == 1

    b.start()
    upgraded = daemon.directord("upgrade", timeout=120)
    assert upgraded.exit == 0, upgraded.text
    assert len(remembered(daemon, "change applied", "web/main/a")) == 1
    assert len(remembered(daemon, "process exited", "hub")) == 1
    wait_until(lambda: remembered(daemon, "upgrade committed", "upgrade"))
    assert "in use -> maint by" in daemon.ctl("events", "500").out


@pytest.mark.parametrize("words", [["events", "--follow"], ["status", "--watch", "--every", "60"]])
def test_who_follows_ends_with_its_reader_though_nothing_happens(daemon: Daemon, words: list[str]) -> None:
    daemon.start(director())
    process = subprocess.Popen([*DIRECTORCTL, "-s", str(daemon.socket), *words], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline()
    process.stdout.close()
    assert process.wait(4.0) == 0  # a sign of life is due every five seconds only


def test_what_the_file_overruled_at_a_start_and_in_an_upgrade_is_told(daemon: Daemon, hosts: Hosts) -> None:
    (a,) = hosts("a")
    text = one_service(free_address(), host("a", a.address), upgrade_probation="0.3s")
    daemon.start(text)
    assert daemon.ctl("host-weight", "web", "main", "a", "2").exit == 0
    daemon.configure(text.replace('name="a"', 'name="a" weight="3"'))
    assert daemon.directord("restart").exit == 0
    wait_until(lambda: remembered(daemon, "change overruled", "change"))
    assert daemon.ctl("host-weight", "web", "main", "a", "4").exit == 0
    daemon.configure(text.replace('name="a"', 'name="a" weight="5"'))
    assert daemon.directord("upgrade", timeout=120).exit == 0
    wait_until(lambda: len(remembered(daemon, "change overruled", "change")) == 2)


def test_who_follows_goes_on_with_the_next_hub_and_the_next_version(daemon: Daemon, hosts: Hosts) -> None:
    (a,) = hosts("a")
    daemon.start(one_service(free_address(), host("a", a.address), upgrade_probation="1s"))
    follower = Follower(daemon)
    try:
        for weight in ("2", "3", "4"):
            assert daemon.ctl("host-weight", "web", "main", "a", weight).exit == 0
            wait_until(partial(follower.told, f"weight={weight}"))
            if weight == "2":
                daemon.kill(daemon.hub())
                wait_until(lambda: daemon.ctl("version").exit == 0)
            if weight == "3":
                assert daemon.directord("upgrade", timeout=120).exit == 0
        wait_until(lambda: "upgrade committed" in {one["event"] for one in follower.events})
        assert "process exited" in {one["event"] for one in follower.events}  # the hub, while nobody told of it
        numbers = [one["number"] for one in follower.events]
        assert numbers == sorted(set(numbers))
        assert follower.process.poll() is None
    finally:
        follower.close()
