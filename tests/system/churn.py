"""Upgrade and reload again and again under load: nothing fails, nothing grows, no total falls, no limit is passed.

with Churn(daemon, streams=10) as churn:
    churn.turn()
    ...
churn.check()
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

import psutil

from tests.system.addresses import free_address
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests, Streams
from tests.waiting import wait_until

PATIENCE = 60.0  # seconds: an upgrade starts two interpreters
LIMIT = 12  # connections of the service that has one
WORKERS = 2
PAUSE = 0.02  # seconds between two requests of a client: there is more to see than speed


@dataclass(frozen=True)
class Size:
    """What one generation and its folder take."""

    processes: int
    descriptors: int
    megabytes: float
    entries: int  # of the run dir


class Churn:
    """A daemon with two services, one of them limited, and clients of both all the while.

    The streams are opened before the first upgrade, and so are held by the first
    generation to their end. `sizes` and `totals` are taken after each turn.
    """

    def __init__(self, daemon: Daemon, streams: int) -> None:
        self.sizes: list[Size] = []
        self.totals: list[int] = []
        self._daemon = daemon
        self._stack = ExitStack()
        self._host, self._limited = (self._stack.enter_context(Host()) for _ in range(2))
        self._address, self._scarce, self._extra = (free_address() for _ in range(3))
        self._turns = 0
        daemon.start(self._config())
        self._streams = self._stack.enter_context(Streams(self._address, streams))
        self._held = self._stack.enter_context(Streams(self._scarce, LIMIT - 4))
        self._requests = self._stack.enter_context(ShortRequests(self._address, timeout=PATIENCE, pause=PAUSE))
        # Twice as many as have room: there is always somebody who waits.
        self._waiting = self._stack.enter_context(ShortRequests(self._scarce, 8, timeout=PATIENCE, pause=PAUSE))
        self._go_on()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _config(self) -> str:
        """Another weight and another listener, in turn."""
        odd = self._turns % 2 == 1
        listens = [self._address, *([self._extra] if odd else [])]
        return director(
            service(listens, group(host("a", self._host.address, weight=2 if odd else 1))),
            service(
                self._scarce,
                group(host("b", self._limited.address)),
                name="scarce",
                maxconn=LIMIT,
                queue_timeout="60s",
            ),
            workers=WORKERS,
            upgrade_probation="0.3s",
            upgrade_timeout="180s",
        )

    def turn(self) -> None:
        """One reload that changes something, and one upgrade."""
        daemon = self._daemon
        self._turns += 1
        daemon.reload(self._config())
        self._look()
        done = daemon.directord("upgrade", timeout=2 * PATIENCE)
        assert done.exit == 0, f"turn {self._turns}: {done.text}"
        self._look()
        wait_until(lambda: daemon.is_serving(WORKERS) and self._is_settled(), PATIENCE)
        self._go_on()
        self._look()
        self.sizes.append(self._size())

    def _look(self) -> None:
        self.totals.append(self._daemon.service()["total"])

    def _go_on(self) -> None:
        enough = self._requests.done + 20, self._waiting.done + 20
        moved = self._streams.exchanged + 5_000, self._held.exchanged + 5_000
        wait_until(lambda: (self._requests.done, self._waiting.done) > enough, PATIENCE)
        wait_until(lambda: self._streams.exchanged > moved[0] and self._held.exchanged > moved[1], PATIENCE)

    def _is_settled(self) -> bool:
        """Whether only the first generation, which has the streams, is left beside the one that serves."""
        return len(list(self._daemon.run_dir.glob("g*-*"))) == 2 and len(self._daemon.pids()) <= 2 * (WORKERS + 2)

    def _size(self) -> Size:
        master = psutil.Process(self._daemon.master)
        family = [master, *master.children()]
        return Size(
            processes=len(self._daemon.pids()),
            descriptors=master.num_fds(),
            megabytes=sum(one.memory_info().rss for one in family) / 1e6,
            entries=len(list(self._daemon.run_dir.iterdir())),
        )

    def check(self) -> None:
        """What must be true of all turns."""
        assert self._streams.broken == {}, self._streams.broken
        assert self._held.broken == {}, self._held.broken
        assert self._requests.failures == [], self._requests.failures
        assert self._waiting.failures == [], self._waiting.failures
        assert self._limited.most <= LIMIT, self._limited.most
        assert self.totals == sorted(self.totals), self.totals
        first, last = self.sizes[0], self.sizes[-1]
        assert last.processes <= first.processes, self.sizes
        assert last.entries <= first.entries, self.sizes
        # Listeners come and go by turns, and a link of a generation may be closed a moment later.
        assert last.descriptors <= first.descriptors + WORKERS + 2, self.sizes
        assert last.megabytes <= first.megabytes * 1.15, self.sizes
