"""Commands about connections that are to end."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

import control.commands.drain
from control.commands.command import CommandError, ErrorKind, find
from control.commands.table import COMMANDS
from control.render import render
from director.access import Access
from director.messages import (
    Draining,
    Grace,
    GroupDelete,
    GroupEnable,
    HostDelete,
    HostDeleteAll,
    HostDown,
    HostDrain,
    HostWeight,
    Order,
    Running,
    ServiceDelete,
)
from tests.control.commands.running import WHERE, ask, run
from tests.control.hubs import FakeHub
from tests.director.config.configs import RUNNING

A = ("web", "main", "a")
WITHIN = {"within": "1m", "rate": "5/s"}
GRACE = Grace(60.0, 5.0)


@pytest.mark.parametrize(
    ("name", "args", "order"),
    [
        ("host-drain", WHERE, HostDrain(*A)),
        ("host-drain", {**WHERE, **WITHIN, "reason": "disk"}, HostDrain(*A, "disk", GRACE)),
        ("host-drain", {**WHERE, "rate": "30/m"}, HostDrain(*A, grace=Grace(None, 0.5))),
        ("host-down", {**WHERE, "close": True}, HostDown(*A, grace=Grace(0.0))),
        ("host-del", {**WHERE, **WITHIN}, HostDelete(*A, GRACE)),
        ("host-del", {**WHERE, "within": "0"}, HostDelete(*A, Grace(0.0))),
        ("host-del-all", {"service": "web", "group": "main", **WITHIN}, HostDeleteAll("web", "main", GRACE)),
        ("group-del", {"service": "web", "group": "main", **WITHIN}, GroupDelete("web", "main", GRACE)),
        ("group-enable", {"service": "web", "group": "next"}, GroupEnable("web", "next")),
        (
            "group-enable",
            {"service": "web", "group": "next", "drain": True, **WITHIN},
            GroupEnable("web", "next", GRACE),
        ),
        ("service-del", {"service": "web"}, ServiceDelete("web", 4)),
        ("service-del", {"service": "web", **WITHIN}, ServiceDelete("web", 0, GRACE)),
    ],
)
def test_what_is_to_become_of_connections_goes_with_the_order(hub: FakeHub, name: str, args: Any, order: Order) -> None:
    ask(hub, name, args, order, False)


@pytest.mark.parametrize(
    ("name", "args", "order"),
    [
        ("host-drain", WHERE, HostDrain(*A, out=(4, 5))),
        ("host-down", WHERE, HostDown(*A, out=(4, 5))),
        ("host-del", WHERE, HostDelete(*A, out=(4, 5))),
        ("host-weight", {**WHERE, "weight": "0"}, HostWeight(*A, 0.0, out=(4, 5))),
        ("host-weight", {**WHERE, "weight": "50%"}, HostWeight(*A, 50.0, out=(4, 5), percent=True)),
        ("group-enable", {"service": "web", "group": "next"}, GroupEnable("web", "next", out=(4, 5))),
    ],
)
def test_the_master_is_told_who_is_out(hub: FakeHub, name: str, args: Any, order: Order) -> None:
    hub.those_out = (4, 5)
    ask(hub, name, args, order, False)


@pytest.mark.parametrize(
    ("service", "grace"), [({}, Grace(600.0)), ({"drain_within": 5.0, "drain_rate": 2.0}, Grace(5.0, 2.0))]
)
def test_drain_alone_is_as_the_config_says(hub: FakeHub, service: dict[str, Any], grace: Grace) -> None:
    web, *others = RUNNING.config.services
    hub.running = Running(1, replace(RUNNING.config, services=(replace(web, **service), *others)))
    ask(
        hub,
        "group-enable",
        {"service": "web", "group": "next", "drain": True},
        GroupEnable("web", "next", grace),
        False,
    )


@pytest.mark.parametrize(
    "words", [{"rate": "fast"}, {"rate": "0/s"}, {"rate": "5/d"}, {"rate": "-1/s"}, {"within": "x"}]
)
def test_wrong_words_are_told_with_right_ones(hub: FakeHub, words: dict[str, str]) -> None:
    with pytest.raises(CommandError, match="write") as refusal:
        run(hub, "host-drain", **WHERE, **words)
    assert refusal.value.kind is ErrorKind.REFUSED and hub.asked == []


def draining(hub: FakeHub, left: int, within: float | None = None) -> None:
    """Host a of web/main drains, and has so many connections left."""
    number = RUNNING.config.services[0].groups[0].hosts[0].number
    deadline = None if within is None else 1e9 + within
    hub.running = Running(2, RUNNING.config, drains=(Draining(A, (number,), "ann", 1e9, deadline),))
    hub.open = {number: left}
    hub.drains = type(hub.drains)(hub.open, {}, hub.drains._closing, lambda over: None)
    hub.drains.deciding = True
    hub.drains.arrange(hub.running, {})


def test_drains_are_listed_and_waited_for(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.commands.drain, "_LOOK", 0.0)
    assert render("drains", run(hub, "drains")) == "nothing is being drained"
    draining(hub, 3)
    listed = run(hub, "drains")
    assert "web/main/a  staying     3         3      0       0  -" in render("drains", listed)
    assert run(hub, "drains", what="web/main/a") == listed
    steps = run(hub, "host-drain", **WHERE, wait=True)
    assert isinstance(steps, Generator)
    assert next(steps)["lines"] == ["host a is down"]
    assert next(steps)["lines"] == ["web/main/a: 3 of 3 connections left, which go on to their end"]
    hub.open.clear()
    hub.drains.look(1e9, 1.0)
    hub.drains.look(1e9, 3.0)
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value["lines"] == ["web/main/a is drained: 3 ended by themselves, 0 were closed"]
    assert find("drains", COMMANDS).access is Access.READONLY
    assert find("host-drain", COMMANDS).access is find("host-close", COMMANDS).access is Access.FULL


@pytest.mark.parametrize(
    ("event", "kind", "said"),
    [("taken back", ErrorKind.REFUSED, "taken back, 3 left"), ("moved", ErrorKind.MOVED, "is drained on")],
)
def test_a_wait_ends_when_the_drain_does_not(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, event: str, kind: ErrorKind, said: str
) -> None:
    monkeypatch.setattr(control.commands.drain, "_LOOK", 0.0)
    draining(hub, 3)
    steps = run(hub, "drains", what="web/main/a", wait=True)
    next(steps)
    if event == "moved":
        hub.drains.deciding = False
    else:
        hub.drains.arrange(RUNNING, {})
    with pytest.raises(CommandError, match=said) as failure:
        next(steps)
    assert failure.value.kind is kind


def test_unknown_drains_and_waiting_for_all_are_refused(hub: FakeHub) -> None:
    draining(hub, 3)
    with pytest.raises(CommandError, match="unknown drain 'web/main/b'; did you mean 'web/main/a'"):
        run(hub, "drains", what="web/main/b")
    with pytest.raises(CommandError, match="name one"):
        run(hub, "drains", wait=True)


def test_without_a_drain_there_is_nothing_to_wait_for(hub: FakeHub) -> None:
    assert run(hub, "group-enable", service="web", group="main", wait=True)["lines"] == ["host a is down"]


def test_the_connections_of_a_host_are_closed_at_once(hub: FakeHub) -> None:
    hub.running = RUNNING
    result = run(hub, "host-close", **WHERE)
    assert result == {"lines": ["3 connections of host 'a' of web/main closed"], "closed": 3}
    assert [label for _, label in hub.closed] == ["host 'a' of web/main"]
    assert run(hub, "host-close", **WHERE, **{"dry-run": True})["lines"] == [
        "close 2 connections of host 'a' of web/main"
    ]
    assert len(hub.closed) == 1
