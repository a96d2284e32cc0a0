"""Users of an admin and their passwords."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import argon2
import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

import control.web.accounts
from control.web.accounts import LARGEST, Accounts, BusyError, Turns, parse, read, verify
from director.access import Access
from director.config.model import User
from director.errors import RefusedError

DES = "abNANd1rDfiNc"  # "secret", as Python Director kept it
ARGON2 = argon2.PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash("secret")


@pytest.mark.parametrize("hashed", [DES, ARGON2], ids=["crypt", "argon2"])
def test_a_password_is_told_from_another_by_either_hash(hashed: str) -> None:
    assert verify(hashed, "secret")
    for wrong in ("Secret", "", "secret\0", "sécret", "x" * 5000):
        assert not verify(hashed, wrong)


def test_what_is_no_hash_is_nobodys_password() -> None:
    for hashed in ("." * 13, "*", "$argon2id$rubbish", "$9$x$y"):
        assert not verify(hashed, hashed)


def test_only_a_known_name_with_its_own_password_enters() -> None:
    accounts = Accounts([User(name="ann", password=DES, access=Access.FULL)])
    for _ in range(2):
        user = accounts.enter("ann", "secret")
        assert user is not None and user.access is Access.FULL
        assert accounts.recognise("ann", "secret") is user
        assert accounts.enter("ann", "wrong") is None
        assert accounts.enter("bob", "secret") is None
        assert accounts.enter("", "") is None
        for name, password in (("ann", "wrong"), ("bob", "secret"), ("", "")):
            assert accounts.recognise(name, password) is None


def test_who_was_right_is_recognised_until_the_hash_is_another() -> None:
    ann = User(name="ann", password=DES)
    accounts = Accounts([ann])
    assert accounts.recognise("ann", "secret") is None
    accounts.enter("ann", "secret")
    accounts.renew([User(name="ann", password=DES, access=Access.FULL)])
    found = accounts.recognise("ann", "secret")
    assert found is not None and found.access is Access.FULL
    accounts.renew([User(name="ann", password=ARGON2)])
    assert accounts.recognise("ann", "secret") is None
    accounts.renew([])
    assert accounts.recognise("ann", "secret") is None


def test_while_a_password_is_checked_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    went_on = threading.Event()
    monkeypatch.setattr(control.web.accounts, "verify", lambda *_: went_on.wait(10))
    gevent.spawn(went_on.set)
    assert Accounts([User(name="ann", password=ARGON2)]).enter("ann", "secret") is not None


def test_passwords_are_checked_in_turn_and_so_many_wait() -> None:
    turns = Turns(2)
    order = []

    def check() -> None:
        with turns.turn():
            order.append("in")
            gevent.sleep(0)
            order.append("out")

    checks = [gevent.spawn(check) for _ in range(3)]
    gevent.joinall(checks, timeout=10)
    assert order == ["in", "out"] * 2
    assert [type(one.exception) for one in checks] == [type(None), type(None), BusyError]
    check()  # there is room again


def test_a_wrong_password_takes_as_long_whatever_hash_a_user_has_or_whether_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    class Slow:
        def verify(self, hashed: str, password: str) -> bool:
            asked.append(hashed)
            raise argon2.exceptions.VerifyMismatchError

    monkeypatch.setattr(control.web.accounts, "_ARGON2", Slow())
    accounts = Accounts([User(name="ann", password=DES), User(name="bob", password=ARGON2)])
    for name in ("ann", "bob", "eve"):
        assert accounts.enter(name, "wrong") is None
    assert len(asked) == 3


def test_a_file_of_users() -> None:
    text = f'- {{name: ann, password: "{DES}", access: full}}\n- {{name: bob, password: "{ARGON2}"}}\n'
    assert [(user.name, user.access) for user in parse(text, "u")] == [("ann", Access.FULL), ("bob", Access.READONLY)]
    assert parse("", "u") == ()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("- [", "not YAML"),
        ("name: ann", "write a list"),
        ("- ann", "write name"),
        (f"- {{name: ann, password: {DES}, admin: yes}}", "nothing else"),
        ("- {name: ann, password: secret}", "not a hash"),
        (f"- {{name: 'a:b', password: {DES}}}", "name must be"),
        (f"- {{name: ann, password: {DES}, access: root}}", "access must be"),
        (f"- {{name: ann, password: {DES}}}\n- {{name: ann, password: {DES}}}", "already"),
        ("!!python/object/apply:os.system [id]", "not YAML"),
    ],
)
def test_a_file_that_is_wrong_says_how(text: str, cause: str) -> None:
    with pytest.raises(RefusedError, match=cause):
        parse(text, "users.yaml")


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    try:
        parse(text, "users.yaml")
    except RefusedError:
        pass


def test_a_file_that_others_may_write_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "users.yaml"
    path.write_text(f"- {{name: ann, password: {DES}}}\n")
    path.chmod(0o666)
    fd = os.open(path, os.O_RDONLY)
    with pytest.raises(RefusedError, match="chmod go-w"):
        read(fd, "users.yaml")
    path.chmod(0o640)
    assert len(read(fd, "users.yaml")) == 1
    path.write_bytes(b"#" * (LARGEST + 1))
    with pytest.raises(RefusedError, match="larger"):
        read(fd, "users.yaml")
    os.close(fd)
