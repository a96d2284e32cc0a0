"""What a worker works by, as config, verdicts and addresses come in, in any order."""

from __future__ import annotations

import random
import socket
import time
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from director.config.model import Config, Endpoint, Group, Host, Service
from director.messages import AdminDown, HostState, Member, Running, Target
from director.scheduling.scoreboard import Scoreboard
from tests.director.config.configs import histories
from workers import services as served
from workers.services import Services

INET = int(socket.AF_INET)


def running(enabled: str = "main", scheduler: str = "roundrobin", admin: dict[int, AdminDown] | None = None) -> Running:
    hosts = tuple(Host(name=name, ip=Endpoint("h", 1), number=number) for name, number in (("a", 3), ("b", 4)))
    groups = (
        Group(name="main", scheduler=scheduler, hosts=hosts, number=2),
        Group(name="next", hosts=(Host(name="n", ip=Endpoint("h", 1), number=6),), number=5),
    )
    return Running(1, Config(services=(Service(name="web", groups=groups, enabled=enabled, number=1),)), admin or {})


def target(number: int, up: bool = True, port: int = 80) -> Target:
    return Target(number, up, ((INET, ["10.0.0.1", port]),))


def chosen(services: Services, times: int = 8) -> set[str]:
    scheduler = services.by_number[1].scheduler
    assert scheduler is not None
    return {host.name for _ in range(times) if (host := scheduler.choose("1.2.3.4"))}


def made() -> Services:
    services = Services(Scoreboard(), random.Random(1))
    services.configure(running())
    return services


def test_a_host_is_used_once_it_has_an_address_and_is_up() -> None:
    services = made()
    assert chosen(services) == set()
    assert services.state(3) is HostState.UNRESOLVED
    services.learn([target(3), target(4, up=False)])
    assert chosen(services) == {"a"}
    assert (services.state(3), services.state(4)) == (HostState.UP, HostState.DOWN)
    services.learn([target(4)])
    assert chosen(services) == {"a", "b"}
    assert services.addresses[3] == ((INET, ("10.0.0.1", 80)),)


def test_a_snapshot_replaces_all_that_was_known() -> None:
    services = made()
    services.learn([target(3), target(4)])
    services.learn([target(4)], complete=True)
    assert chosen(services) == {"b"}


def test_an_operators_word_overrules_every_verdict() -> None:
    services = made()
    services.learn([target(3), target(4)])
    services.configure(running(admin={3: AdminDown(HostState.MAINT, "me", 1.0)}))
    assert chosen(services) == {"b"}
    assert services.state(3) is HostState.MAINT
    services.configure(running())
    assert chosen(services) == {"a", "b"}


def test_enabling_a_group_and_changing_a_scheduler_take_effect_at_once() -> None:
    services = made()
    services.learn([target(3), target(4), target(6)])
    services.configure(running(enabled="next"))
    assert chosen(services) == {"n"}
    services.configure(running(scheduler="first"))
    assert len(chosen(services)) == 1


def test_a_suspect_is_left_alone_until_the_hub_speaks_or_time_passes() -> None:
    services = made()
    services.learn([target(3), target(4)])
    host = services._board.hosts[3]
    services.suspect(host, 100.0)
    assert chosen(services) == {"b"}
    services.sweep(101.0)
    assert chosen(services) == {"b"}
    services.learn([target(3)])
    assert chosen(services) == {"a", "b"}
    services.suspect(host, 100.0)
    services.sweep(103.0)
    assert chosen(services) == {"a", "b"}


def test_a_service_that_stays_keeps_its_counts() -> None:
    services = made()
    services.by_number[1].tally.total = 7
    services.configure(running(enabled="next"))
    assert services.by_number[1].tally.total == 7
    services.configure(Running(2, Config()))
    assert services.by_number == {}


def test_verdicts_on_unknown_hosts_are_ignored() -> None:
    services = made()
    services.learn([target(99)])
    assert chosen(services) == set()


def test_a_host_with_an_address_is_used_before_the_hub_has_said_anything() -> None:
    services = made()
    services.learn([target(3), target(4)])
    before = running()
    host = Host(name="new", ip=Endpoint("10.0.0.9", 80), number=9)
    group = replace(before.config.services[0].groups[0], hosts=(host,))
    service = replace(before.config.services[0], groups=(group,))
    services.configure(Running(2, Config(services=(service,))))
    assert chosen(services) == {"new"}
    assert services.addresses[9] == ((INET, ("10.0.0.9", 80)),)


def test_a_host_that_returned_gets_its_weight_by_and_by() -> None:
    config = running().config
    group = replace(config.services[0].groups[0], slowstart=30.0)
    service = replace(config.services[0], groups=(group,))
    services = Services(board := Scoreboard(), random.Random(1))
    services.configure(Running(1, replace(config, services=(service,))))
    services.learn([target(3), replace(target(4), returned_at=time.time())])
    assert [board.hosts[number].weight for number in (3, 4)] == [1.0, 0.1]
    services.configure(Running(2, replace(config, services=(service,))))
    assert board.hosts[4].weight == 0.1
    services.learn([replace(target(4), returned_at=time.time() - 31.0)])
    services.warm_up()
    assert board.hosts[4].weight == 1.0


def picture(services: Services) -> dict[str, object]:
    """All that a worker works by, without the objects it is in."""
    board = services._board
    return {
        "services": {
            number: (one.name, one.idle_timeout, one.nobody, one.group, one.scheduler is not None)
            for number, one in services.by_number.items()
        },
        "groups": {
            number: (scheduler.scheduler, [host.number for host in scheduler.hosts], scheduler._usable)
            for number, scheduler in services._schedulers.items()
        },
        "hosts": {
            number: (host.name, host.group, host.service, host.weight, host.usable, bool(host.limit), bool(host.home))
            for number, host in board.hosts.items()
        },
        "limits": set(board.permits.limits),
        "sticky": {number: (table.timeout, table.size) for number, table in services.stickies.tables.items()},
        "addresses": {number: services.addresses[number] for number in board.hosts},
        "labels": {number: services.labels[number] for number in board.hosts},
        "members": {number: [host.number for host in board.group(number)] for number in services._schedulers},
    }


@given(histories())
def test_change_by_change_a_worker_gets_where_it_would_begin_anew(history: list[Running]) -> None:
    changed, anew = Services(Scoreboard(), random.Random(1)), Services(Scoreboard(), random.Random(1))
    for one in history:
        changed.configure(one)
    anew.configure(history[-1])
    assert picture(changed) == picture(anew)


@given(histories())
def test_connections_that_are_open_count_over_every_change(history: list[Running]) -> None:
    services = Services(Scoreboard(), random.Random(1))
    services.configure(history[0])
    board = services._board
    held = list(board.hosts.values())
    for host in held:
        board.acquire(host)
    for one in history[1:]:
        services.configure(one)
        assert sum(host.own for host in (*board.hosts.values(), *board.zombies.values())) == len(held)
        for host in board.hosts.values():
            if host.limit is not None:
                assert host.limit.used == host.own
    for host in held:
        board.release(host)
    board.changed()
    assert board.zombies == {}


def test_each_service_counts_its_own_samples() -> None:
    one, other = served.Service(1), served.Service(2)
    one.log_every, other.log_every = 2, 3
    sampled = [(one.is_sample(), other.is_sample()) for _ in range(6)]
    assert [sum(column) for column in zip(*sampled, strict=True)] == [3, 2]


POOL, DB, PLAIN = 3, 6, 7  # host numbers: a name in one service; a name and an address in another


def named(resolve: str) -> Running:
    """What runs if the pool is one of the places of its name, or all of them."""
    pool = Host(name="pool", ip=Endpoint("pool.test", 80), resolve=resolve, number=POOL)
    others = Host(name="db", ip=Endpoint("db.test", 80), number=DB), Host(name="c", ip=Endpoint("::1", 1), number=PLAIN)
    web = Service(name="web", groups=(Group(name="main", hosts=(pool,), number=2),), enabled="main", number=1)
    rest = Service(name="db", groups=(Group(name="main", hosts=others, number=5),), enabled="main", number=4)
    return Running(1, Config(services=(web, rest)))


_MEMBERS = tuple(Member(number, f"pool:{number}", Endpoint("10.0.0.1", -number), 1.0, False) for number in (-8, -9))
_targets = st.one_of(
    st.builds(target, st.sampled_from([POOL, DB, PLAIN, -8, -9]), st.booleans()),
    st.builds(Target, st.just(DB), st.booleans(), st.just(())),
    st.builds(Target, st.just(POOL), st.just(False), st.just(()), members=st.sampled_from([_MEMBERS, _MEMBERS[:1]])),
)


@given(st.lists(st.one_of(st.builds(named, st.sampled_from(["all", "first"])), st.lists(_targets, min_size=1))))
def test_in_whatever_order_news_come_a_worker_uses_whom_a_new_one_would(news: list[Running | list[Target]]) -> None:
    changed, anew = Services(Scoreboard(), random.Random(1)), Services(Scoreboard(), random.Random(1))
    running, known = named("all"), dict[int, Target]()
    changed.configure(running)
    for one in news:
        if isinstance(one, Running):
            running = one
            changed.configure(running)
        else:
            changed.learn(one)
            known.update((target.host, target) for target in one)
    anew.configure(running)
    anew.learn(list(known.values()), complete=True)
    usable = [{host.number: host.usable for host in one._board.hosts.values()} for one in (changed, anew)]
    assert usable[0] == usable[1]


def test_a_scheduler_is_in_use_as_the_hub_says_but_for_failures_it_has_not_heard_of() -> None:
    services = Services(Scoreboard(), random.Random(1))
    services.configure(running(scheduler="python:nowhere:C"))
    scheduler = services.group_scheduler(2)
    assert scheduler is not None and scheduler.fault
    failed = {2: ["python:nowhere:C", "first", "it raised"]}
    services.fall_back({})
    services.fall_back({2: ["python:nowhere:D", "random", "it raised"]})  # of what was there before
    assert scheduler.name == "leastconns" and len(services.schedulings.reports()) == 1
    services.fall_back(failed)
    assert (scheduler.name, services.schedulings.reports()) == ("first", [])
    services.fall_back({})
    assert (scheduler.name, len(services.schedulings.reports())) == ("first", 1)  # tried again, in vain
