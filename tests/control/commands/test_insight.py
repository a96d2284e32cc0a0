"""Commands that tell why."""

from __future__ import annotations

from typing import Any

import pytest

from control.commands.command import CommandError, ErrorKind
from control.render import render
from director.config.model import Config, Group, Service
from director.errors import UsageError
from director.messages import Running
from tests.control.commands.running import run
from tests.control.hubs import FakeHub

CONFIG = Config(
    services=(
        Service(name="web", groups=(Group(name="main", number=2),), enabled="main", number=1),
        Service(name="bare", number=3),
        Service(name="inner", groups=(Group(name="main", number=5),), enabled="main", number=4, allow=("10.0.0.0/8",)),
    )
)
SESSION = {
    "session": "2-17", "client": "10.0.0.1", "port": 5123, "service": "web", "group": "main", "host": "b",
    "state": "connected", "scheduler": "leastconns", "sticky": True, "tries": 2, "failed": ["main/a"],
    "waited_ms": 0.0, "open_seconds": 3.5, "bytes_in": 5, "bytes_out": 6,
}  # fmt: skip


@pytest.fixture
def hub() -> FakeHub:
    hub = FakeHub()
    hub.running = Running(1, CONFIG)
    return hub


def explained(**more: Any) -> dict[str, Any]:
    hosts = [
        {"host": "a", "weight": 1.0, "maxconn": None, "open": 1, "own": 1, "others": 0, "expected": 1, "score": 2.0,
         "verdict": "-"},
        {"host": "b", "weight": 1.0, "maxconn": None, "open": 0, "own": 0, "others": 0, "expected": 0, "score": 1.0,
         "verdict": "chosen"},
    ]  # fmt: skip
    return {
        "worker": 1, "age_ms": 12.0, "scheduler": "leastconns", "in_use": "leastconns", "fault": "",
        "client": "10.0.0.1", "rule": "the lowest", "chosen": "b", "one_of": [], "tie_break": "", "sticky": None,
        "hosts": hosts, **more,
    }  # fmt: skip


def test_a_worker_is_asked_and_its_answer_is_shown(hub: FakeHub) -> None:
    hub.replies = [explained()]
    result = run(hub, "explain", service="web", client="10.0.0.1")
    assert hub.questions == [("explain", {"service": 1, "client": "10.0.0.1"}, None)]
    lines = render("explain", result).splitlines()
    assert lines[0] == "web/main for 10.0.0.1, by worker 1, which heard of the others 12 ms ago"
    assert lines[1:3] == ["leastconns: the lowest", "chosen: b"]
    assert lines[3].split() == [
        "HOST", "VERDICT", "SCORE", "WEIGHT", "MAXCONN", "OPEN", "OWN", "OTHERS", "EXPECTED",
    ]  # fmt: skip


def test_a_tie_a_fault_and_nobody_are_told(hub: FakeHub) -> None:
    tie = explained(chosen=None, one_of=["a", "b"], tie_break="at random", age_ms=None, fault="x.py:3: KeyError")
    hub.replies = [tie]
    text = render("explain", run(hub, "explain", service="web"))
    assert "one of 2, at random: a,b" in text and "x.py:3: KeyError" in text and "has heard of no other" in text
    hub.replies = [explained(chosen=None)]
    assert "nobody can take it" in render("explain", run(hub, "explain", service="web"))
    hub.replies = [explained(chosen=None, limit="service")]
    assert "has all that it may have of the service's maxconn" in render("explain", run(hub, "explain", service="web"))


@pytest.mark.parametrize(("given", "asked"), [("[2001:DB8::1]", "2001:db8::1"), ("unix", "unix"), (None, "192.0.2.1")])
def test_an_address_is_asked_for_in_the_form_that_workers_have_it(hub: FakeHub, given: str, asked: str) -> None:
    hub.replies = [explained()]
    run(hub, "explain", service="web", client=given)
    assert hub.questions[0][1]["client"] == asked


def test_a_live_session_is_told(hub: FakeHub) -> None:
    hub.roster.sessions = [SESSION]
    text = render("explain", run(hub, "explain", session="2-17"))
    assert "2-17" in text and "tried before: main/a" in text
    hub.roster.sessions = []
    with pytest.raises(CommandError, match="it is over, or never was"):
        run(hub, "explain", session="2-17")


@pytest.mark.parametrize(
    ("args", "kind"),
    [
        ({}, ErrorKind.USAGE),
        ({"service": "web", "session": "2-17"}, ErrorKind.USAGE),
        ({"session": "17"}, ErrorKind.REFUSED),
        ({"service": "web", "client": "example.com"}, ErrorKind.REFUSED),
    ],
)
def test_what_makes_no_sense_is_not_explained(hub: FakeHub, args: dict[str, str], kind: ErrorKind) -> None:
    with pytest.raises(CommandError) as caught:
        run(hub, "explain", **args)
    assert caught.value.kind is kind


def test_unknown_bare_and_silent_are_different(hub: FakeHub) -> None:
    with pytest.raises(UsageError, match="did you mean 'web'"):
        run(hub, "explain", service="wep")
    with pytest.raises(CommandError, match="it has no group"):
        run(hub, "explain", service="bare")
    with pytest.raises(CommandError, match="no worker answers"):
        run(hub, "explain", service="web")


@pytest.mark.parametrize(("client", "denied"), [("8.8.8.8", True), ("10.0.0.1", False), ("unix", False), (None, False)])
def test_a_client_that_may_not_connect_gets_nobody(hub: FakeHub, client: str | None, denied: bool) -> None:
    hub.replies = [explained(client=client)]
    result = run(hub, "explain", service="inner", client=client)
    text = render("explain", result)
    assert ("nobody: 8.8.8.8 may not connect, allow does not name it" in text) is denied
    assert ("chosen: b" in text) is not denied
