"""What runs, put into the text that it came from."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from director.access import Access
from director.config.changes import amend
from director.config.manuscript import Manuscript
from director.config.model import Config, Group, User
from director.config.reader import read
from director.config.scribe import rewrite
from director.config.writer import write
from director.messages import (
    Change,
    ChangeScheduler,
    GroupAdd,
    GroupEnable,
    HostAdd,
    HostDelete,
    HostWeight,
    Running,
    ServiceMaxconn,
    UserAdd,
    UserDelete,
)
from tests.director.config.configs import ANN, configs, host

SAMPLES = Path(__file__).parent / "samples"

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


def test_what_has_no_text_to_be_put_in_is_written_anew() -> None:
    wanted = after(HostWeight("web", "main", "b", 7.0))
    text, kept = rewrite(b"<broken", "x", wanted)
    assert not kept
    assert read(text, "x")[0] == wanted


def test_what_moves_takes_the_comment_along_that_ends_its_line() -> None:
    text, kept = rewrite(
        TEXT, "x", after(HostDelete("web", "main", "a"), HostAdd("web", "main", host("a", weight=2.0)))
    )
    assert kept
    assert text == TEXT.replace(b'      <host name="a" ip="10.0.0.1:80"/> <!-- old -->\n', b"").replace(
        b"weight='2'/>\n", b"""weight='2'/>\n      <host name="a" ip="10.0.0.1:80" weight="2"/> <!-- old -->\n"""
    )


def test_a_closed_group_gets_another_scheduler_and_its_first_host() -> None:
    text, kept = rewrite(TEXT, "x", after(ChangeScheduler("web", "next", "first"), HostAdd("web", "next", host("c"))))
    assert kept
    assert (
        b"""    <group name="next" scheduler="first">
      <host name="c" ip="10.0.0.1:80"/>
    </group>
"""
        in text
    )


def test_an_admin_with_a_file_of_users_gets_a_user_of_its_own() -> None:
    admin = b'  <admin listen="127.0.0.1:1" users="/u.yaml"/>\n'
    text = TEXT.replace(b"</director>", admin + b"</director>")
    config, _ = read(text, "x")
    assert config is not None
    user = User(name="zed", password="iy9l0V1MkG1DE")
    wanted = replace(config, admins=(replace(config.admins[0], users=(user,)),))
    result, kept = rewrite(text, "x", wanted)
    assert kept
    assert result == text.replace(
        admin, admin[:-3] + b'>\n    <user name="zed" password="iy9l0V1MkG1DE"/>\n  </admin>\n'
    )


@pytest.mark.parametrize("codec", ["iso-8859-1", "utf-16", "windows-1252"])
def test_a_text_of_any_encoding_is_kept_in_utf8(codec: str) -> None:
    text = TEXT.decode().replace('"1.0"', f'"1.0" encoding="{codec}"').replace("old", "\u00f6ld")
    wanted = after(HostWeight("web", "main", "b", 7.0))
    result, kept = rewrite(text.encode(codec), "x", wanted)
    assert kept
    assert result == text.replace(codec, "UTF-8").replace("weight='2'", 'weight="7"').encode()


# -- the ancestors' files -------------------------------------------------------------

TXLB = b"""<config>
  <!-- ours -->
  <service name="old shop">
    <listen ip="0.0.0.0:8080" />
    <group name="one" scheduler="weightr" enable="true"> <!-- first -->
\t<host ip="10.0.0.1:80" weight="1"/>
\t<host ip="10.0.0.2:80" />
    </group>
    <group name="two" scheduler="leastc" />
  </service>
  <admin>
    <web listen="127.0.0.1:7000" enable="true" refresh="10" />
    <ssh listen="localhost:2222" enable="true" />
    <user name="admin" password="..xpoEyRReGzk" access="full"/>
  </admin>
  <note>done by hand</note>
  <manager><hostCheck interval="10" enable="true"/></manager>
</config>
"""


def saved(text: bytes, *changes: Change) -> bytes:
    config, _ = read(text, "x")
    assert config is not None
    running = Running(1, config)
    for change in changes:
        running, _ = amend(running, change, ANN, 1.0, force=True)
    result, kept = rewrite(text, "x", running.config)
    assert kept
    assert read(result, "x")[0] == running.config
    return result


def test_an_ancestors_file_stays_one() -> None:
    text = saved(TXLB, HostWeight("old shop", "one", "host.0", 7.0), GroupEnable("old shop", "two"))
    assert text == TXLB.replace(b'weight="1"', b'weight="7"').replace(b' enable="true"> <!--', b"> <!--").replace(
        b'"leastc" />', b'"leastc" enable="true" />'
    )


def test_a_host_without_a_name_is_called_by_it_when_its_position_is_another() -> None:
    text = saved(TXLB, HostDelete("old shop", "one", "host.0"))
    assert b'<host ip="10.0.0.2:80" name="host.1" />' in text


def test_access_in_capitals_stays_so_until_it_is_another() -> None:
    user = b'<user name="admin" password="..xpoEyRReGzk" access="full"/>'
    loud = user.replace(b"full", b"FULL")
    users = loud + user.replace(b"admin", b"ann").replace(b"full", b"ReadOnly")
    ann = User(name="ann", password="..xpoEyRReGzk", access=Access.FULL)
    text = saved(TXLB.replace(user, users), UserAdd(ann))
    assert text == TXLB.replace(user, users).replace(b"ReadOnly", b"full")


def test_users_of_a_nested_admin_come_and_go() -> None:
    web = b'<web listen="127.0.0.1:7000" enable="true" '
    text = saved(
        TXLB.replace(web, web.replace(b"7000", b"7001") + b"/>" + web),
        UserAdd(User(name="zed", password="iy9l0V1MkG1DE", access=Access.FULL)),
        UserDelete("admin"),
    )
    assert b"""enable="true" />\n    <user name="zed" password="iy9l0V1MkG1DE" access="full"/>\n  </admin>""" in text


@pytest.mark.parametrize("name", ["pydirector-confex.xml", "txlb-confex.xml", "txlb-config.xml"])
def test_the_ancestors_samples_keep_their_words(name: str) -> None:
    text = (SAMPLES / name).read_bytes()
    config, _ = read(text, "x")
    assert config is not None
    service = config.services[-1]
    group = service.groups[-1]
    new = "next"
    result = saved(
        text,
        HostWeight(service.name, group.name, group.hosts[0].name, 3.0),
        GroupAdd(service.name, Group(name=new)),
        HostAdd(service.name, new, host("a")),
        GroupEnable(service.name, new),
    )
    for line in text.decode().splitlines():
        if "<enable" not in line and "enable=" not in line and group.hosts[0].ip.host not in line:
            assert line in result.decode().splitlines()


# -- any text, any edits --------------------------------------------------------------

_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)


@st.composite
def _commented(draw: st.DrawFn, config: Config) -> bytes:
    """The text of a config, with a comment here and there, and lines joined here and there."""
    lines = write(config).decode().splitlines()
    said = 0
    text = ""
    for line in lines:
        for _ in range(draw(st.integers(0, 1))):
            text += f"<!-- {said} -->" + draw(st.sampled_from(["\n", "", "\r\n\r\n"]))
            said += 1
        text += line.replace("/>", draw(st.sampled_from(["/>", " />"])))
        if draw(st.booleans()):
            text += f" <!-- {said} -->"
            said += 1
        text += draw(st.sampled_from(["\n", "\n", ""]))
    return text.encode()


@settings(max_examples=50)
@given(st.data())
def test_whatever_is_edited_is_said_and_comments_stay(data: st.DataObject) -> None:
    old = data.draw(configs)
    new = data.draw(configs)
    text = data.draw(_commented(old))
    assert rewrite(text, "x", old) == (text, True)
    result, kept = rewrite(text, "x", new)
    assert kept
    assert read(result, "x")[0] == new
    assert sorted(_COMMENT.findall(result)) == sorted(set(_COMMENT.findall(text)) - _gone(text, old, new))


def _gone(text: bytes, old: Config, new: Config) -> set[bytes]:
    """The comments inside services and groups that are not there any more."""
    places = {(one.name, group.name) for one in new.services for group in one.groups}
    services = {one.name for one in new.services}
    gone: set[bytes] = set()
    for service in Manuscript(text).root.elements:
        if service.name not in services:
            gone.update(_COMMENT.findall("".join(map(str, service.pieces)).encode()))
        for group in service.elements:
            if group.tag == "group" and (service.name, group.name) not in places:
                gone.update(_COMMENT.findall("".join(map(str, group.pieces)).encode()))
    return gone


_CALLED = {"a": "host.0", "b": "host.1", "c": "host.2", "d": "z"}


def _called(config: Config) -> Config:
    """The same with hosts called as those without a name."""
    return replace(
        config,
        services=tuple(
            replace(
                service,
                groups=tuple(
                    replace(group, hosts=tuple(replace(host, name=_CALLED[host.name]) for host in group.hosts))
                    for group in service.groups
                ),
            )
            for service in config.services
        ),
    )


@settings(max_examples=50)
@given(st.data(), st.sampled_from(["pdconfig", "config"]))
def test_whatever_is_edited_in_an_ancestors_file_is_said_in_its_words(data: st.DataObject, root: str) -> None:
    text = data.draw(_commented(_called(data.draw(configs)))).replace(b"<director", b"<" + root.encode())
    text = text.replace(b"</director", b"</" + root.encode())
    for name in (rb'name="host\.\d" ', rb"(?<=<group )(?=name)"):
        text = re.sub(
            name, lambda match: b"" if match[0] else b'enable="yes" ', text, count=data.draw(st.integers(0, 3))
        )
    old, _ = read(text, "x")
    assert old is not None
    new = _called(data.draw(configs))
    result, kept = rewrite(text, "x", new)
    assert kept
    assert read(result, "x")[0] == new
    assert Manuscript(result).root.tag == root
    assert sorted(_COMMENT.findall(result)) == sorted(set(_COMMENT.findall(text)) - _gone(text, old, new))


@settings(max_examples=50)
@given(st.data())
def test_comments_stay_in_order_while_nothing_moves(data: st.DataObject) -> None:
    old, new = data.draw(configs), data.draw(configs)
    text = data.draw(_commented(old))
    services = {one.name: one for one in new.services}
    # As operators leave it: the same things in the same order, new ones at the end.
    stay = [services.pop(one.name) for one in old.services if one.name in services]
    wanted = replace(new, services=(*(replace(one, groups=(), enabled="") for one in stay), *services.values()))
    result, kept = rewrite(text, "x", wanted)
    assert kept
    before = _COMMENT.findall(text)
    after = _COMMENT.findall(result)
    assert after == [comment for comment in before if comment in set(after)]
