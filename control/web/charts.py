"""Charts as SVG, drawn here: no script, no style of their own, nothing that a strict policy forbids.

Colours come from the stylesheet, by class. A line is broken where nothing is
known. Each chart says in words what it shows, for those who don't see it. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

Points = Sequence[float | None]  # the oldest first
Write = Callable[[float], str]

_WIDTH, _HEIGHT = 560, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 8, 10, 24  # what axes take
_STEPS = 3  # lines across, at the least
_SMALL = (160, 36)


@dataclass(frozen=True)
class Chart:
    """What one chart shows. `lines`: the name and the key of each; `write`: a value with its unit."""

    title: str
    lines: tuple[tuple[str, str], ...]
    write: Write


def nice(most: float, steps: int = _STEPS) -> list[float]:
    """Round values from 0 to `most` and beyond, for lines across."""
    if most < 1e-9:
        return [0.0, 1.0]
    magnitude = 10 ** math.floor(math.log10(most / steps))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if most / (factor * magnitude) <= steps + 1)
    return [step * index for index in range(math.ceil(most / step - 1e-9) + 1)]


def large(chart: Chart, series: Mapping[str, Points], minutes: int = 60) -> Markup:
    """A chart with axes, and a legend if it has several lines."""
    ticks = nice(max((value for _, key in chart.lines for value in series[key] if value is not None), default=0.0))
    area = (_LEFT, _TOP, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM)
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            _WIDTH, _HEIGHT, _told(chart, series)
        ),
        *_across(ticks, chart.write, area),
        *_moments(minutes, area),
    ]
    for index, (_, key) in enumerate(chart.lines):
        parts.append(_line(series[key], ticks[-1], area, f"line line-{index}"))
    return Markup("").join([*parts, Markup("</svg>")])


def small(name: str, points: Points, write: Write) -> Markup:
    """A line without axes, for a glance."""
    most = max((value for value in points if value is not None), default=0.0)
    width, height = _SMALL
    label = f"{name}: {_last(points, write)}, {write(most)} at the most in the last hour"
    opening = '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
    head = Markup(opening).format(width, height, label)
    area = (1, 2, width - 1, height - 2)
    ground = Markup('<path class="grid" d="M1 {}H{}"/>').format(height - 2, width - 1)
    return Markup("").join((head, ground, _line(points, most or 1.0, area, "line line-0"), Markup("</svg>")))


def _told(chart: Chart, series: Mapping[str, Points]) -> str:
    """A chart in words."""
    return f"{chart.title}, last hour. Now: " + ", ".join(
        f"{name} {_last(series[key], chart.write)}" if len(chart.lines) > 1 else _last(series[key], chart.write)
        for name, key in chart.lines
    )


def _last(points: Points, write: Write) -> str:
    return "not known" if not points or points[-1] is None else write(points[-1])


Area = tuple[float, float, float, float]  # left, top, right, bottom


def _across(ticks: Sequence[float], write: Write, area: Area) -> Iterator[Markup]:
    left, top, right, bottom = area
    for tick in ticks:
        y = bottom - (bottom - top) * tick / ticks[-1]
        yield Markup('<path class="grid" d="M{} {:.1f}H{}"/>').format(left, y, right)
        yield Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(left - 6, y + 4, write(tick))


def _moments(minutes: int, area: Area) -> Iterator[Markup]:
    left, _, right, bottom = area
    for part in range(4):
        ago = minutes - minutes * part // 3
        x = left + (right - left) * part / 3
        anchor = ("start", "middle", "middle", "end")[part]
        word = f"{ago} min ago" if ago else "now"
        yield Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(x, bottom + 17, anchor, word)


def _line(points: Points, most: float, area: Area, kind: str) -> Markup:
    """A path; one point alone is a dot."""
    left, top, right, bottom = area
    across = (right - left) / max(1, len(points) - 1)
    words: list[str] = []
    before = None
    for index, value in enumerate(points):
        if value is not None:
            spot = f"{left + across * index:.1f} {bottom - (bottom - top) * value / most:.1f}"
            words.append(f"L{spot}" if before is not None else f"M{spot}h0")
        before = value
    return Markup('<path class="{}" d="{}"/>').format(kind, escape("".join(words)))
