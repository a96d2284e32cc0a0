"""Looks at all totals at even steps, and keeps the history of the last hour.

With 10 000 hosts a look takes tens of milliseconds, so it is taken a piece at a
time, and whoever waits for the hub is served between. What is kept lies in the
memory file, where the hub's successor finds it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice

import gevent

from control.history import STEP, Count, History
from control.memory import HISTORY, Memory
from control.totals import Totals
from control.turn import let_others
from director.config.model import Config, Service
from director.tally import joined

_PIECE = 500  # hosts


class Sampler:
    """Fills a History. `config` gives what is arranged at a moment; `memory` is the hub's memory file."""

    def __init__(self, memory: int, totals: Totals, config: Callable[[], Config]) -> None:
        self.history = History()
        self._memory = Memory(memory, HISTORY)
        self._totals, self._config = totals, config
        self._greenlet: gevent.Greenlet | None = None

    def start(self, left: int) -> None:
        """Go on with the history in this memory file, if there is one, from now on."""
        value = Memory(left, HISTORY).load()
        if value is not None:
            self.history.restore(value)
        self._memory.load()  # so that what is written next counts as the newest
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Another hub goes on."""
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
            self._greenlet = None

    def _run(self) -> None:
        while True:
            self.look()
            gevent.sleep(STEP - time.monotonic() % STEP)

    def look(self) -> None:
        """One step more."""
        counts = {service.number: self._count(service) for service in self._config().services}
        self.history.note(counts, time.monotonic())
        self._memory.save(self.history.dump())

    def _count(self, service: Service) -> Count:
        tally = self._totals.service(service.number)
        numbers = (host.number for group in service.groups for host in group.hosts)
        connect = joined(())
        while piece := list(islice(numbers, _PIECE)):
            connect = joined((connect, *self._totals.connect_times(piece)))
            let_others()
        opened = self._totals.open.get(service.number, 0)
        return Count(tally.total, tally.bytes_in, tally.bytes_out, connect, opened)
