"""For tests of your own scheduler: hosts, a clock and a random source that do as you say.

    farm = Farm(Fewest, a=1, b=2)          # a class, or what makes an object; names and weights
    farm.load(a=3, b=4)                    # connections open
    assert farm.choose("10.0.0.1") == "b"  # who gets the next connection of this client
    farm.connect(300)                      # as many clients, who stay
    assert farm.open == {"a": 103, "b": 204}

What director would fall back on is raised here as SchedulerFault: an exception
in your code, a host that is none of those given, too long a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from random import Random
from typing import Any

from director.scheduling.own import OwnPolicy, Surroundings
from director.scheduling.policies import SchedulerFault
from director.scheduling.scheduler import GroupScheduler, built_in
from director.scheduling.scoreboard import HostLoad, Scoreboard

__all__ = ["Clock", "Farm", "SchedulerFault"]

BUDGET = 0.05  # seconds that director gives a choice


class Clock:
    """Time that goes on when told to; seconds."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        self.now += seconds


class Farm:
    """A group of hosts that are all up, and your scheduler for them.

    scheduler: your class, or anything that makes an object with `choose`.
    weights: by host. `seed` decides what `request.random` gives.
    """

    def __init__(self, scheduler: Callable[[], Any], /, *, seed: int = 1, **weights: float) -> None:
        self.clock = Clock()
        self.heard = self.clock.now  # when the other workers were last heard of: move it back for old data
        for name, weight in weights.items():
            if not isinstance(weight, int | float) or not 0 <= weight < inf:
                raise ValueError(f"can't give host {name!r} a weight of {weight!r}: write a number, 0 or more")
        self._hosts = {
            name: HostLoad(number, name, weight=weight, usable=True)
            for number, (name, weight) in enumerate(weights.items(), 1)
        }
        self._board = Scoreboard()
        self._board.hosts = {host.number: host for host in self._hosts.values()}
        around = Surroundings(self.clock, lambda: self.heard, _timed)
        self._scheduler = GroupScheduler(
            "own",
            tuple(self._hosts.values()),
            Random(seed),
            make=lambda name, random: OwnPolicy(random, scheduler, around) if name == "own" else built_in(name, random),
        )
        if self._scheduler.fault:
            raise SchedulerFault(self._scheduler.fault)

    @property
    def open(self) -> dict[str, int]:
        """Connections of each host."""
        return {name: host.open for name, host in self._hosts.items()}

    def load(self, **counts: int) -> None:
        """Let hosts have so many connections, all of another worker, known."""
        for name, count in counts.items():
            _check_count("load", count)
            self._board.set_others(1, {self._host(name).number: count}, whole=False)

    def down(self, *names: str) -> None:
        """Take hosts out."""
        self._set_usable(names, False)

    def up(self, *names: str) -> None:
        """Bring hosts back."""
        self._set_usable(names, True)

    def choose(self, client: str = "10.0.0.1", *, tried: tuple[str, ...] = ()) -> str | None:
        """Who gets the next connection of this client; None if no host is up that was not tried. It is not made."""
        if isinstance(tried, str):
            raise ValueError(f"can't tell who was tried: {tried!r} is one name; write tried=({tried!r},)")
        host = self._scheduler.choose(client, [self._host(name).number for name in tried])
        if self._scheduler.fault:
            raise SchedulerFault(self._scheduler.fault)
        return None if host is None else host.name

    def connect(self, clients: int = 1, *, network: str = "10.0") -> None:
        """Let so many clients come, one after the other, each from an address of its own, and stay."""
        _check_count("connect", clients)
        for number in range(clients):
            name = self.choose(f"{network}.{number >> 8 & 255}.{number & 255}")
            if name is not None:
                self._board.acquire(self._hosts[name])
                self._board.changed()

    def leave(self, name: str, clients: int = 1) -> None:
        """End so many connections that `connect` made. Raises ValueError if there are fewer."""
        _check_count("end", clients)
        host = self._host(name)
        if clients > host.own:
            raise ValueError(f"can't end {clients} connections of {name}: connect() made {host.own} of them")
        for _ in range(clients):
            self._board.release(host)
        self._board.changed()

    def _set_usable(self, names: tuple[str, ...], usable: bool) -> None:
        for name in names:
            self._host(name).usable = usable
        self._scheduler.refresh()

    def _host(self, name: str) -> HostLoad:
        if name not in self._hosts:
            raise ValueError(f"there is no host {name!r}; this farm has {', '.join(self._hosts) or 'none'}")
        return self._hosts[name]


def _check_count(verb: str, count: object) -> None:
    if not isinstance(count, int) or count < 0:
        raise ValueError(f"can't {verb} {count!r} connections: write a whole number, 0 or more")


def _timed(choose: Callable[..., Any], hosts: Any, request: Any) -> Any:
    began = time.process_time()
    chosen = choose(hosts, request)
    if (took := time.process_time() - began) > BUDGET:
        raise SchedulerFault(f"took {took * 1000:.0f} ms for a choice; director gives {BUDGET * 1000:.0f} ms")
    return chosen
