"""Commands about the log."""

from __future__ import annotations

import pytest

from control.commands.command import CommandError, ErrorKind, find
from control.commands.table import COMMANDS
from director import logs
from director.messages import LogLevel, LogReopen
from tests.control.commands.running import run
from tests.control.hubs import FakeHub


def test_a_level_is_set_by_the_master_for_all_or_for_a_subsystem() -> None:
    hub = FakeHub()
    run(hub, "log-level", level="debug")
    run(hub, "log-level", level="error", subsystem="host")
    run(hub, "log-reopen")
    assert [order for order, _, _ in hub.asked] == [LogLevel("debug"), LogLevel("error", "host"), LogReopen()]


def test_without_a_level_it_tells_what_is_so() -> None:
    hub = FakeHub()
    assert run(hub, "log-level")["levels"] == logs.levels()
    assert hub.asked == []


@pytest.mark.parametrize(
    ("args", "kind", "words"),
    [
        ({"level": "inf"}, ErrorKind.USAGE, "did you mean 'info'"),
        ({"level": "debug", "subsystem": "hots"}, ErrorKind.UNKNOWN, "did you mean 'host'"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(args: dict[str, str], kind: ErrorKind, words: str) -> None:
    with pytest.raises(CommandError, match=words) as caught:
        run(FakeHub(), "log-level", **args)
    assert caught.value.kind is kind


def test_levels_are_completed_that_there_are() -> None:
    assert find("log-level", COMMANDS).arguments[0].choices == logs.LEVELS
