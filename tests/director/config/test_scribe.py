"""What runs, put into the text that it came from."""

from __future__ import annotations

from dataclasses import replace

from director.config.changes import amend
from director.config.model import Config
from director.config.reader import read
from director.config.scribe import rewrite
from director.messages import Change, GroupEnable, HostAdd, HostDelete, HostWeight, Running, ServiceMaxconn
from tests.director.config.configs import ANN, host

TEXT = b"""<?xml version="1.0"?>
<!-- top -->
<director  workers='2'>
  <service name="web"> <!-- the shop -->
    <listen ip="*:80"/>
    <group name="main"
           scheduler="roundrobin">
      <host name="a" ip="10.0.0.1:80"/> <!-- old -->
      <!-- fast -->
      <host name='b' ip='10.0.0.2:80' weight='2'/>
    </group>
    <group name="next"/>
  </service>
</director>
"""


def config() -> Config:
    found, _ = read(TEXT, "x")
    assert found is not None
    return found


def after(*changes: Change) -> Config:
    running = Running(1, config())
    for change in changes:
        running, _ = amend(running, change, ANN, 1.0, force=True)
    return running.config


def test_nothing_to_change_is_the_same_text() -> None:
    assert rewrite(TEXT, "x", config()) == (TEXT, True)


def test_an_attribute_changes_where_it_stands() -> None:
    wanted = after(HostWeight("web", "main", "b", 7.0), ServiceMaxconn("web", 5))
    text, kept = rewrite(TEXT, "x", wanted)
    assert kept
    assert text == TEXT.replace(b"weight='2'", b'weight="7"').replace(
        b'<service name="web">', b'<service name="web" maxconn="5">'
    )


def test_hosts_come_and_go_and_comments_stay() -> None:
    wanted = after(HostAdd("web", "main", host("c")), HostDelete("web", "main", "b"), HostAdd("web", "next", host("d")))
    text, kept = rewrite(TEXT, "x", wanted)
    assert kept
    for comment in (b"<!-- top -->", b"<!-- the shop -->", b"<!-- old -->", b"<!-- fast -->"):
        assert comment in text
    assert b'      <host name="c" ip="10.0.0.1:80"/>\n    </group>' in text
    assert read(text, "x")[0] == wanted


def test_another_enabled_group_is_said() -> None:
    wanted = after(GroupEnable("web", "next"))
    text, kept = rewrite(TEXT, "x", wanted)
    assert kept
    assert b'<enable group="next"/>' in text


def test_what_can_not_be_put_in_is_written_anew() -> None:
    one = config()
    web = one.services[0]
    wanted = replace(one, services=(replace(web, groups=web.groups[::-1]),))
    text, kept = rewrite(TEXT, "x", wanted)
    assert not kept
    assert read(text, "x")[0] == wanted
    assert read(rewrite(b"<broken", "x", wanted)[0], "x")[0] == wanted
