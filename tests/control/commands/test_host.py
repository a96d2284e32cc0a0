"""Commands about a host."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from director.messages import HostDown, HostUp
from tests.control.commands.running import WHERE, ask
from tests.control.hubs import FakeHub


@pytest.mark.parametrize(
    ("name", "args", "order", "force"),
    [
        ("host-down", WHERE, HostDown("web", "main", "a"), False),
        ("host-down", {**WHERE, "reason": "disk", "force": True}, HostDown("web", "main", "a", "disk"), True),
        ("host-down", {**WHERE, "for": "none"}, HostDown("web", "main", "a", until_at=inf), False),
        ("host-up", WHERE, HostUp("web", "main", "a"), False),
    ],
)
def test_a_change_is_asked_of_the_master(hub: FakeHub, name: str, args: Any, order: Any, force: bool) -> None:
    ask(hub, name, args, order, force)
