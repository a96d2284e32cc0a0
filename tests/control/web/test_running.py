"""What runs, in the ancestors' forms."""

from __future__ import annotations

from xml.etree import ElementTree

from control.web import running
from tests.control import hubs


def document() -> dict[str, object]:
    hosts = [
        hubs.host("b", ip="10.0.0.2:80", open=3),
        hubs.host("a", "down", ip="10.0.0.10:80", reason="connect refused:  no\nluck"),
        hubs.host("c", "maint", ip="10.0.0.3:80", reason="new disk"),
        hubs.host("<d>", "unresolved", ip="d&e:80"),
    ]
    return {"services": [hubs.service("web", hubs.group("main", *hosts), hubs.group("next", enabled=False))]}


def test_a_line_for_each_listener_group_and_host_sorted_by_address() -> None:
    assert running.text(document()).splitlines() == [
        "service web 127.0.0.1:80 main",
        "service web unix:/run/web.sock main",
        "group main enabled",
        "disabled a 10.0.0.10:80 connect refused: no luck -",
        "host b 10.0.0.2:80 3 -",
        "disabled c 10.0.0.3:80 maint -",
        "disabled <d> d&e:80 unresolved -",
        "group next inactive",
    ]


def test_the_same_as_xml_with_every_sign_escaped() -> None:
    root = ElementTree.fromstring(running.xml(document()))
    assert root.tag == "pdconfig"
    assert [host.get("name") for host in root.iter("host")] == ["a", "b", "c", "<d>"]
    assert [one.get("group") for one in root.iter("enable")] == ["main"]
