"""What `top` shows, and what its keys do."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.topview import Mode, Top
from tests.control.hubs import stats


def later(seconds: float = 2.0, connections: int = 10) -> dict[str, Any]:
    """The same director a moment later, with so many more connections to each host."""
    now = copy.deepcopy(stats())
    now["time"] += seconds
    for service in now["services"]:
        service["total"] += connections
        for group in service["groups"]:
            for host in group["hosts"]:
                host["total"] += connections
                host["bytes_out"] += 2048 * seconds
                host["faults"]["reset"] += 1
    return now


def top() -> Top:
    found = Top()
    found.look(stats())
    found.look(later())
    return found


def text(top: Top, width: int = 80, height: int = 24) -> list[str]:
    return ["".join(part for part, _ in line).rstrip() for line in top.frame(width, height)]


def test_rates_are_what_changed_between_two_looks() -> None:
    rows = {row["name"]: row for row in top().shown()}
    assert rows["web/main/a"]["rate"] == 5.0
    assert rows["web/main/a"]["out_rate"] == 2048.0
    assert rows["web/main/a"]["fault_rate"] == 0.5
    page = text(top())
    assert page[0].startswith("director 9.9  pid 100")
    assert any(line.startswith("web/main/b") and "down" in line for line in page)
    assert "faults 2.0/s" in page[1]
    assert page[2].startswith("hosts 2 of 4 up  workers 2 of 2 serving")


def test_totals_that_are_less_are_no_rate() -> None:
    found = Top()
    found.look(later())
    found.look(later(4.0, 0))
    assert all(row["rate"] == 0 for row in found.shown())


@given(
    st.integers(1, 200), st.integers(1, 60), st.lists(st.sampled_from(["tab", "s", "S", "down", "end", "?", "/", "d"]))
)
def test_a_picture_fits_any_terminal(width: int, height: int, keys: list[str]) -> None:
    shown = top()
    for key in keys:
        shown.press(key)
    lines = text(shown, width, height)
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)


def test_tab_goes_through_the_views_and_sorting_through_the_columns() -> None:
    shown = top()
    assert [row["host"] for row in shown.shown()] == ["one", "a", "b", "n"]
    shown.press("S")
    assert shown.shown()[0]["name"] == "web/next/n"
    shown.press("S")
    shown.press("s")
    assert [row["state"] for row in shown.shown()] == ["down", "maint", "up", "up"]
    shown.press("tab")
    assert {row["name"] for row in shown.shown()} == {"web", "db"}
    shown.press("tab")
    assert [row["name"] for row in shown.shown()] == ["worker 0", "worker 1"]
    assert any("GENERATION" in line for line in text(shown))


def test_a_filter_shows_only_what_has_its_text() -> None:
    shown = top()
    for key in ("/", "d", "q", "backspace", "b", "enter"):
        assert not shown.leaves or key == "/"
        shown.press(key)
    assert [row["name"] for row in shown.shown()] == ["db/main/one"]
    assert "only 'db'" in text(shown)[-1]
    shown.press("/")
    shown.press("escape")
    assert len(shown.shown()) == 4


def test_a_host_goes_down_only_when_it_is_confirmed() -> None:
    shown = top()
    shown.press("down")
    assert shown.press("d") is None
    assert text(shown)[-1].startswith("host-down web main a? ")
    assert not shown.leaves
    assert shown.press("n") is None
    assert text(shown)[-1] == "nothing was done"
    shown.press("u")
    asked = shown.press("y")
    assert asked is not None and asked.sentence == "host-up web main a"
    assert shown.mode is Mode.BROWSE
    assert shown.asked is None


def test_only_hosts_go_down() -> None:
    shown = top()
    shown.press("tab")
    assert shown.press("d") is None
    assert text(shown)[-1] == "choose a host first: tab shows them"


def test_a_held_picture_does_not_change() -> None:
    shown = top()
    shown.press(" ")
    shown.look(later(4.0, 500))
    assert shown.now == later()
    assert "held" in text(shown)[0]


@pytest.mark.parametrize(("key", "cursor"), [("up", 0), ("end", 3), ("pagedown", 3), ("j", 1), ("home", 0)])
def test_the_cursor_stays_on_the_lines(key: str, cursor: int) -> None:
    shown = top()
    shown.press(key)
    assert shown.cursor == cursor
