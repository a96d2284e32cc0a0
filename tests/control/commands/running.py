"""A command, run as the server runs it."""

from __future__ import annotations

from typing import Any

from control.arguments import complete
from control.commands.command import find
from control.commands.table import COMMANDS
from director.access import Access
from director.messages import Actor
from tests.control.hubs import FakeHub

ME = Actor("me")
WHERE = {"service": "web", "group": "main", "host": "a"}


def run(hub: FakeHub, name: str, /, **args: Any) -> Any:
    row = find(name, COMMANDS)
    return row.run(hub, complete(row, args), ME)


def ask(hub: FakeHub, name: str, args: Any, order: Any, force: bool) -> None:
    """The command asks the master for `order`, and tells what became of it."""
    result = run(hub, name, **args)
    assert hub.asked == [(order, ME, force)]
    assert result["lines"] == ["host a is down"]
    assert (result["applied"], result["workers"], result["warnings"]) == (2, 2, [])
    assert find(name, COMMANDS).access is Access.FULL
