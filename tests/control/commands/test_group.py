"""Commands about a group."""

from __future__ import annotations

from typing import Any

import pytest

from director.messages import GroupEnable
from tests.control.commands.running import ask
from tests.control.hubs import FakeHub


@pytest.mark.parametrize(
    ("name", "args", "order", "force"),
    [
        ("group-enable", {"service": "web", "group": "next"}, GroupEnable("web", "next"), False),
        ("group-enable", {"service": "web", "group": "next", "force": True}, GroupEnable("web", "next"), True),
    ],
)
def test_a_change_is_asked_of_the_master(hub: FakeHub, name: str, args: Any, order: Any, force: bool) -> None:
    ask(hub, name, args, order, force)
