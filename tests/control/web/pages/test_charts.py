"""Charts alone, for a page that keeps them fresh."""

from __future__ import annotations

from werkzeug.test import Client

from control.history import SERIES
from control.web.pages.charts import CHARTS, per_second
from tests.control.web.visiting import log_in


def test_every_series_is_drawn_once() -> None:
    assert sorted(key for chart in CHARTS for _, key in chart.lines) == sorted(SERIES)


def test_charts_come_without_the_page_around_them(client: Client) -> None:
    log_in(client)
    text = client.get("/charts?service=web").text
    assert text.count("<svg") == len(CHARTS) and "<html" not in text


def test_rates_are_short() -> None:
    assert [per_second(value) for value in (0.0, 2.5, 123.456, 45678.9)] == ["0/s", "2.5/s", "123/s", "45\u202f679/s"]
