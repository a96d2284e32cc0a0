"""Draining: stages, the rate, whom to close first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from director.messages import Draining
from director.scheduling.drain import IDLE, Drain, Stage, first, rank

SINCE = 1_700_000_000.0


def drain(at_start: int, within: float | None = None, rate: float | None = None) -> Drain:
    deadline = None if within is None else SINCE + within
    return Drain(Draining(("web", "main", "a"), (7,), "ann", SINCE, deadline, rate), at_start)


def stage_of(drain: Drain) -> Stage:
    return drain.stage  # as a call, since it changes


def run(drain: Drain, seconds: float, tick: float = 0.2, close: bool = True) -> list[tuple[float, int]]:
    """Look every tick; what is to be closed is. When and how many."""
    left, now, closed = drain.progress.left, 0.0, []
    while now <= seconds:
        if count := drain.look(left, SINCE + now, 100.0 + now):
            closed.append((now, count))
            if close:
                left -= count
                drain.closed(count)
        now += tick
    return closed


def test_without_a_deadline_nothing_is_closed_and_it_is_over_when_none_is_left() -> None:
    one = drain(5)
    assert run(one, 1000.0, 10.0) == [] and stage_of(one) is Stage.STAYING
    assert one.look(0, SINCE + 1000, 1100.0) == 0 and stage_of(one) is Stage.STAYING
    one.look(0, SINCE + 1002, 1102.0)
    assert stage_of(one) is Stage.OVER
    assert (one.progress.ended, one.progress.closed) == (5, 0)


def test_one_more_that_came_late_is_noticed() -> None:
    one = drain(1, within=0.0)
    one.look(0, SINCE, 0.0)
    one.look(0, SINCE, 5.0)
    assert stage_of(one) is Stage.OVER
    assert one.look(1, SINCE, 6.0) == 1 and stage_of(one) is Stage.CLOSING


def test_at_the_deadline_all_are_closed_at_once_without_a_rate() -> None:
    one = drain(5, within=10.0)
    ((at, count),) = run(one, 20.0)
    assert 9.99 <= at <= 10.4 and count == 5
    assert stage_of(one) is Stage.OVER and one.progress.closed == 5


@given(
    st.integers(1, 200), st.floats(0.0, 5.0), st.sampled_from([0.5, 1.0, 5.0, 33.0]), st.sampled_from([0.05, 0.2, 3.0])
)
def test_never_more_than_the_rate_and_never_before_the_deadline(
    count: int, within: float, rate: float, tick: float
) -> None:
    one = drain(count, within, rate)
    total = 0
    for at, some in run(one, 40.0, tick):
        total += some
        assert at >= within - 1e-6
        assert total <= rate * (at - within + tick) + 1
    if tick < 1.0:  # with looks so seldom some of the rate is lost, rather than made up for in bursts
        assert total >= min(count, int(rate * (40.0 - within - 4 * tick)) - 1)
    assert one.progress.at_start == count
    assert one.progress.closed + one.progress.left == count


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0.0, 5.0), st.booleans()), max_size=40))
def test_counts_stay_sane_whatever_workers_say(steps: list[tuple[int, float, bool]]) -> None:
    one = drain(3, within=4.0, rate=2.0)
    now = 0.0
    for left, elapsed, close in steps:
        now += elapsed
        count = one.look(left, SINCE + now, now)
        assert 0 <= count <= left
        progress = one.progress
        assert progress.ended >= 0 and progress.left == left and progress.at_start >= left
        assert stage_of(one) is not Stage.OVER or left == 0
        if close:
            one.closed(count)
            assert progress.ended >= 0 and progress.left == left - count


def test_closed_ones_that_workers_have_not_told_yet_are_not_counted_twice() -> None:
    one = drain(10, within=0.0)
    one.closed(one.look(10, SINCE, 0.0))
    one.look(4, SINCE, 0.1)  # so many rows are late
    one.look(0, SINCE, 0.2)
    assert (one.progress.at_start, one.progress.ended, one.progress.closed) == (10, 0, 10)


def test_what_is_empty_from_the_start_or_was_over_before_is_not_closed_again() -> None:
    one = drain(0, within=0.0)
    one.look(0, SINCE + 5, 0.0)
    assert stage_of(one) is Stage.STAYING
    again = Drain(one.order, 10, 10, Stage.OVER)
    again.look(0, SINCE + 5, 0.0)
    assert stage_of(again) is Stage.OVER


def test_a_pause_of_the_hub_is_not_made_up_for_by_a_burst() -> None:
    one = drain(1000, within=0.0, rate=5.0)
    one.look(1000, SINCE, 0.0)
    assert one.look(1000, SINCE + 600, 600.0) == 5


def test_idle_ones_come_first_the_longest_idle_before_all_then_the_oldest() -> None:
    now = 1000.0
    offers = [
        (*rank(now, 100.0, now - 0.1), "old and busy"),
        (*rank(now, 900.0, now - 0.1), "young and busy"),
        (*rank(now, 990.0, now - IDLE), "just idle"),
        (*rank(now, 50.0, now - 60.0), "idle for long"),
    ]
    assert [name for *_, name in first(offers, 3)] == ["idle for long", "just idle", "old and busy"]
    assert first(offers, 0) == []
