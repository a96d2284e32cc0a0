"""What whoever may only look does not get to see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from director.config.model import Admin, Config, Endpoint, Logging, User
from director.config.reader import read
from director.config.veil import LOCKED, unveiled, veiled, veiled_text
from director.config.writer import write

DES = "abNANd1rDfiNc"


def test_a_config_without_hashes_is_a_config_with_the_same_users() -> None:
    users = (User(name="ann", password=DES), User(name="bob", password="$6$salt$hash"))
    logging = Logging(file="/var/log/password=x.log")
    config = Config(logging=logging, admins=(Admin(listen=Endpoint("127.0.0.1", 7001), users=users),))
    found, _ = read(write(veiled(config)), "x")
    assert found is not None
    assert [(user.name, user.password) for user in found.admins[0].users] == [("ann", LOCKED), ("bob", LOCKED)]
    assert found.logging == logging


def test_a_veiled_hash_is_the_one_that_runs() -> None:
    def config(*users: User) -> Config:
        return Config(admins=(Admin(listen=Endpoint("127.0.0.1", 7001), users=users),))

    ann, bob = User(name="ann", password=DES), User(name="bob", password="$6$salt$hash")
    locked = replace(bob, name="eve", password=LOCKED)
    running = config(ann, bob)
    assert unveiled(veiled(running), running) == running
    given = config(replace(ann, password="other"), locked)
    assert unveiled(given, running) == given


@pytest.mark.parametrize("written", [f"'{DES}'", DES, f'"{DES} access="full"', f"'{DES} access=full", f'\n"{DES}"'])
def test_a_file_that_is_not_well_formed_shows_no_hash_either(written: str) -> None:
    text = veiled_text(f"<!-- a\n<user name='x' password = {written}/> -->\n<host/>")
    assert DES not in text
    assert text.startswith("<!-- a\n<user name='x' password = ")
    assert f'"{LOCKED}"' in text and text.endswith("-->\n<host/>")


def test_a_text_in_an_encoding_that_nobody_named_shows_no_hash_either() -> None:
    text = f"<user password='{DES}'/>".encode("utf-16-le").decode()
    assert DES not in veiled_text(text).replace("\0", "")
