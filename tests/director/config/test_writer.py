"""What is written reads back as the same, and reads well."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from director.config.model import Config, Endpoint, Group, Host, Listen, Service
from director.config.reader import read
from director.config.writer import write
from director.errors import Severity
from tests.director.config.strategies import configs


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(configs())
def test_every_config_reads_back_as_itself(config: Config) -> None:
    again, problems = read(write(config), "config.xml")
    assert [problem for problem in problems if problem.severity is Severity.ERROR] == []
    assert again == config


def test_the_text_has_a_line_for_each_element_and_no_defaults() -> None:
    service = Service(
        name="web",
        listens=(Listen(ip=Endpoint("*", 80)),),
        groups=(
            Group(name="main", hosts=(Host(name="a", ip=Endpoint("10.0.0.1", 8080), weight=0.5),)),
            Group(name="next"),
        ),
        enabled="next",
        idle_timeout=600.0,
    )
    assert write(Config(services=(service,), checktime=1.5)).decode() == (
        "<director>\n"
        '  <service name="web" idle-timeout="10m">\n'
        '    <listen ip="*:80"/>\n'
        '    <group name="main" scheduler="leastconns">\n'
        '      <host name="a" ip="10.0.0.1:8080" weight="0.5"/>\n'
        "    </group>\n"
        '    <group name="next"/>\n'
        '    <enable group="next"/>\n'
        "  </service>\n"
        '  <checktime time="1500ms"/>\n'
        "</director>\n"
    ).replace(' scheduler="leastconns"', "")


def test_a_password_that_is_no_hash_reads_back_as_well() -> None:
    user = b'<user name="a" password="clear" access="full"/>'
    text = b'<pdconfig><admin listen="127.0.0.1:7001">' + user + b"</admin></pdconfig>"
    config, _ = read(text, "/etc/config.xml")
    assert config is not None
    assert read(write(config), "/etc/config.xml")[0] == config
