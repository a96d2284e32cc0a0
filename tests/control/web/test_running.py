"""What runs, in the ancestors' forms."""

from __future__ import annotations

from xml.etree import ElementTree

from control.web import running
from director.access import Access
from director.config.model import Admin, Config, Endpoint, Logging, User
from director.config.reader import read
from tests.control import hubs

USER = User(name="ann", password="iy9l0V1MkG1DE", access=Access.FULL)
CONFIG = Config(
    admins=(Admin(listen=Endpoint("127.0.0.1", 7001), users=(USER,)),), logging=Logging(file="/var/log/director.log")
)


def document() -> dict[str, object]:
    hosts = [
        hubs.host("b", ip="10.0.0.2:80", open=3),
        hubs.host("a", "down", ip="10.0.0.10:80", reason="connect refused:  no\nluck"),
        hubs.host("s", "slowstart", ip="10.0.0.1:80", open=1),
        hubs.host("c", "maint", ip="10.0.0.3:80", reason="new disk"),
        hubs.host("<d>", "unresolved", ip="d&e:80"),
    ]
    return {"services": [hubs.service("web", hubs.group("main", *hosts), hubs.group("next", enabled=False))]}


def test_a_line_for_each_listener_group_and_host_sorted_by_address_those_that_serve_first() -> None:
    assert running.text(document()).splitlines() == [
        "service web 127.0.0.1:80 main",
        "service web unix:/run/web.sock main",
        "group main enabled",
        "host s 10.0.0.1:80 1 -",
        "host b 10.0.0.2:80 3 -",
        "disabled a 10.0.0.10:80 connect refused: no luck -",
        "disabled c 10.0.0.3:80 maint -",
        "disabled <d> d&e:80 unresolved -",
        "group next inactive",
    ]


def test_the_same_as_xml_to_the_byte_as_it_was() -> None:
    assert running.xml(document(), CONFIG) == (
        '<?xml version="1.0" ?>\n'
        "<pdconfig>\n"
        '    <service name="web">\n'
        '        <listen ip="127.0.0.1:80"/>\n'
        '        <listen ip="unix:/run/web.sock"/>\n'
        '        <group name="main" scheduler="leastconns">\n'
        '            <host ip="10.0.0.10:80" name="a"/>\n'
        '            <host ip="10.0.0.1:80" name="s"/>\n'
        '            <host ip="10.0.0.2:80" name="b"/>\n'
        '            <host ip="10.0.0.3:80" name="c"/>\n'
        '            <host ip="d&amp;e:80" name="&lt;d&gt;"/>\n'
        "        </group>\n"
        '        <group name="next" scheduler="leastconns">\n'
        "        </group>\n"
        '        <enable group="main"/>\n'
        "    </service>\n"
        '    <admin listen="127.0.0.1:7001">\n'
        '        <user access="full" name="ann" password="iy9l0V1MkG1DE"/>\n'
        "    </admin>\n"
        '    <logging file="/var/log/director.log"/>\n'
        "</pdconfig>"
    )


def test_what_is_written_can_be_read_and_loaded() -> None:
    odd = {"services": [hubs.service('w"&<\n', hubs.group("main", hubs.host("a", ip="10.0.0.1:80")))]}
    root = ElementTree.fromstring(running.xml(odd, Config()))
    assert root[0].get("name") == 'w"&<\n'
    plain = {"services": [{**hubs.service("web", hubs.group("main", hubs.host("a"))), "listen": ["127.0.0.1:80"]}]}
    config, problems = read(running.xml(plain, CONFIG).encode(), "running.xml")
    assert config is not None, problems
    assert config.services[0].groups[0].hosts[0].name == "a"
