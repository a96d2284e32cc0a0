"""Commands about a group."""

from __future__ import annotations

from typing import Any

import pytest

from director.config.model import Config, Group, Service
from director.messages import ChangeScheduler, GroupEnable, Running, SchedulerFailed
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


def test_the_master_is_told_that_a_scheduler_had_failed(hub: FakeHub) -> None:
    args, own = {"service": "web", "group": "main", "scheduler": "python:m:C"}, "python:m:C"
    group = Group(name="main", scheduler=own, number=2)
    hub.fallbacks.configure(Running(1, Config(services=(Service(name="web", groups=(group,), number=1),))))
    ask(hub, "group-scheduler", args, ChangeScheduler("web", "main", own), False)
    hub.asked.clear()
    hub.fallbacks.hear(SchedulerFailed(2, own, own, "it raised"))
    ask(hub, "group-scheduler", args, ChangeScheduler("web", "main", own, again=True), False)
