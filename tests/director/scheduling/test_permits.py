"""A worker's permits: what a config limits, what a worker may use of it, and what it tells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from director.config.model import Config, Endpoint, Group, Host, Service
from director.scheduling.permits import DIRECTOR, Permits, changed_limits, limits, queue_of

HOST = Host(name="one", ip=Endpoint("10.0.0.1", 80), number=3)
GROUP = Group(name="main", number=2, hosts=(HOST,))
SERVICE = Service(name="web", number=1, queue=9, groups=(GROUP,))
PLAIN = Config(services=(SERVICE,))


def with_limit(where: str) -> Config:
    """PLAIN, with a maxconn of 5 there."""
    if where == "director":
        return replace(PLAIN, maxconn=5)
    if where == "service":
        return Config(services=(replace(SERVICE, maxconn=5),))
    if where == "group":
        return Config(services=(replace(SERVICE, groups=(replace(GROUP, maxconn=5),)),))
    return Config(services=(replace(SERVICE, groups=(replace(GROUP, hosts=(replace(HOST, maxconn=5),)),)),))


@pytest.mark.parametrize(("where", "number"), [("director", DIRECTOR), ("service", 1), ("group", 2), ("host", 3)])
def test_where_anything_is_limited_the_queue_is_too(where: str, number: int) -> None:
    assert limits(with_limit(where)) == {number: 5, queue_of(1): 9}


def test_without_a_maxconn_nobody_queues() -> None:
    assert limits(PLAIN) == {}


CONFIGS = (PLAIN, *(with_limit(where) for where in ("director", "service", "group", "host")))


@pytest.mark.parametrize("before", CONFIGS)
@pytest.mark.parametrize("after", CONFIGS)
def test_a_change_of_the_config_leads_from_its_limits_to_the_next_ones(before: Config, after: Config) -> None:
    gone, came = changed_limits(before, after)
    kept = {number: limit for number, limit in limits(before).items() if number not in gone}
    assert kept | came == limits(after)


def permits(*allotments: int) -> Permits:
    """With limits 1, 2, ... of which it may use so many each."""
    made = Permits()
    made.configure(range(1, len(allotments) + 1), lambda number: 0)
    made.granted({number: (allotted, 1) for number, allotted in enumerate(allotments, 1)})
    made.rows(whole=True)
    return made


def test_what_is_used_of_a_new_limit_is_told_at_once() -> None:
    ours = permits(2)
    assert not ours.has_news
    ours.configure([1, 2], lambda number: 7)
    assert ours.has_news
    assert ours.rows(whole=False) == {2: (0, 7, 0)}
    assert not ours.has_news


def test_there_is_room_only_within_every_limit() -> None:
    ours = permits(2, 1)
    ours.take(1, 2)
    assert ours.room(1)
    assert not ours.room(1, 2)
    ours.give(1, 2)
    assert ours.room(1, 2)


def test_what_is_not_limited_always_has_room() -> None:
    assert permits().room(1, 2, DIRECTOR)


def test_a_word_of_the_hub_that_comes_late_changes_nothing() -> None:
    ours = permits(5)
    assert ours.granted({1: (3, 7)}) == [1]
    assert ours.granted({1: (9, 6)}) == []
    assert ours.limits[1].allotted == 3


def test_a_limit_that_stays_keeps_what_is_used_of_it_and_a_new_one_counts_what_there_is() -> None:
    ours = permits(5)
    ours.take(1)
    ours.configure([1, 2], {2: 4}.__getitem__)
    assert {number: limit.used for number, limit in ours.limits.items()} == {1: 1, 2: 4}


def test_who_waits_is_told_of_until_nobody_does() -> None:
    ours = permits(1)
    ours.want({1: 3})
    assert ours.rows(whole=False) == {1: (1, 0, 3)}
    assert ours.rows(whole=False) == {}
    ours.want({})
    assert ours.rows(whole=False) == {1: (1, 0, 0)}


def test_who_waits_for_a_place_says_so_again_and_again_since_each_row_is_answered() -> None:
    ours = Permits()
    ours.configure([queue_of(1), 1], lambda number: 0)
    for _ in range(2):
        ours.want({queue_of(1): 3, 1: 3})
        assert ours.rows(whole=False)[queue_of(1)] == (0, 0, 3)
    assert 1 not in ours.rows(whole=False)
