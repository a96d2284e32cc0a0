"""Totals never fall, whoever dies and in whatever order things are heard."""

from __future__ import annotations

import msgpack
from hypothesis import given, strategies

from control.totals import Totals
from director.config.model import Config, Endpoint, Group, Host, Service
from director.messages import Load, Running, Slot, Tally
from director.scheduling.permits import DIRECTOR
from director.tally import HostTally, ServiceTally
from tests.director.config.configs import histories


def tally(incarnation: int, count: int) -> Tally:
    return Tally(
        Slot(incarnation % 4),
        incarnation,
        True,
        {7: HostTally(total=count, bytes_in=10 * count).row()},
        {1: ServiceTally(total=count).row()},
        {"open": 1.0},
    )


def load(incarnation: int, row: dict[int, int], whole: bool = False) -> Load:
    return Load(Slot(incarnation % 4), incarnation, 1, whole, row)


EVENTS = strategies.lists(
    strategies.tuples(strategies.sampled_from(["count", "repeat", "bury", "hub dies"]), strategies.integers(0, 5)),
    max_size=40,
)


@given(EVENTS)
def test_totals_never_fall_and_are_the_sum_of_all_that_was_told(events: list[tuple[str, int]]) -> None:
    totals = Totals()
    counts: dict[int, int] = {}
    dead: set[int] = set()
    seen = 0
    for event, who in events:
        if event == "count" and who not in dead:
            counts[who] = counts.get(who, 0) + 1
            totals.tally(tally(who, counts[who]), 0.0)
        elif event == "repeat" and who in counts:
            totals.tally(tally(who, counts[who]), 0.0)  # late, or twice: of the dead, too
        elif event == "bury":
            totals.bury(who)
            dead.add(who)
        elif event == "hub dies":
            value = msgpack.unpackb(msgpack.packb(totals.dump()), strict_map_key=False)
            totals = Totals()
            totals.restore(value)
        now = totals.host(7).total
        assert now >= seen
        assert now == sum(counts.values()) == totals.service(1).total == totals.everything()["total"]
        assert totals.host(7).bytes_in == 10 * now
        seen = now


ROWS = strategies.dictionaries(strategies.integers(1, 3), strategies.integers(0, 5))


@given(strategies.lists(strategies.tuples(strategies.integers(0, 3), ROWS, strategies.booleans())))
def test_open_connections_are_the_sum_of_the_rows(loads: list[tuple[int, dict[int, int], bool]]) -> None:
    totals = Totals()
    rows: dict[int, dict[int, int]] = {}
    for who, row, whole in loads:
        rows[who] = dict(row) if whole else rows.get(who, {}) | row
        totals.load(load(who, row, whole), 0.0, 5.0)
        for number in (1, 2, 3):
            opened = sum(one.get(number, 0) for one in rows.values())
            assert totals.open.get(number, 0) == opened
            assert totals.peaks.get(number, [0])[0] >= opened
    for who in list(rows):
        totals.bury(who)
    assert not any(totals.open.values())


def test_who_has_connections_of_a_host_is_known() -> None:
    totals = Totals()
    totals.load(Load(Slot(0), 1, 1, False, {7: 2, 8: 0}), 1.0, 1.0)
    totals.load(Load(Slot(1), 2, 1, False, {8: 1}), 1.0, 1.0)
    assert [totals.holders(hosts) for hosts in ((7,), (8,), (7, 8), (9,))] == [{1}, {2}, {1, 2}, set()]


def test_groups_services_and_the_director_have_peaks_of_their_own() -> None:
    totals = Totals()
    hosts = [Host(name=name, ip=Endpoint("h", 1), number=number) for name, number in (("a", 3), ("b", 4))]
    groups = tuple(Group(name=host.name, hosts=(host,), number=10 + host.number) for host in hosts)
    totals.own(Config(services=(Service(name="web", groups=groups, number=1),)))
    totals.load(load(1, {3: 5}), 0.0, 5.0)
    totals.load(load(2, {4: 2}), 0.0, 6.0)
    totals.load(load(1, {3: 1}), 0.0, 7.0)
    totals.load(load(2, {4: 6, 99: 9}), 0.0, 8.0)  # one that is no longer in the config counts for the director
    assert {number: totals.open[number] for number in (13, 14, 1, DIRECTOR)} == {13: 1, 14: 6, 1: 7, DIRECTOR: 16}
    peaks = {number: tuple(totals.peaks[number]) for number in (13, 14, 1, DIRECTOR)}
    assert peaks == {13: (5, 5.0), 14: (6, 8.0), 1: (7, 6.0), DIRECTOR: (16, 8.0)}
    totals.own(Config())
    assert totals.open[DIRECTOR] == 16


def test_only_what_changed_is_passed_on() -> None:
    totals = Totals()
    assert totals.load(load(1, {1: 2, 2: 3}), 0.0, 0.0) == {1: 2, 2: 3}
    assert totals.load(load(1, {1: 2, 2: 4}), 0.0, 0.0) == {2: 4}
    assert totals.load(load(1, {2: 4}, whole=True), 0.0, 0.0) == {1: 0}


def test_the_dead_are_not_heard() -> None:
    totals = Totals()
    totals.bury(1)
    assert totals.load(load(1, {1: 2}), 0.0, 0.0) == {}
    assert totals.row(1, 1) is None


def test_the_dead_leave_a_row_that_says_what_all_others_must_forget() -> None:
    totals = Totals()
    totals.load(load(1, {1: 2, 2: 3}), 0.0, 0.0)
    row = totals.bury(1)
    assert row is not None
    assert row.open == {1: 2, 2: 3}
    assert not any(totals.open.values())


@given(histories())
def test_change_by_change_every_host_is_held_by_its_group_and_service(history: list[Running]) -> None:
    changed, anew = Totals(), Totals()
    for running in history:
        changed.own(running.config)
        for number in changed.owners:
            changed.load(Load(Slot(0), 1, 1, False, {number: 2}), 1.0, 1.0)
    anew.restore(changed.dump())
    anew.own(history[-1].config)
    assert changed.owners == anew.owners
    assert changed.open[DIRECTOR] == anew.open[DIRECTOR]
    for service in history[-1].config.services:
        for number in (service.number, *(group.number for group in service.groups)):
            assert changed.open[number] == anew.open[number]
            assert changed.open[number] == 2 * sum(number in owners for owners in changed.owners.values())


def test_peaks_begin_anew_at_what_is_open() -> None:
    totals = Totals()
    totals.load(Load(Slot(0), 1, 1, True, {7: 5}), 1.0, 1.0)
    totals.load(Load(Slot(0), 1, 2, True, {7: 2}), 2.0, 2.0)
    assert totals.peaks[7][0] == 5
    totals.forget_peaks(3.0)
    assert totals.peaks[7] == [2, 3.0]


def test_services_that_are_gone_count_on_with_all_that_there_are() -> None:
    totals = Totals()
    totals.tally(Tally(Slot(0), 1, False, {}, {1: ServiceTally(total=3, bytes_out=30).row()}, {}), 0.0)
    totals.bury(1)
    totals.tally(Tally(Slot(0), 2, False, {}, {2: ServiceTally(total=2, refused=1, bytes_in=4).row()}, {}), 0.0)
    totals.own(Config())
    assert totals.everything() == {"total": 5, "refused": 1, "bytes_in": 4, "bytes_out": 30}


def test_hosts_that_left_a_group_count_on_for_it_also_after_a_hub_and_an_upgrade() -> None:
    both = group_of(
        Host(name="a", ip=Endpoint("10.0.0.1", 1), number=7), Host(name="b", ip=Endpoint("10.0.0.1", 2), number=8)
    )
    one = group_of(Host(name="b", ip=Endpoint("10.0.0.1", 2), number=8))
    totals = Totals()
    totals.own(both)
    totals.tally(tally(1, 5), 0.0)
    assert totals.former(2) == []
    totals.own(one)
    assert [former.total for former in totals.former(2)] == [5]
    value = msgpack.unpackb(msgpack.packb(totals.dump()), strict_map_key=False)
    restored, adopted = Totals(), Totals()
    restored.restore(value)
    adopted.own(one)
    adopted.adopt(value, 1, 2)
    assert [former.total for heir in (restored, adopted) for former in heir.former(2)] == [5, 5]
    totals.own(both)
    assert totals.former(2) == []


def group_of(*hosts: Host) -> Config:
    group = Group(name="main", hosts=hosts, number=2)
    return Config(services=(Service(name="web", groups=(group,), enabled="main", number=1),))


def test_rates_are_those_of_a_host_its_group_its_service_and_the_director() -> None:
    totals = Totals()
    hosts = (
        Host(name="a", ip=Endpoint("10.0.0.1", 80), number=3),
        Host(name="b", ip=Endpoint("10.0.0.2", 80), number=4),
    )
    group = Group(name="main", hosts=hosts, number=2)
    totals.own(Config(services=(Service(name="web", groups=(group,), number=1),)))
    for at, count in ((10.0, 0), (12.0, 20)):
        told = {3: HostTally(total=count).row(), 4: HostTally(total=3 * count).row()}
        gauges = {"at": at, "cpu_seconds": at / 4}
        totals.tally(Tally(Slot(0), 1, True, told, {1: ServiceTally(total=5 * count).row()}, gauges), at + 5)
    assert totals.rates.current == {3: 10.0, 4: 30.0, 2: 40.0, 1: 50.0, DIRECTOR: 50.0}
    assert totals.rows[1].busy == 0.25
    totals.forget_peaks(0.0)
    totals.bury(1)
    assert (totals.rates.current, totals.rates.most[2]) == ({}, 40.0)


def test_the_most_that_waited_is_remembered() -> None:
    totals = Totals()
    for incarnation, queued in ((1, {5: 2}), (2, {5: 4}), (1, {}), (2, {})):
        totals.load(Load(Slot(incarnation), incarnation, 1, False, {}, {}, queued), 0.0, 0.0)
    assert totals.queue_peaks == {5: 6}
    after = Totals()
    after.restore(msgpack.unpackb(msgpack.packb(totals.dump()), strict_map_key=False))
    assert after.queue_peaks == {5: 6}
    after.forget_peaks(0.0)
    assert after.queue_peaks == {}
