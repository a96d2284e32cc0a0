"""What comes and goes by command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from director.access import Access
from director.config.changes import amend
from director.config.model import Admin, Check, Endpoint, Group, Listen, User
from director.errors import RefusedError, UsageError
from director.messages import (
    Change,
    GroupAdd,
    GroupDelete,
    HostAdd,
    HostDelete,
    HostDeleteAll,
    ListenAdd,
    ListenDelete,
    Running,
    ServiceAdd,
    ServiceDelete,
    ServiceDisable,
    ServiceEnable,
    UserAdd,
    UserDelete,
)
from tests.director.config.configs import ANN, RUNNING, host, service

EVA = User(name="eva", password="$argon2id$xxxxxxxxxxxx", access=Access.FULL)


def do(running: Running, *changes: Change, force: bool = False) -> Running:
    for change in changes:
        running, sentence = amend(running, change, ANN, 1.0, force=force)
        assert sentence
    return running


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (HostDelete("db", "main", "a"), "last usable host"),
        (HostDeleteAll("web", "main"), "no usable host"),
        (GroupDelete("web", "main"), "it is enabled"),
        (ServiceDelete("web", open=3), "3 open connections"),
    ],
)
def test_what_would_hurt_clients_needs_force(change: Change, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        do(RUNNING, change)
    assert do(RUNNING, change, force=True).version == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (HostAdd("web", "main", host("a", weight=7.0)), "another of this name"),
        (ListenAdd("web", Listen(ip=Endpoint("*", 5432))), "service 'db' does"),
        (ServiceAdd(service("new", port=80)), "service 'web' does"),
        (ListenDelete("web", "*:80"), "has no other"),
        (GroupAdd("web", Group(name="new", scheduler="python:os:system")), "neither the config file"),
        (UserAdd(EVA), "no <admin>"),
        (
            HostAdd("web", "main", host("u", ip=Endpoint(path="/run/u.sock"), check=Check(port=80))),
            "its check goes to port 80, and unix:/run/u.sock has no address; write both",
        ),
    ],
)
def test_what_can_not_be_is_refused_also_with_force(change: Change, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        do(RUNNING, change, force=True)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (HostAdd("web", "main", host("a b")), "letters, digits"),
        (GroupAdd("web", Group(name="new", scheduler="fastest")), "can't use scheduler"),
        (ServiceAdd(service("new", Group(name="main", scheduler="fastest"), port=81)), "can't use scheduler"),
        (ServiceAdd(service("new", Group(name="g.1"), port=81)), "can't name a group 'g.1'"),
        (ListenDelete("web", "*:81"), "did you mean"),
        (UserDelete("eva"), "unknown user"),
        *(
            (UserAdd(replace(EVA, name=name)), "can't name a user .*: .*write printable signs without ':'")
            for name in ("", "e:va", "e\nva", "e\x01", " eva", "eva ")
        ),
    ],
)
def test_what_is_not_there_or_not_a_name_is_told(change: Change, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        do(RUNNING, change)


@pytest.mark.parametrize(
    "change",
    [HostAdd("web", "main", host("a")), ServiceEnable("web"), GroupAdd("db", Group(name="main", hosts=(host("a"),)))],
)
def test_what_is_so_already_changes_nothing(change: Change) -> None:
    assert do(RUNNING, change) is RUNNING


def test_a_disabled_service_listens_nowhere() -> None:
    running = do(RUNNING, ServiceDisable("web"))
    assert [one.name for one, _ in running.config.listens()] == ["db"]
    assert do(running, ServiceEnable("web")).config == RUNNING.config


def test_the_first_group_of_a_service_is_enabled_with_it() -> None:
    running = do(RUNNING, ServiceAdd(service("new", port=81)), GroupAdd("new", Group(name="main")))
    assert running.config.services[-1].enabled == "main"


def test_a_scheduler_is_known_by_its_one_name_whatever_it_was_called() -> None:
    new = ServiceAdd(service("new", Group(name="main", scheduler="leastc"), port=81))
    running = do(RUNNING, new, GroupAdd("new", Group(name="next", scheduler="rand,sticky")))
    assert [group.scheduler for group in running.config.services[-1].groups] == ["leastconnsrr", "random,sticky"]


def test_users_come_to_all_admins_or_to_one() -> None:
    admins = tuple(Admin(listen=Endpoint("127.0.0.1", port)) for port in (7001, 7002))
    running = replace(RUNNING, config=replace(RUNNING.config, admins=admins))
    both = do(running, UserAdd(EVA))
    assert [admin.users for admin in both.config.admins] == [(EVA,), (EVA,)]
    one = do(running, UserAdd(EVA, "127.0.0.1:7002"))
    assert [admin.users for admin in one.config.admins] == [(), (EVA,)]
    assert do(one, UserDelete("eva")).config == running.config


def test_who_is_in_a_users_file_is_removed_there() -> None:
    admin = Admin(listen=Endpoint("127.0.0.1", 7001), users_file="/etc/users.yaml", users=(EVA,))
    running = replace(RUNNING, config=replace(RUNNING.config, admins=(admin,)))
    with pytest.raises(UsageError, match=r"unknown user 'op'; .*; who is in /etc/users\.yaml is removed there"):
        do(running, UserDelete("op"))
