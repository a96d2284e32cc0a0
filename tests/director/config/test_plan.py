"""The steps between two configs: complete, in order, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from director.config.changes import amend
from director.config.model import Config
from director.config.plan import Step, StepKind, described, steps
from director.config.reader import read
from director.messages import HostDelete, HostDown, HostUp
from tests.director.config.configs import ANN, RUNNING
from tests.director.config.strategies import configs

OLD = """
<director workers="2">
  <service name="web">
    <listen ip="*:80"/>
    <group name="main"> <host name="a" ip="10.0.0.1:80"/> <host name="b" ip="10.0.0.2:80"/> </group>
    <group name="next"> <check type="http"/> <host name="n" ip="10.0.1.1:80"/> </group>
  </service>
  <service name="db">
    <listen ip="unix:/run/db"/>
    <group name="main"> <host name="a" ip="10.0.0.3:5432"/> </group>
  </service>
  <admin listen="127.0.0.1:7001">
    <user name="ann" password="iy9l0V1MkG1DE" access="full"/>
  </admin>
</director>
"""


def _config(text: str) -> Config:
    config, problems = read(text.encode(), "config.xml")
    assert config is not None, problems
    return config


CASES = [
    ("", "", []),
    ('weight="1"', "", []),
    ('workers="2"', "", ["change workers of director from 2 to auto"]),
    ('<director workers="2">', '<director workers="2" user="www">', ["change user of director from none to www"]),
    (
        '<host name="b" ip="10.0.0.2:80"/>',
        '<host name="b" ip="10.0.0.2:80"/> <host name="c" ip="10.0.0.9:80"/>',
        ["add host 'c' to web/main"],
    ),
    ('<host name="b" ip="10.0.0.2:80"/>', "", ["remove host 'b' from web/main"]),
    (
        'ip="10.0.0.2:80"',
        'ip="10.0.0.2:80" weight="0.5"',
        ["change weight of host 'b' in web/main from 1 to 0.5"],
    ),
    ('ip="10.0.0.2:80"', 'ip="10.0.0.2:81"', ["change ip of host 'b' in web/main from 10.0.0.2:80 to 10.0.0.2:81"]),
    ('<listen ip="*:80"/>', '<listen ip="*:81"/>', ["open listener *:81 of web", "close listener *:80 of web"]),
    (
        '<listen ip="*:80"/>',
        '<listen ip="*:80" backlog="16"/>',
        ["change backlog of listener *:80 of web from 4096 to 16"],
    ),
    (
        '<group name="main"> <host name="a" ip="10.0.0.1:80"/>',
        '<group name="main" scheduler="hash,sticky"> <host name="a" ip="10.0.0.1:80"/>',
        ["change scheduler of group 'main' of web from leastconns to hash,sticky"],
    ),
    (
        '<host name="n" ip="10.0.1.1:80"/> </group>',
        '<host name="n" ip="10.0.1.1:80"/> </group> <enable group="next"/>',
        ["enable group 'next' of web instead of 'main'"],
    ),
    (
        '<host name="n" ip="10.0.1.1:80"/> </group>',
        '<host name="n" ip="10.0.1.1:80"/> </group> <group name="x"/> <enable group="x"/>',
        ["add group 'x' to web with 0 hosts", "enable group 'x' of web instead of 'main'"],
    ),
    ('<check type="http"/>', "", ["remove check of type http from web/next"]),
    (
        '<check type="http"/>',
        '<check type="http" interval="500ms" downinterval="1h"/>',
        [
            "change interval of check of group 'next' of web from 2s to 500ms",
            "change downinterval of check of group 'next' of web from none to 1h",
        ],
    ),
    (
        '<host name="a" ip="10.0.0.3:5432"/>',
        '<host name="a" ip="10.0.0.3:5432"><check/></host>',
        ["add check of type tcp to host 'a' in db/main"],
    ),
    (
        "</director>",
        '<service name="new"><listen ip="*:1"/><listen ip="[::]:1"/><group name="g"/></service></director>',
        [
            "add service 'new' with 1 group and 0 hosts",
            "open listener *:1 of new",
            "open listener [::]:1 of new",
        ],
    ),
    ("iy9l0V1MkG1DE", "..xpoEyRReGzk", ["change password of user 'ann' of admin 127.0.0.1:7001"]),
    ('access="full"', "", ["change access of user 'ann' of admin 127.0.0.1:7001 from full to readonly"]),
    (
        "</director>",
        '<checktime time="5s"/><logging level="debug"/><dns timeout="1s"/><control group="ops"/></director>',
        [
            "add control socket in the run dir for ops",
            "change level of logging from info to debug",
            "change checktime from 2m to 5s",
            "change timeout of dns from 5s to 1s",
        ],
    ),
    (
        '<host name="a" ip="10.0.0.1:80"/> <host name="b" ip="10.0.0.2:80"/>',
        '<host name="b" ip="10.0.0.2:80"/> <host name="a" ip="10.0.0.1:80"/>',
        ["change order of hosts of web/main"],
    ),
]


@pytest.mark.parametrize(("was", "becomes", "expected"), CASES)
def test_differences_are_told_in_words(was: str, becomes: str, expected: list[str]) -> None:
    found = steps(_config(OLD), _config(OLD.replace(was, becomes, 1) if was else OLD))
    assert [step.text for step in found] == expected


def test_a_service_goes_after_its_listeners() -> None:
    old = _config(OLD)
    found = steps(old, replace(old, services=old.services[:1]))
    assert found == (
        Step(StepKind.CLOSE, "close listener unix:/run/db of db", path=("db",)),
        Step(StepKind.REMOVE, "remove service 'db'", path=("db",)),
    )


def test_steps_name_whom_they_concern() -> None:
    (step,) = steps(_config(OLD), _config(OLD.replace('ip="10.0.0.2:80"', 'ip="10.0.0.2:80" weight="2"')))
    assert step.path == ("web", "main", "b")


_RESTARTS = [("user", True), ("group", True), ("workers", False), ("maxconn", False)]


@pytest.mark.parametrize(("attribute", "restart"), _RESTARTS)
def test_only_user_and_group_need_a_restart(attribute: str, restart: bool) -> None:
    (step,) = steps(_config("<director/>"), _config(f'<director {attribute}="1"/>'))
    assert step.restart is restart


def test_the_group_of_a_control_socket_needs_no_restart() -> None:
    found = steps(_config("<director/>"), _config('<director><control group="ops"/></director>'))
    assert [step.restart for step in found] == [False]


_SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)


@_SLOW
@given(configs())
def test_a_config_differs_from_itself_in_nothing(config: Config) -> None:
    assert steps(config, config) == ()


@_SLOW
@given(configs(), configs())
def test_different_configs_have_steps_between_them(old: Config, new: Config) -> None:
    assert bool(steps(old, new)) == (old != new)


@settings(_SLOW, max_examples=25)
@given(configs(), st.data())
def test_every_single_difference_is_a_step(config: Config, data: st.DataObject) -> None:
    other = data.draw(configs())
    for field in type(config).__dataclass_fields__:
        changed = replace(config, **{field: getattr(other, field)})
        assert bool(steps(config, changed)) == (config != changed)
    for service, twin in zip(config.services, other.services, strict=False):
        for field in set(type(service).__dataclass_fields__) - {"name"}:
            changed = replace(config, services=(replace(service, **{field: getattr(twin, field)}),))
            base = replace(config, services=(service,))
            assert bool(steps(base, changed)) == (base != changed)


def test_a_host_in_maint_that_goes_is_not_used_again() -> None:
    down, _ = amend(RUNNING, HostDown("web", "main", "a"), ANN, 1.0)
    gone, _ = amend(down, HostDelete("web", "main", "a"), ANN, 1.0)
    up, _ = amend(down, HostUp("web", "main", "a"), ANN, 1.0)
    assert [step.text for step in described(down, gone)] == ["remove host 'a' from web/main"]
    assert [step.text for step in described(down, up)] == ["use host 'a' of web/main again"]
