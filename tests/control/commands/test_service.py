"""Commands about a service."""

from __future__ import annotations

from typing import Any

import pytest

from director.config.model import Endpoint, Group, Listen, Service
from director.messages import (
    ListenAdd,
    ListenDelete,
    ServiceAdd,
    ServiceDisable,
    ServiceEnable,
    ServiceMaxconn,
)
from tests.control.commands.running import ask
from tests.control.hubs import FakeHub

LISTEN = Listen(ip=Endpoint("*", 80))
NEW = Service(name="new", listens=(LISTEN,), groups=(Group(name="main", scheduler="roundrobin"),), enabled="main")


@pytest.mark.parametrize(
    ("name", "args", "order"),
    [
        ("service-add", {"service": "new", "ip": "0.0.0.0:80"}, ServiceAdd(NEW)),
        ("service-disable", {"service": "web"}, ServiceDisable("web")),
        ("service-enable", {"service": "web"}, ServiceEnable("web")),
        ("service-maxconn", {"service": "web", "maxconn": "7"}, ServiceMaxconn("web", 7)),
        ("service-maxconn", {"service": "web", "maxconn": "none"}, ServiceMaxconn("web", None)),
        ("listen-add", {"service": "web", "ip": "*:80"}, ListenAdd("web", LISTEN)),
        ("listen-del", {"service": "web", "ip": "*:80"}, ListenDelete("web", "*:80")),
    ],
)
def test_a_change_is_asked_of_the_master(hub: FakeHub, name: str, args: Any, order: Any) -> None:
    ask(hub, name, args, order, False)
