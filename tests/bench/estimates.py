"""What many samples say: medians, percentiles, and ratios with their interval.

Samples of two peers are paired by round, because what else the machine does
drifts over minutes and hits neighbours in time alike. The interval of a
median is taken from order statistics: it needs no idea of the distribution,
and with seven rounds it is simply from the lowest to the highest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A median, and the bounds that hold it with probability `confidence` (0 to 1)."""

    median: float
    low: float
    high: float
    confidence: float


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two middle ones; `values` must not be empty."""
    ranked = sorted(values)
    middle = len(ranked) // 2
    return ranked[middle] if len(ranked) % 2 else (ranked[middle - 1] + ranked[middle]) / 2


def percentile(values: Sequence[float], percent: float) -> float:
    """The lowest value that at least `percent` % of `values` do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)]


def median_interval(values: Sequence[float]) -> Interval:
    """The narrowest pair of order statistics that covers the median with CONFIDENCE.

    Fewer than six values can't reach it: then from lowest to highest, and the
    confidence is what that is worth.
    """
    ranked = sorted(values)
    cut = 0
    while cut + 1 < len(ranked) / 2 and _coverage(len(ranked), cut + 1) >= CONFIDENCE:
        cut += 1
    return Interval(median(ranked), ranked[cut], ranked[-1 - cut], _coverage(len(ranked), cut))


def paired_ratio(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Interval | None:
    """Interval of the ratio ours : theirs over the rounds (keys) that both took part in; None without any."""
    ratios = [ours[number] / theirs[number] for number in sorted(ours.keys() & theirs.keys()) if theirs[number]]
    return median_interval(ratios) if ratios else None


def spread(values: Sequence[float]) -> float:
    """Half the distance between the quartiles: how far a typical sample is from the median."""
    return (percentile(values, 75) - percentile(values, 25)) / 2


def _coverage(size: int, cut: int) -> float:
    """How likely the median is between the order statistics left when `cut` are dropped at each end."""
    outside: float = sum(math.comb(size, drawn) for drawn in range(cut + 1)) / 2**size
    return max(0.0, 1 - 2 * outside)
