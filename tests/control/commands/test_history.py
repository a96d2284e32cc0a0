"""The command about the last hour."""

from __future__ import annotations

import pytest

from control.history import CONNECTIONS, OPEN, SERIES, STEP, Count
from control.render import render
from director.config.model import Config, Service
from director.errors import UsageError
from director.messages import Running
from tests.control.commands.running import run
from tests.control.hubs import FakeHub


@pytest.fixture
def hub() -> FakeHub:
    hub = FakeHub()
    hub.running = Running(1, Config(services=(Service(name="web", number=2), Service(name="new", number=9))))
    for step in range(9):
        hub.history.note({2: Count(total=300 * step, open=step)}, step * STEP)
    return hub


def test_a_service_has_all_series_in_small_steps(hub: FakeHub) -> None:
    result = run(hub, "history", service="web")
    assert (result["service"], result["step_seconds"]) == ("web", STEP)
    assert set(result["series"]) == set(SERIES)
    assert result["series"][CONNECTIONS][-2:] == [20.0, 20.0]
    assert run(hub, "history", service="new")["series"][OPEN][-1] is None


def test_all_together_come_by_the_minute_each_with_its_connections(hub: FakeHub) -> None:
    result = run(hub, "history")
    assert result["step_seconds"] == 60
    assert result["series"][OPEN][-1] == 6.5
    assert result["services"]["web"][-1] == 20.0
    assert set(result["services"]["new"]) == {None}


def test_an_unknown_service_is_told(hub: FakeHub) -> None:
    with pytest.raises(UsageError, match="unknown service"):
        run(hub, "history", service="wbe")


def test_as_text_it_is_a_line_a_minute(hub: FakeHub) -> None:
    lines = render("history", run(hub, "history", service="web")).splitlines()
    assert lines[0].split() == ["AGO", "CONN/S", "OPEN", "CONNECT_MS", "P99", "IN/S", "OUT/S"]
    assert [line.split()[:3] for line in lines[1:]] == [["1m0s", "20.0", "2.5"], ["0s", "20.0", "6.5"]]


def test_a_line_has_all_of_its_minute(hub: FakeHub) -> None:
    hub.history.note({2: Count(total=2400 + 600, open=0)}, 9 * STEP)  # a burst
    for step in range(10, 12):
        hub.history.note({2: Count(total=3000, open=0)}, step * STEP)  # and nothing after it
    lines = render("history", run(hub, "history", service="web")).splitlines()
    assert lines[-1].split()[:3] == ["0s", "15.0", "2.0"]
