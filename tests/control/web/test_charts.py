"""Charts as SVG."""

from __future__ import annotations

import math
from xml.etree import ElementTree

from hypothesis import given, strategies

from control.web.charts import Chart, large, nice, small

RATE = Chart("Rate", (("in <x>", "a"), ("out", "b")), lambda value: f'{value:g}"<')
points = strategies.lists(strategies.none() | strategies.floats(0, 1e12), max_size=240)


@given(points, points)
def test_a_chart_is_well_formed_and_stays_in_its_frame(a: list[float | None], b: list[float | None]) -> None:
    root = ElementTree.fromstring(large(RATE, {"a": a, "b": b}))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for path in root.iter("path"):
        if path.attrib["class"] != "grid":
            for word in path.attrib["d"].replace("h0", "").replace("L", "M").split("M")[1:]:
                x, y = map(float, word.split())
                assert 0 <= x <= width and 0 <= y <= height
    assert "style" not in {name for element in root.iter() for name in element.attrib}


@given(strategies.floats(0, 1e15))
def test_lines_across_are_round_few_and_reach_the_top(most: float) -> None:
    ticks = nice(most)
    assert ticks[0] == 0 and ticks[-1] >= most * (1 - 1e-6)
    assert 2 <= len(ticks) <= 7
    step = ticks[1]
    assert f"{step / 10 ** math.floor(math.log10(step) + 1e-9):.6g}" in ("1", "2", "5", "10")


def test_it_says_in_words_what_it_shows() -> None:
    root = ElementTree.fromstring(large(RATE, {"a": [1.0, 2.0], "b": [None, None]}))
    assert root.attrib["aria-label"] == 'Rate, last hour. Now: in <x> 2"<, out not known'
    assert "at the most" in ElementTree.fromstring(small("n", [1.0, None], str)).attrib["aria-label"]


def test_a_line_is_broken_where_nothing_is_known() -> None:
    _, line = ElementTree.fromstring(small("n", [1.0, None, 3.0, 4.0], str)).iter("path")
    assert line.attrib["d"].count("M") == 2
