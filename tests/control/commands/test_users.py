"""Commands about users."""

from __future__ import annotations

from dataclasses import replace

import pytest

from control.commands.command import CommandError
from control.render import render
from director.access import Access
from director.config.model import Admin, Endpoint, User
from director.messages import UserAdd, UserDelete
from tests.control.commands.running import ask, run
from tests.control.hubs import FakeHub

HASH = "$argon2id$abcdefghijklmn"
EVA = User(name="eva", password=HASH, access=Access.FULL)


def test_users_are_told_without_their_passwords(hub: FakeHub) -> None:
    admins = (Admin(listen=Endpoint("127.0.0.1", 7001), users_file="/etc/users.yaml", users=(EVA,)),)
    hub.running = replace(hub.running, config=replace(hub.running.config, admins=admins))
    told = run(hub, "users")
    assert told["users"] == [{"name": "eva", "access": "full", "admin": "127.0.0.1:7001"}]
    assert told["files"] == [{"admin": "127.0.0.1:7001", "path": "/etc/users.yaml"}]
    assert render("users", told).endswith("admin 127.0.0.1:7001: those in /etc/users.yaml, too")


def test_a_user_is_added_by_a_hash_and_removed_by_name(hub: FakeHub) -> None:
    ask(hub, "user-add", {"name": "eva", "access": "full", "password": HASH}, UserAdd(EVA), False)
    hub.asked.clear()
    ask(hub, "user-del", {"name": "eva"}, UserDelete("eva"), False)


@pytest.mark.parametrize(("access", "password"), [("all", HASH), ("full", "secret"), ("full", None)])
def test_what_is_no_hash_or_no_access_is_refused(hub: FakeHub, access: str, password: str | None) -> None:
    with pytest.raises(CommandError):
        ask(hub, "user-add", {"name": "eva", "access": access, "password": password}, None, False)
