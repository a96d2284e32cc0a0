"""Hosts whose name stands for several places."""

from __future__ import annotations

from dataclasses import replace
from operator import is_

from director.config.model import Config, Endpoint, Group, Host, Service
from director.members import Expansion, configured, expand, has_members
from director.messages import AdminDown, HostState, Member, Running

ALL = Host(name="app", ip=Endpoint("app.test", 80), resolve="all", maxconn=9, number=3)
PLAIN = Host(name="b", ip=Endpoint("10.0.0.1", 80), number=4)
WORD = AdminDown(HostState.MAINT, "root", 0.0)
MEMBERS = {3: tuple(Member(-n, f"app:{n}", Endpoint("10.0.0.9", n), 1.0, n > 1) for n in (1, 2))}


def running(*hosts: Host, **admin: AdminDown) -> Running:
    group = Group(name="main", hosts=hosts, number=2)
    return Running(7, Config(services=(Service(name="web", groups=(group,), number=1),)), {3: WORD} if admin else {})


def test_which_hosts_may_be_several() -> None:
    assert has_members(ALL)
    assert has_members(Host(name="s", ip=Endpoint(srv="_http._tcp.app.test")))
    assert not has_members(PLAIN)
    assert not has_members(Host(name="u", ip=Endpoint(path="/run/u.sock"), resolve="all"))


def test_members_are_known_by_the_name_that_the_config_has() -> None:
    for ip in (Endpoint("10.0.0.9", 80), Endpoint("fe80::1", 80)):
        for name in ("app", "app:x"):
            assert configured(-7, f"{name}:{ip}") == name
    assert configured(7, "app:10.0.0.9:80") == "app:10.0.0.9:80"  # somebody named a host so


def test_members_stand_in_for_their_host_and_have_all_it_has() -> None:
    arranged = expand(running(ALL, PLAIN), MEMBERS)
    (group,) = arranged.config.services[0].groups
    assert [(host.name, host.number, host.maxconn, host.backup) for host in group.hosts] == [
        ("app:1", -1, 9, False),
        ("app:2", -2, 9, True),
        ("b", 4, None, False),
    ]
    assert arranged.version == 7


def test_a_word_on_the_host_goes_for_its_members() -> None:
    assert expand(running(ALL, said=WORD), MEMBERS).admin == {3: WORD, -1: WORD, -2: WORD}


def test_a_host_without_members_stays_and_a_stranger_is_ignored() -> None:
    for members in ({}, {3: ()}, {99: MEMBERS[3]}, {4: MEMBERS[3]}):
        assert expand(running(ALL, PLAIN), members) == running(ALL, PLAIN)


def test_again_and_again_what_did_not_change_stays_the_same_object() -> None:
    expansion = Expansion()
    plain = Service(name="db", groups=(Group(name="main", hosts=(PLAIN,), number=9),), number=8)
    one = running(ALL, PLAIN)
    one = replace(one, config=replace(one.config, services=(*one.config.services, plain)))
    first = expansion.expand(one, MEMBERS)
    again = expansion.expand(replace(one, version=8), dict(MEMBERS))
    assert all(map(is_, first.config.services, again.config.services))
    assert first.config.services[1] is plain
    fewer = expansion.expand(one, {3: MEMBERS[3][:1]})
    assert [host.number for host in fewer.config.services[0].groups[0].hosts] == [-1, 4]
    assert fewer.config.services[1] is plain
    assert expansion.expand(one, {}) is one
