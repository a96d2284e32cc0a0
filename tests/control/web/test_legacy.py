"""The ancestors' calls as commands."""

from __future__ import annotations

import pytest

from control.commands.command import CommandError
from control.web.legacy import CALLS, MissingError
from tests.control import hubs

STATS = {
    "services": [
        hubs.service("web", hubs.group("main", hubs.host("a", ip="10.0.0.1:80"), hubs.host("b", ip="10.0.0.1:80")))
    ]
}


def test_arguments_are_taken_in_any_case_and_order() -> None:
    given = {"IP": "10.0.0.9:80", "Name": "x", "GROUP": "main", "service": "web"}
    assert CALLS["addHost"].words(given, STATS) == ["host-add", "web", "main", "x", "10.0.0.9:80"]


def test_a_host_is_given_by_name_or_by_an_address_that_only_it_has() -> None:
    call = CALLS["hostAdminDown"]
    assert call.words({"service": "web", "group": "main", "host": "a"}, STATS)[-1] == "a"
    only = {"services": [hubs.service("web", hubs.group("main", hubs.host("a", ip="10.0.0.1:80")))]}
    assert CALLS["delHost"].words({"service": "web", "group": "main", "ip": "10.0.0.1:80"}, only)[-1] == "a"
    with pytest.raises(CommandError, match="several hosts"):
        call.words({"service": "web", "group": "main", "ip": "10.0.0.1:80"}, STATS)


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(MissingError, match="group"):
        CALLS["enableGroup"].words({"service": "web", "group": ""}, STATS)
