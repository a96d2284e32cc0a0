"""Nothing that a config asks for is ignored without a word."""

from __future__ import annotations

from director.config.model import Config, Group, Logging, Service
from director.config.unbuilt import warnings
from director.errors import Severity


def test_a_plain_config_gets_no_warning() -> None:
    assert warnings(Config(services=(Service(name="web", groups=(Group(name="main"),)),)), "c.xml") == ()


def test_each_thing_is_said_once() -> None:
    (found,) = warnings(Config(logging=Logging(connections="journald")), "c.xml")
    assert found.severity is Severity.WARNING
    assert found.message.startswith("connections")
