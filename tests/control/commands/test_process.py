"""Commands about the daemon as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from control.commands.command import CommandError
from director.errors import Exit
from director.messages import Answer, DirectorMaxconn, Reload, StopDaemon, WorkersSet
from tests.control.commands.running import ask, run
from tests.control.hubs import FakeHub


@pytest.mark.parametrize(
    ("name", "args", "order", "force"),
    [
        ("reload", {}, Reload(), False),
        ("stop", {}, StopDaemon(), False),
        ("maxconn-set", {"maxconn": "500"}, DirectorMaxconn(500), False),
        ("maxconn-set", {"maxconn": "none"}, DirectorMaxconn(None), False),
        ("workers-set", {"count": "3"}, WorkersSet(3), False),
        ("workers-set", {"count": "auto"}, WorkersSet(None), False),
    ],
)
def test_a_change_is_asked_of_the_master(hub: FakeHub, name: str, args: Any, order: Any, force: bool) -> None:
    ask(hub, name, args, order, force)


def test_stop_says_how_many_connections_are_open(hub: FakeHub) -> None:
    assert run(hub, "stop")["open"] == 5


def test_counters_are_cleared_in_part_or_all(hub: FakeHub) -> None:
    assert run(hub, "counters-clear", all=False)["lines"] == ["peaks begin anew"]
    assert len(run(hub, "counters-clear", all=True)["lines"]) == 2
    assert hub.cleared == [False, True]


def test_a_dry_run_tells_what_would_be_and_does_nothing(hub: FakeHub) -> None:
    dry = {"dry-run": True}
    assert run(hub, "counters-clear", all=True, **dry)["lines"][0] == "peaks begin anew"
    assert run(hub, "stop", **dry)["lines"] == ["stop: 5 open connections, for up to 30 s"]
    assert (hub.cleared, hub.asked) == ([], [])
    step = {"kind": "remove", "text": "remove host 'a' of web/main", "path": ["web", "main", "a"], "restart": False}
    hub.answer = Answer(0, Exit.DONE, ("step",), data={"plan": "1-x", "actions": [step]})
    (line,) = run(hub, "reload", **dry)["lines"]
    assert line.startswith("remove host 'a' of web/main (2 connections")


def test_an_upgrade_that_old_connections_forbid_names_them(hub: FakeHub) -> None:
    hub.answer = Answer(1, Exit.UPGRADE_REFUSED, ("can't upgrade: 8 generations",), data={"held_by": "g1-1"})
    there = {"client": "10.0.0.9", "service": "web", "group": "main", "host": "a", "generation": "g1-1"}
    hub.roster.sessions = [{**there, "port": 5000 + number, "open_seconds": float(number)} for number in range(12)]
    with pytest.raises(CommandError) as caught:
        list(run(hub, "upgrade"))
    lines = caught.value.message.splitlines()
    assert lines[:2] == ["can't upgrade: 8 generations", "  10.0.0.9:5011 to web/main/a, open for 11 s"]
    assert lines[-1] == "  and 2 more"
    assert len(lines) == 12
    assert [asked["generation"] for asked in hub.roster.asked] == ["g1-1"]
    assert caught.value.exit == Exit.UPGRADE_REFUSED
