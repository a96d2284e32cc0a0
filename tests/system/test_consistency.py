"""Whatever is done to director, by operators or to its processes: what runs is the file and the journal.

Random sequences of commands, reloads, kills and restarts. A model keeps what was
answered as done; in the end, and after all processes were killed and director
started again, what runs must be that.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from director.config import reader
from tests.system.addresses import free_address
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.waiting import wait_until

Serve = Callable[..., Host]

STEPS = 10
SOAK_STEPS = 200


@dataclass
class Told:
    """What has been answered as done: weight of each host, those in maintenance, what the file says."""

    weights: dict[str, float] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    queue: int = 1000
    next_host: int = 0


class Chaos:
    """Does things at random to one daemon, and keeps the model."""

    def __init__(self, daemon: Daemon, address: str, seed: int) -> None:
        self.daemon = daemon
        self.random = random.Random(seed)
        self.told = Told(weights={"kept": 1.0, "a": 1.0, "b": 1.0})
        self.address = address
        self.listen = free_address()
        self.done: list[str] = []

    def text(self) -> str:
        hosts = (host(name, self.address) for name in ("kept", "a", "b"))
        return director(service(self.listen, group(*hosts), queue=self.told.queue))

    def step(self) -> None:
        ways = (*[self.weight] * 3, *[self.down] * 2, *[self.up] * 2, self.add, self.remove, self.reload)
        harms = (self.kill_worker, self.kill_hub, self.kill_master, self.restart)
        way = self.random.choice((*ways, *harms))
        self.done.append(way.__name__)
        way()

    def ctl(self, *words: str) -> None:
        """Have it done. While a hub is replaced nobody answers, and one asks again; it may have been done meanwhile."""
        asked = 0

        def answered() -> bool:
            nonlocal asked
            asked += 1
            result = self.daemon.ctl(*words)
            return result.exit == 0 or (asked > 1 and ("already" in result.err or "unknown host" in result.err))

        wait_until(answered, timeout=60, every=0.1)

    def choose(self) -> str:
        return self.random.choice([name for name in self.told.weights if name != "kept"] or ["kept"])

    def weight(self) -> None:
        name, weight = self.choose(), self.random.choice([1.0, 2.0, 5.0])
        self.ctl("host-weight", "web", "main", name, f"{weight:g}")
        self.told.weights[name] = weight

    def down(self) -> None:
        name = self.choose()
        if name != "kept":
            self.ctl("host-down", "web", "main", name, "--reason", "chaos")
            self.told.down.add(name)

    def up(self) -> None:
        name = self.choose()
        self.ctl("host-up", "web", "main", name)
        self.told.down.discard(name)

    def add(self) -> None:
        self.told.next_host += 1
        name = f"n{self.told.next_host}"
        self.ctl("host-add", "web", "main", name, self.address, "--weight", "3")
        self.told.weights[name] = 3.0

    def remove(self) -> None:
        name = self.choose()
        if name != "kept":
            self.ctl("host-del", "web", "main", name)
            del self.told.weights[name]
            self.told.down.discard(name)

    def reload(self) -> None:
        """The file says something else, of which no operator has spoken: both stay."""
        self.told.queue += 1
        self.daemon.configure(self.text())
        wait_until(lambda: self.daemon.directord("reload").exit == 0, timeout=60)

    def kill_worker(self) -> None:
        pids = wait_until(lambda: [pid for pid in self.daemon.workers().values() if pid], timeout=60)
        self._kill(self.random.choice(pids))

    def kill_hub(self) -> None:
        self._kill(self.daemon.hub())

    def _kill(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # replaced already

    def kill_master(self) -> None:
        self.daemon.kill(self.daemon.master)
        self.daemon.start()

    def restart(self) -> None:
        done = self.daemon.directord("restart")
        assert done.exit == 0, done.text

    def check(self) -> None:
        """What runs is what was answered as done."""

        def same() -> bool:
            text = self.daemon.command("config-running")["text"]
            config, problems = reader.read(text.encode(), "running")
            assert config is not None, problems
            web = config.services[0]
            weights = {one.name: one.weight for one in web.groups[0].hosts}
            hosts = self.daemon.stats()["services"][0]["groups"][0]["hosts"]
            down = {one["name"] for one in hosts if one["state"] == "maint"}
            assert (weights, down, web.queue) == (self.told.weights, self.told.down, self.told.queue), self.done
            return True

        wait_until(same, timeout=30)


@pytest.mark.parametrize("seed", [1, 2])
def test_what_runs_is_the_file_and_the_journal_whatever_happened(daemon: Daemon, serve: Serve, seed: int) -> None:
    one = serve()
    chaos = Chaos(daemon, one.address, seed)
    daemon.start(chaos.text())
    for _ in range(SOAK_STEPS if os.environ.get("DIRECTOR_SOAK") else STEPS):
        chaos.step()
    chaos.check()
    for pid in daemon.pids():
        os.kill(pid, signal.SIGKILL)
    daemon.start()
    chaos.check()
