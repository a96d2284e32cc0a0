"""`sessions` and `session-close`."""

from __future__ import annotations

from typing import Any

import pytest

from control.commands.command import CommandError, ErrorKind, find
from control.commands.table import COMMANDS
from control.render import render
from control.roster import Name
from director.messages import Running
from tests.control.commands.running import run
from tests.control.commands.test_insight import CONFIG, SESSION
from tests.control.hubs import FakeHub

MORE = {"idle_seconds": 0.0, "rate_in": 0, "rate_out": 0, "worker": 2, "generation": "g1"}


@pytest.fixture
def hub() -> FakeHub:
    hub = FakeHub()
    hub.running = Running(1, CONFIG)
    hub.roster.sessions = [
        {**SESSION, **MORE},
        {**SESSION, **MORE, "session": "0-5", "open_seconds": 9.0, "rate_out": 100},
        {**SESSION, **MORE, "session": "1-6", "bytes_in": 50, "idle_seconds": 2.5},
    ]
    return hub


def test_sessions_come_in_the_order_asked_for(hub: FakeHub) -> None:
    def names(**args: str) -> list[str]:
        return [one["session"] for one in run(hub, "sessions", **args)["sessions"]]

    assert names() == names(sort="age") == ["0-5", "2-17", "1-6"]
    assert names(sort="rate")[0] == "0-5"
    assert names(sort="bytes")[0] == names(sort="idle")[0] == "1-6"
    assert names(limit="1") == ["0-5"]
    assert "1 of 3 sessions" in render("sessions", run(hub, "sessions", limit="1"))


def test_workers_are_asked_for_just_what_is_wanted(hub: FakeHub) -> None:
    filters = {"service": "web", "host": "b", "client": "10.0.0.7/24", "older": "90s", "bytes": "10M", "worker": "1"}
    run(hub, "sessions", **filters)
    assert hub.roster.asked == [
        {"service": "web", "group": "", "host": "b", "generation": "", "client": "10.0.0.0/24", "older": 90.0,
         "idle": 0.0, "bytes": 10 << 20, "worker": 1},
    ]  # fmt: skip
    hub.roster.whole = False
    assert "a worker does not answer" in run(hub, "sessions")["warnings"][0]


@pytest.mark.parametrize(
    "args",
    [{"older": "long"}, {"client": "example.com"}, {"bytes": "many"}, {"worker": "x"}, {"limit": "-1"}, {"idle": "-1"}],
)
def test_what_makes_no_sense_is_refused(hub: FakeHub, args: dict[str, str]) -> None:
    with pytest.raises(CommandError) as caught:
        run(hub, "sessions", **args)
    assert caught.value.kind is ErrorKind.REFUSED


@pytest.mark.parametrize("name", ["sessions", "session-close"])
def test_what_is_not_there_is_told_unless_it_has_connections_left(hub: FakeHub, name: str) -> None:
    gone = {"service": "wep", "group": "mian", "host": "bb"}
    for noun in gone:
        run(hub, name, **{noun: gone[noun]})
    hub.roster.sessions = []
    for noun, near in (("service", "web"), ("group", "main"), ("host", "b")):
        with pytest.raises(CommandError, match=f"unknown {noun} '{gone[noun]}'.*'{near}'") as caught:
            run(hub, name, **{noun: gone[noun]})
        assert caught.value.kind is ErrorKind.UNKNOWN
        assert run(hub, name, **{noun: near})


def closed(hub: FakeHub, **args: Any) -> Any:
    return run(hub, "session-close", **args)


def test_sessions_are_closed_by_their_ids_or_by_what_fits(hub: FakeHub) -> None:
    assert closed(hub, session="2-17,9-9") == {"lines": ["1 session closed"], "closed": 1, "missing": 1}
    assert hub.roster.closed == [Name(2, 17)]
    assert closed(hub, host="b", **{"dry-run": True})["lines"] == ["3 sessions would be closed"]
    assert len(hub.roster.closed) == 1
    assert closed(hub, host="b")["lines"] == ["3 sessions closed"]


def test_closing_nothing_in_particular_or_what_is_over_is_refused(hub: FakeHub) -> None:
    for args in ({}, {"session": "2-17", "host": "b"}):
        with pytest.raises(CommandError) as caught:
            closed(hub, **args)
        assert caught.value.kind is ErrorKind.USAGE
        assert ("not both" in str(caught.value)) == (len(args) == 2)
    with pytest.raises(CommandError, match="an ID looks like 0-4711") as caught:
        closed(hub, session="x")
    assert caught.value.kind is ErrorKind.UNKNOWN
    with pytest.raises(CommandError, match="it is over, or never was") as caught:
        closed(hub, session="9-9")
    assert caught.value.kind is ErrorKind.UNKNOWN
    hub.roster.sessions = []
    assert closed(hub, host="b")["lines"] == ["0 sessions closed"]


def test_a_reason_is_promised_to_the_log_and_not_to_the_journal_of_changes() -> None:
    (reason,) = (one.help for one in find("session-close", COMMANDS).options if one.name == "reason")
    assert "log" in reason and "journal" not in reason
