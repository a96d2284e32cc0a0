"""Each command against a hub: what it asks for, what it returns, what it says when it can't."""

from __future__ import annotations

import json
from typing import Any

import pytest

from control.arguments import complete
from control.commands import COMMANDS, CommandError, ErrorKind, find, unknown
from director.config.model import Access
from director.errors import Exit, Problem, RefusedError, Severity
from director.messages import Actor, Answer, GroupEnable, HostDown, HostUp, Reload, StopDaemon
from tests.control.hubs import FakeHub

ME = Actor("me")


def run(hub: FakeHub, name: str, **args: Any) -> Any:
    row = find(name, COMMANDS)
    return row.run(hub, complete(row, args), ME)


def test_every_name_is_there_once() -> None:
    names = [row.name for row in COMMANDS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_required_arguments_come_first(row: Any) -> None:
    required = [argument.required for argument in row.arguments]
    assert required == sorted(required, reverse=True)


@pytest.mark.parametrize("name", ["status", "stats", "services", "hosts", "workers", "version", "help"])
def test_looking_needs_no_right_to_change_and_its_result_is_json(hub: FakeHub, name: str) -> None:
    assert find(name, COMMANDS).access is Access.READONLY
    result = run(hub, name)
    assert json.loads(json.dumps(result)) == result
    assert hub.asked == []


def test_status_has_one_entry_a_process_with_the_connections_of_workers(hub: FakeHub) -> None:
    result = run(hub, "status")
    assert (result["pid"], result["generation"], result["stop_timeout"]) == (100, "g100-7", 30.0)
    told = [(one["kind"], one["slot"], one["pid"], one["state"], one["open"]) for one in result["processes"]]
    assert told == [
        ("master", None, 100, "serving", None),
        ("hub", None, 101, "serving", None),
        ("worker", 0, 102, "serving", 2),
        ("worker", 1, 103, "booting", 3),
    ]
    assert all(one["uptime_seconds"] > 0 for one in result["processes"])


def test_stats_are_the_hubs(hub: FakeHub) -> None:
    assert run(hub, "stats") == hub.document


def test_services_count_the_hosts_of_the_enabled_group(hub: FakeHub) -> None:
    web, db = run(hub, "services")["services"]
    assert (web["name"], web["groups"], web["hosts"], web["hosts_up"]) == ("web", ["main", "next"], 2, 1)
    assert (db["hosts"], db["hosts_up"]) == (1, 0)


@pytest.mark.parametrize(
    ("args", "names"),
    [
        ({}, ["a", "b", "n", "one"]),
        ({"service": "web"}, ["a", "b", "n"]),
        ({"service": "web", "group": "next"}, ["n"]),
    ],
)
def test_hosts_are_those_of_all_of_a_service_of_a_group(hub: FakeHub, args: dict[str, str], names: list[str]) -> None:
    assert [host["name"] for host in run(hub, "hosts", **args)["hosts"]] == names


def test_a_host_says_where_it_is(hub: FakeHub) -> None:
    (n,) = run(hub, "hosts", service="web", group="next")["hosts"]
    assert (n["service"], n["group"], n["enabled"]) == ("web", "next", False)


@pytest.mark.parametrize(
    ("args", "near"), [({"service": "wed"}, "'web'"), ({"service": "web", "group": "mian"}, "'main'")]
)
def test_an_unknown_name_gets_the_nearest(hub: FakeHub, args: dict[str, str], near: str) -> None:
    with pytest.raises(CommandError, match=near) as failed:
        run(hub, "hosts", **args)
    assert failed.value.kind is ErrorKind.UNKNOWN


def test_an_unknown_command_gets_the_nearest_and_is_wrong_usage() -> None:
    with pytest.raises(CommandError, match="'hosts'") as failed:
        find("hots", COMMANDS)
    assert (failed.value.kind, failed.value.exit) == (ErrorKind.USAGE, Exit.USAGE)


def test_without_anything_near_it_says_what_there_is() -> None:
    assert "a" in unknown("host", "zzzzzz", ["a", "b"])


def test_version_is_the_hubs(hub: FakeHub) -> None:
    assert run(hub, "version") == {"daemon": "9.9"}


def test_help_lists_all_or_details_one(hub: FakeHub) -> None:
    assert len(run(hub, "help")["commands"]) == len(COMMANDS)
    result = run(hub, "help", command="host-down")
    assert result["detailed"]
    (told,) = result["commands"]
    assert told["usage"] == "host-down SVC GRP HOST [--reason TEXT] [--force]"


def test_optional_arguments_nest_in_the_synopsis() -> None:
    assert find("hosts", COMMANDS).synopsis == "hosts [SVC [GRP]]"


WHERE = {"service": "web", "group": "main", "host": "a"}


@pytest.mark.parametrize(
    ("name", "args", "order", "force"),
    [
        ("host-down", WHERE, HostDown("web", "main", "a"), False),
        ("host-down", {**WHERE, "reason": "disk", "force": True}, HostDown("web", "main", "a", "disk"), True),
        ("host-up", WHERE, HostUp("web", "main", "a"), False),
        ("group-enable", {"service": "web", "group": "next"}, GroupEnable("web", "next"), False),
        ("group-enable", {"service": "web", "group": "next", "force": True}, GroupEnable("web", "next"), True),
        ("reload", {}, Reload(), False),
        ("stop", {}, StopDaemon(), False),
    ],
)
def test_a_change_is_asked_of_the_master(hub: FakeHub, name: str, args: Any, order: Any, force: bool) -> None:
    result = run(hub, name, **args)
    assert hub.asked == [(order, ME, force)]
    assert result["lines"] == ["host a is down"]
    assert (result["applied"], result["workers"], result["warnings"]) == (2, 2, [])
    assert find(name, COMMANDS).access is Access.FULL


def test_a_worker_that_has_not_answered_is_a_warning(hub: FakeHub) -> None:
    hub.answer = Answer(1, Exit.DONE, ("done",), applied=3, workers=4)
    (warning,) = run(hub, "host-up", **WHERE)["warnings"]
    assert warning.startswith("1 of 4 workers has not answered")


def test_a_refusal_carries_the_masters_words(hub: FakeHub) -> None:
    hub.answer = Answer(1, Exit.FAILED, ("can't take a down: it is the last",))
    with pytest.raises(CommandError, match="it is the last") as failed:
        run(hub, "host-down", **WHERE)
    assert (failed.value.kind, failed.value.exit) == (ErrorKind.REFUSED, Exit.FAILED)


def test_a_rejected_config_carries_its_problems(hub: FakeHub) -> None:
    problem = Problem(Severity.ERROR, "c.xml", 3, "no such group", "say main")
    hub.answer = Answer(1, Exit.BAD_CONFIG, (), problems=(problem,))
    with pytest.raises(CommandError) as failed:
        run(hub, "reload")
    assert (failed.value.kind, failed.value.exit) == (ErrorKind.CONFIG, Exit.BAD_CONFIG)
    assert failed.value.lines == ("c.xml:3: no such group; say main",)
    assert str(failed.value).startswith("c.xml:3: no such group")


def test_warnings_of_an_accepted_config_are_told(hub: FakeHub) -> None:
    problem = Problem(Severity.WARNING, "c.xml", 3, "empty group")
    hub.answer = Answer(1, Exit.DONE, ("x",), problems=(problem,), applied=1, workers=1)
    assert run(hub, "reload")["warnings"] == ["c.xml:3: warning: empty group"]


def test_a_silent_master_is_told_as_it_is(hub: FakeHub) -> None:
    hub.answer = RefusedError("can't reach the master")
    with pytest.raises(RefusedError):
        run(hub, "host-up", **WHERE)


def test_stop_says_how_many_connections_are_open(hub: FakeHub) -> None:
    assert run(hub, "stop")["open"] == 5
