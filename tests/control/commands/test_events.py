"""`events`: the last ones, and those that come."""

from __future__ import annotations

from typing import Any

import pytest

from control.commands.command import CommandError
from control.commands.events import events
from control.render import render
from director.messages import Actor, Happened
from tests.control.hubs import FakeHub

ME = Actor("eve", "here")


def hub() -> FakeHub:
    found = FakeHub()
    for number in range(3):
        found.chronicle.add(Happened(float(number), "info", "host up", "hub", 1, {"host": f"web/main/h{number}"}))
    return found


def asked(hub: FakeHub, count: str | None, follow: bool = False) -> list[Any]:
    generator = events(hub, {"count": count, "follow": follow}, ME)
    pieces = []
    try:
        for _ in range(2):
            pieces.append(next(generator))
            hub.chronicle.add(Happened(9.0, "info", "host up", "hub", 1, {"by": "check"}))
    except StopIteration as end:
        pieces.append(end.value)
    return [[one["number"] for one in piece["events"]] for piece in pieces]


def test_the_last_ones_come_oldest_first() -> None:
    assert asked(hub(), None) == [[1, 2, 3]]
    assert asked(hub(), "2") == [[2, 3]]
    assert asked(hub(), "0") == [[]]


def test_who_follows_gets_those_that_come_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control.commands.events._SIGN_OF_LIFE", 0.01)
    assert asked(hub(), "1", follow=True) == [[3], [4]]


@pytest.mark.parametrize("count", ["-1", "many", "²", "1.5", "9" * 5000])
def test_a_count_that_is_no_number_is_an_error(count: str) -> None:
    with pytest.raises(CommandError, match="give a number, such as"):
        asked(hub(), count)


def test_a_line_tells_when_what_and_why() -> None:
    document = {"old": "up", "new": "down", "by": "check", "reason": "refused", "event": "host down"}
    line = render("events", {"events": [{"time": 1.25, "subject": "web/main/a", "process": "hub", **document}]})
    assert line.endswith("01.250 web/main/a up -> down by check (refused) [host down, hub]")
