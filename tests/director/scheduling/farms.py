"""Hosts for the tests: a few lines that make a group of them, and what came out of many choices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from director.config.model import Config, Endpoint, Group, Host, Service
from director.scheduling.scheduler import GroupScheduler
from director.scheduling.scoreboard import HostLoad, Scoreboard


def hosts(*weights: float, maxconn: int | None = None) -> list[HostLoad]:
    """Usable hosts h0, h1, ... with these weights, numbered from 0."""
    return [
        HostLoad(number, f"h{number}", group=1001, service=1000, weight=weight, maxconn=maxconn, usable=True)
        for number, weight in enumerate(weights)
    ]


def board(members: Sequence[HostLoad], workers: int = 1) -> Scoreboard:
    """A scoreboard that knows these hosts."""
    scoreboard = Scoreboard()
    scoreboard.workers = workers
    scoreboard.hosts = {host.number: host for host in members}
    limit(scoreboard)
    return scoreboard


def limit(scoreboard: Scoreboard, refresh: Callable[[], None] = lambda: None) -> None:
    """Have the scoreboard keep the maxconn of its hosts, alone: there is no other worker."""
    wanted = {host.number: host.maxconn for host in scoreboard.hosts.values() if host.maxconn is not None}
    scoreboard.limit(wanted)
    refresh()
    scoreboard.granted(
        {number: (most, scoreboard.permits.limits[number].version + 1) for number, most in wanted.items()}
    )


def shares(scheduler: GroupScheduler, scoreboard: Scoreboard, choices: int) -> list[int]:
    """How many of so many connections, all kept open, each host got, by number."""
    count: Counter[int] = Counter()
    for client in range(choices):
        host = scheduler.choose(f"10.{client >> 16}.{client >> 8 & 255}.{client & 255}")
        assert host is not None
        scoreboard.acquire(host)
        count[host.number] += 1
        scoreboard.changed()
    return [count[host.number] for host in scheduler.hosts]


def scheduler(name: str, members: Sequence[HostLoad], seed: int = 1) -> GroupScheduler:
    return GroupScheduler(name, members, Random(seed))


def config(*numbers: int) -> Config:
    """One service (1) with one group (2) of hosts with these numbers."""
    members = tuple(Host(name=f"h{number}", ip=Endpoint("127.0.0.1", 80), number=number) for number in numbers)
    group = Group(name="main", hosts=members, number=2)
    return Config(services=(Service(name="web", groups=(group,), enabled="main", number=1),))
