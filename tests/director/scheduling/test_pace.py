"""The others are told at once while that is little, and after a pause while it is much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.scheduling.pace import LONGEST, PER_PICK, Pace, Rate, shortest

spans = st.floats(0.0001, 10.0)
numbers = st.integers(0, 10_000)


def steady(a_second: float, seconds: float = 3.0) -> Pace:
    """After so many changes a second, each told as soon as it may be."""
    pace, now, counted = Pace(PER_PICK), 0.0, 0.0
    while now < seconds:
        changes = int((now - counted) * a_second)
        counted += changes / a_second
        pace.told(changes, now)
        now += max(pace.wait(now), 1 / a_second)
    return pace


def test_the_first_change_is_told_at_once() -> None:
    assert Pace(PER_PICK).wait(1000.0) == 0.0


def test_in_a_quiet_service_every_change_is_told_as_soon_as_a_row_may_follow_another() -> None:
    pace = steady(500.0)
    assert pace.pause == pace.shortest


def test_the_pause_grows_with_the_rate_and_has_an_end() -> None:
    assert shortest(4) < steady(4000.0).pause < LONGEST
    assert steady(50_000.0).pause == LONGEST


def test_after_a_pause_the_next_change_is_told_at_once() -> None:
    pace = steady(50_000.0)
    assert pace.wait(pace.told_at) == pytest.approx(LONGEST)
    assert pace.wait(pace.told_at + LONGEST / 2) == pytest.approx(LONGEST / 2)
    assert pace.wait(pace.told_at + LONGEST) == pytest.approx(0.0)


def test_a_row_of_many_entries_is_sent_half_as_often() -> None:
    short, long = steady(50_000.0), steady(50_000.0)
    long.told(0, long.told_at, entries=1000)
    short.told(0, short.told_at, entries=1)
    assert short.pause == pytest.approx(LONGEST, rel=0.01)
    assert long.pause == pytest.approx(2 * LONGEST)


def test_many_workers_hear_of_each_other_sooner() -> None:
    pauses = [shortest(workers) for workers in (1, 2, 4, 8, 16, 64)]
    assert pauses == sorted(pauses, reverse=True)
    assert all(0.0 < pause < LONGEST for pause in pauses)


@given(st.lists(st.tuples(spans, numbers), max_size=40), st.integers(1, 64))
def test_no_row_waits_for_longer_than_the_longest_pause(rows: list[tuple[float, int]], workers: int) -> None:
    pace, now = Pace(PER_PICK), 0.0
    pace.shortest = shortest(workers)
    for span, changes in rows:
        now += span
        pace.told(changes, now, entries=changes)
        assert pace.shortest - 1e-9 <= pace.wait(now) <= 2 * LONGEST + 1e-9


@given(st.lists(st.tuples(spans, numbers), min_size=1, max_size=40))
def test_a_rate_is_never_more_than_the_highest_seen(counts: list[tuple[float, int]]) -> None:
    rate, now, highest = Rate(), 0.0, 0.0
    rate.count(0, now)
    for span, number in counts:
        now += span
        highest = max(highest, number / span)
        assert 0.0 <= rate.count(number, now) <= highest * 1.001 + 1e-6
