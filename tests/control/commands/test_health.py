"""Commands about who is down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from control.commands.command import CommandError, find
from control.commands.table import COMMANDS
from control.render import render
from director.access import Access
from director.config.model import Config, Endpoint, Group, Host, Service
from tests.control.commands.running import WHERE, run
from tests.control.hubs import FakeHub

OUTAGE = {"service": "web", "group": "main", "name": "b", "ip": "10.0.0.1:80", "from": 1e9, "to": 1e9 + 61,
          "seconds": 61.0, "reason": "refused", "errno": "ECONNREFUSED", "by": "traffic"}  # fmt: skip


def test_down_hosts_are_those_that_get_nothing_new(hub: FakeHub) -> None:
    result = run(hub, "down-hosts")
    assert [(host["service"], host["name"], host["state"]) for host in result["hosts"]] == [
        ("web", "b", "down"),
        ("db", "one", "maint"),
    ]
    assert all(host["seconds"] > 0 for host in result["hosts"])
    text = render("down-hosts", result)
    assert "new disk" in text
    assert find("down-hosts", COMMANDS).access is Access.READONLY


def test_past_outages_come_last_one_first(hub: FakeHub) -> None:
    assert render("down-hosts", run(hub, "down-hosts", past=True)) == "no outage is remembered"
    hub.past = [OUTAGE, {**OUTAGE, "name": "c"}]
    result = run(hub, "down-hosts", past=True)
    assert [outage["name"] for outage in result["outages"]] == ["c", "b"]
    assert "2001-09-09T01:46:40Z  2001-09-09T01:47:41Z  1m1s  traffic  ECONNREFUSED  refused" in render(
        "down-hosts", result
    )


@pytest.mark.parametrize(
    ("cause", "found", "said"),
    [
        ("", "", "host 'a' of web/main answers; it is up"),
        ("refused", "", "host 'a' of web/main does not answer: refused; it is up"),
        ("", "10.0.0.7", "host 'a' of web/main is at 10.0.0.7 now and answers; it is up"),
    ],
)
def test_a_retry_tells_what_came_of_it(hub: FakeHub, cause: str, found: str, said: str) -> None:
    group = Group(name="main", hosts=(Host(name="a", ip=Endpoint("h", 1), number=3),))
    hub.running = replace(hub.running, config=Config(services=(Service(name="web", groups=(group,)),)))
    hub.cause, hub.found = cause, found
    result = run(hub, "host-retry", **WHERE)
    assert hub.retried == [3]
    assert result["lines"] == [said]
    assert (result["good"], result["cause"]) == (cause == "", cause)
    assert find("host-retry", COMMANDS).access is Access.FULL


def test_a_retry_of_an_unknown_host_is_refused(hub: FakeHub) -> None:
    with pytest.raises(CommandError, match="unknown service 'web'"):
        run(hub, "host-retry", **WHERE)
