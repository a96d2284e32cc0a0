"""Totals: adding, rows, and what histograms say."""

from __future__ import annotations

from math import ceil

from hypothesis import given, strategies

from director.messages import Fault
from director.tally import (
    BOUNDS_MS,
    HostTallies,
    HostTally,
    ServiceTally,
    bucket,
    empty_histogram,
    joined,
    quantile_ms,
    quantiles_ms,
)

NUMBERS = strategies.integers(0, 10**9)
ROWS = strategies.builds(
    lambda total, faults, connect, failed: HostTally(total=total, faults=faults, connect=connect, failed=failed),
    NUMBERS,
    strategies.lists(NUMBERS, min_size=len(Fault), max_size=len(Fault)),
    strategies.lists(NUMBERS, min_size=len(BOUNDS_MS) + 1, max_size=len(BOUNDS_MS) + 1),
    strategies.dictionaries(strategies.sampled_from(["SC", "SD", "CD"]), NUMBERS),
)


@given(ROWS, ROWS)
def test_adding_is_the_sum_of_every_number(one: HostTally, two: HostTally) -> None:
    both = HostTally.from_row(one.row())
    both.add(two)
    assert both.total == one.total + two.total
    assert both.faults == [a + b for a, b in zip(one.faults, two.faults, strict=True)]
    for end in ("SC", "SD", "CD"):
        assert both.failed.get(end, 0) == one.failed.get(end, 0) + two.failed.get(end, 0)
    assert HostTally.from_row(both.row()) == both


def test_a_row_does_not_change_with_the_tally() -> None:
    tally = HostTally()
    row = tally.row()
    tally.fault(Fault.RESET)
    tally.failed["SD"] = 1
    assert row == HostTally().row()


def test_rows_of_other_versions_are_understood() -> None:
    assert ServiceTally.from_row([5]) == ServiceTally(total=5)
    assert ServiceTally.from_row([5, 0, 0, 0, {}, "new"]) == ServiceTally(total=5)


def test_spans_find_their_bucket() -> None:
    assert bucket(0.0) == 0
    assert bucket(0.001) == BOUNDS_MS.index(1)
    assert bucket(99.0) == len(BOUNDS_MS)


def test_quantiles_lie_in_the_bucket_they_fall_into() -> None:
    assert quantile_ms([0] * 17, 0.5) == 0.0
    counts = [0] * (len(BOUNDS_MS) + 1)
    counts[bucket(0.0008)] = 99
    counts[bucket(0.2)] = 1
    assert 0.5 <= quantile_ms(counts, 0.5) <= 1
    assert 100 <= quantile_ms(counts, 0.999) <= 250


@given(
    strategies.lists(strategies.integers(0, 9), min_size=len(BOUNDS_MS) + 1, max_size=len(BOUNDS_MS) + 1),
    strategies.lists(strategies.floats(0, 1), max_size=3),
)
def test_a_quantile_is_in_the_bucket_of_the_one_that_has_so_many_below_it(
    counts: list[int], quantiles: list[float]
) -> None:
    each = [place for place, count in enumerate(counts) for _ in range(count)]
    edges = [0.0, *BOUNDS_MS, BOUNDS_MS[-1]]
    for quantile, found in zip(quantiles, quantiles_ms(counts, quantiles), strict=True):
        if not each:
            assert found == 0.0
            continue
        place = each[max(0, ceil(quantile * len(each)) - 1)]
        assert edges[place] <= found <= edges[place + 1]


def test_hosts_that_nobody_asked_for_are_kept_and_not_looked_at() -> None:
    tallies = HostTallies()
    tallies[3].total += 1
    assert set(tallies.take()) == {3}
    assert tallies.take() == {}
    tallies[3].total += 1
    assert {number: tally.total for number, tally in tallies.take().items()} == {3: 2}
    assert tallies.kept[3].total == 2


def test_histograms_join_count_by_count_and_none_at_all_are_an_empty_one() -> None:
    one, other = (list(range(start, start + len(BOUNDS_MS) + 1)) for start in (0, 7))
    assert joined([one, other]) == [first + second for first, second in zip(one, other, strict=True)]
    assert joined(()) == empty_histogram()
