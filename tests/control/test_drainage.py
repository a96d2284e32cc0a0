"""Drains in words."""

from __future__ import annotations

from typing import Any

import pytest

from control import drainage
from control.render import render
from tests.control.hubs import host

DRAIN: dict[str, Any] = {
    "what": "web/main/a", "service": "web", "group": "main", "host": "a", "by": "ann", "since": 1e9, "deadline": None,
    "rate": None, "stage": "staying", "open_at_start": 20, "left": 12, "ended": 5, "closed": 3,
}  # fmt: skip
CLOCK = drainage.clock(1e9 + 60)


@pytest.mark.parametrize(
    ("drain", "line", "brief"),
    [
        ({}, "12 of 20 connections left, which go on to their end", "12 left"),
        ({"deadline": 1e9 + 60, "rate": 5.0},
         f"12 of 20 connections left, to be closed from {CLOCK} on, 5 a second", f"12 left, until {CLOCK}"),
        ({"stage": "closing", "open_at_start": 1, "left": 1, "rate": 0.5},
         "1 of 1 connection left, being closed, 0.5 a second", "1 left, closing, 0.5 a second"),
        ({"host": None}, "12 of 20 connections left, which go on to their end", "of web/main/a 12 left"),
        ({"stage": "over"}, "drained, 5 ended by themselves, 3 were closed", "drained"),
    ],
)  # fmt: skip
def test_a_drain_is_told_as_far_as_it_has_got(drain: dict[str, Any], line: str, brief: str) -> None:
    one = {**DRAIN, **drain}
    assert drainage.line(one) == f"web/main/a: {line}"
    assert drainage.brief(one) == brief


def test_the_end_tells_what_became_of_all() -> None:
    assert drainage.summary(DRAIN) == "web/main/a is drained: 5 ended by themselves, 3 were closed"


def test_tables_of_hosts_tell_it_among_the_reasons() -> None:
    entry = host("a", "drain", reason="new disk", drain=DRAIN)
    text = render("hosts", {"hosts": [{"service": "web", "group": "main", "enabled": True, **entry}]})
    assert "new disk; 12 left" in text
