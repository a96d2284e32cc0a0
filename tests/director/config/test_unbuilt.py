"""Nothing that a config asks for is ignored without a word."""

from __future__ import annotations

from director.config.model import Admin, Config, Endpoint, Group, Service
from director.config.unbuilt import warnings
from director.errors import Severity


def test_a_plain_config_gets_no_warning() -> None:
    assert warnings(Config(services=(Service(name="web", groups=(Group(name="main"),)),)), "c.xml") == ()


def test_each_thing_is_said_once() -> None:
    config = Config(
        admins=(Admin(listen=Endpoint("*", 1)), Admin(listen=Endpoint("*", 2))),
    )
    found = warnings(config, "c.xml")
    assert all(problem.severity is Severity.WARNING for problem in found)
    assert [problem.message.split()[0] for problem in found] == ["admin"]
