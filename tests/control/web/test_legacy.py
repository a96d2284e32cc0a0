"""The ancestors' calls as commands."""

from __future__ import annotations

import pytest

from control.arguments import complete
from control.commands.command import CommandError, find
from control.commands.table import COMMANDS
from control.web.legacy import CALLS, MissingError
from tests.control import hubs

STATS = {
    "services": [
        hubs.service("web", hubs.group("main", hubs.host("a", ip="10.0.0.1:80"), hubs.host("b", ip="10.0.0.1:80")))
    ]
}


def test_arguments_are_taken_in_any_case_and_order() -> None:
    sent = {"IP": "10.0.0.9:80", "Name": "x", "GROUP": "main", "service": "web"}
    wanted = {"service": "web", "group": "main", "host": "x", "ip": "10.0.0.9:80"}
    assert CALLS["addHost"].given(sent, lambda: STATS) == wanted


def test_a_host_is_given_by_name_or_by_an_address_that_only_it_has() -> None:
    call = CALLS["hostAdminDown"]
    assert call.given({"service": "web", "group": "main", "host": "a"}, lambda: STATS)["host"] == "a"
    only = {"services": [hubs.service("web", hubs.group("main", hubs.host("a", ip="10.0.0.1:80")))]}
    by_address = {"service": "web", "group": "main", "ip": "10.0.0.1:80"}
    assert CALLS["delHost"].given(by_address, lambda: only)["host"] == "a"
    with pytest.raises(CommandError, match="several hosts"):
        call.given(by_address, lambda: STATS)


def test_the_scheduler_of_the_enabled_group_is_not_changed_as_was_promised() -> None:
    two = {"services": [hubs.service("web", hubs.group("main"), hubs.group("next"))]}
    sent = {"service": "web", "scheduler": "random"}
    assert CALLS["changeScheduler"].given({**sent, "group": "next"}, lambda: two)["group"] == "next"
    with pytest.raises(CommandError, match="'main' of web is enabled; directorctl group-scheduler"):
        CALLS["changeScheduler"].given({**sent, "group": "main"}, lambda: two)


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(MissingError, match="group"):
        CALLS["enableGroup"].given({"service": "web", "group": ""}, lambda: STATS)
    with pytest.raises(MissingError, match="password"):
        CALLS["addUser"].given({"name": "ann", "access": "full"}, lambda: STATS)


def test_access_is_taken_in_any_case() -> None:
    sent = {"name": "Ann", "access": "FULL", "password": "iy9l0V1MkG1DE"}
    assert CALLS["addUser"].given(sent, lambda: STATS) == {**sent, "access": "full"}


@pytest.mark.parametrize("name", [name for name in CALLS if CALLS[name].command in {row.name for row in COMMANDS}])
def test_every_call_stands_for_a_command_that_takes_what_it_is_given(name: str) -> None:
    call = CALLS[name]
    sent = {spellings[0]: "full" for spellings in call.args} | dict.fromkeys(call.options, "x")
    given = call.given(sent, lambda: STATS)
    assert complete(find(call.command, COMMANDS), given) is not None
