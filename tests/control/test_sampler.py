"""What is looked at for the last hour, and where it is kept."""

from __future__ import annotations

import os

from control.history import ALL, KEPT, OPEN
from control.sampler import Sampler
from control.totals import Totals
from director.config.model import Config, Endpoint, Group, Host, Listen, Service
from director.messages import Load, Slot, Tally

LISTEN = Listen(ip=Endpoint("127.0.0.1", 80))


def config(hosts: int) -> Config:
    all_of_them = tuple(Host(name=f"h{n}", number=n, ip=Endpoint("127.0.0.1", n)) for n in range(10, 10 + hosts))
    group = Group(name="main", number=3, hosts=all_of_them)
    return Config(services=(Service(name="web", number=2, listens=(LISTEN,), groups=(group,), enabled="main"),))


def counted(totals: Totals, config: Config) -> None:
    totals.own(config)
    totals.load(Load(Slot(0), 1, 1, True, {10: 3, 11: 4}), 0.0, 0.0)
    connect = [0, 5, *[0] * 15]
    hosts = {number: [5, 5, 0, 0, 0, [0] * 5, connect, connect] for number in (10, 11)}
    totals.tally(Tally(Slot(0), 1, True, hosts, {2: [10, 0, 100, 200]}, {}), 0.0)


def test_all_hosts_of_a_service_count_piece_by_piece() -> None:
    totals, many = Totals(), config(1200)
    counted(totals, many)
    sampler = Sampler(os.memfd_create("t"), totals, lambda: many)
    sampler.look()
    count = sampler.history.dump()["counts"][2]
    assert count[0] == 10
    assert count[3][1] == 10
    assert count[4] == 7
    assert sampler.history.points(2, OPEN)[-1] is None  # of the first look there is no rate yet


def test_a_successor_finds_the_hour_and_goes_on() -> None:
    totals, few = Totals(), config(2)
    counted(totals, few)
    memory = os.memfd_create("t")
    Sampler(memory, totals, lambda: few).look()
    before = Sampler(memory, totals, lambda: few)
    before.start(memory)
    before.stop()
    assert before.history.dump()["counts"][ALL][4] == 7
    assert len(before.history.points(2, OPEN)) == KEPT
