"""Charts as pages show them."""

from __future__ import annotations

from control.history import SERIES
from control.web.pages.charts import CHARTS, per_second


def test_every_series_is_drawn_once() -> None:
    assert sorted(key for chart in CHARTS for _, key in chart.lines) == sorted(SERIES)


def test_rates_are_short() -> None:
    assert [per_second(value) for value in (0.0, 2.5, 123.456, 45678.9)] == ["0/s", "2.5/s", "123/s", "45\u202f679/s"]
