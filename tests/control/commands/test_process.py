"""Commands about the daemon as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from director.messages import Reload, StopDaemon
from tests.control.commands.running import ask, run
from tests.control.hubs import FakeHub


@pytest.mark.parametrize(
    ("name", "args", "order", "force"),
    [
        ("reload", {}, Reload(), False),
        ("stop", {}, StopDaemon(), False),
    ],
)
def test_a_change_is_asked_of_the_master(hub: FakeHub, name: str, args: Any, order: Any, force: bool) -> None:
    ask(hub, name, args, order, force)


def test_stop_says_how_many_connections_are_open(hub: FakeHub) -> None:
    assert run(hub, "stop")["open"] == 5
