"""The last hour, step by step."""

from __future__ import annotations

import msgpack
from hypothesis import given, strategies

from control.history import ALL, BYTES_IN, CONNECT_P50, CONNECTIONS, KEPT, MOST, OPEN, STEP, Count, History
from director.tally import BOUNDS_MS, bucket

WEB = 7


def count(total: int = 0, open_: int = 0, bytes_in: int = 0, connects: tuple[float, ...] = ()) -> Count:
    buckets = [0] * (len(BOUNDS_MS) + 1)
    for seconds in connects:
        buckets[bucket(seconds)] += 1
    return Count(total, bytes_in, 0, buckets, open_)


def test_rates_are_what_grew_over_the_time_it_took() -> None:
    history = History()
    history.note({WEB: count(100, 1)}, 1000.0)
    history.note({WEB: count(400, 5, 3000, (0.002, 0.002))}, 1015.0)
    points = history.points(WEB, CONNECTIONS)
    assert len(points) == KEPT
    assert points[-2:] == [None, 20.0]
    assert history.points(WEB, OPEN)[-1] == 5
    assert history.points(WEB, BYTES_IN)[-1] == 200.0
    assert 1.0 <= (history.points(WEB, CONNECT_P50)[-1] or 0) <= 2.5
    assert history.points(ALL, CONNECTIONS)[-1] == 20.0


def test_a_missed_step_is_a_gap_and_no_spike() -> None:
    history = History()
    for step, total in ((0, 0), (1, 150), (5, 750)):
        history.note({WEB: count(total)}, 1000.0 + step * STEP)
    assert history.points(WEB, CONNECTIONS)[-5:] == [10.0, None, None, None, 10.0]
    assert history.minutes(WEB, CONNECTIONS)[-1] == 10.0


def test_totals_that_fall_are_no_rate_and_nothing_counted_is_no_time() -> None:
    history = History()
    history.note({WEB: count(900, connects=(1.0,))}, 0.0)
    history.note({WEB: count(10)}, STEP)
    assert history.points(WEB, CONNECTIONS)[-1] == 0.0
    assert history.points(WEB, CONNECT_P50)[-1] is None


def test_an_hour_is_kept_of_what_is_there_and_no_more() -> None:
    history = History()
    for step in range(3 * KEPT):
        history.note({WEB: count(15 * step * step)}, step * STEP)
    points = history.points(WEB, CONNECTIONS)
    assert points == [2.0 * step - 1 for step in range(2 * KEPT, 3 * KEPT)]
    history.note({8: count()}, 3 * KEPT * STEP)
    assert history.points(WEB, CONNECTIONS) == [None] * KEPT
    history.note({number: count() for number in range(1, MOST + 100)}, (3 * KEPT + 1) * STEP)
    assert len(history.dump()["rings"]) == MOST + 1


def test_a_step_is_noted_once() -> None:
    history = History()
    history.note({WEB: count(0)}, 0.0)
    history.note({WEB: count(150)}, STEP)
    history.note({WEB: count(9999)}, STEP + 1)
    assert history.points(WEB, CONNECTIONS)[-1] == 10.0


@given(strategies.lists(strategies.tuples(strategies.integers(1, 300), strategies.integers(0, 9**9)), max_size=20))
def test_a_successor_goes_on_where_the_last_one_stopped(steps: list[tuple[int, int]]) -> None:
    kept, restored, now = History(), History(), 0.0
    for ahead, total in steps:
        now += ahead * STEP
        data = msgpack.packb(restored.dump())
        restored = History()
        restored.restore(msgpack.unpackb(data, strict_map_key=False))
        for one in (kept, restored):
            one.note({WEB: count(total, total % 7)}, now)
    for series in (CONNECTIONS, OPEN):
        assert kept.points(WEB, series) == restored.points(WEB, series)
        assert kept.minutes(ALL, series) == restored.minutes(ALL, series)
