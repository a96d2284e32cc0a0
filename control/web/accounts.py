"""Users of an admin: those of config.xml and of its users file, and whether a password is theirs.

    # users.yaml
    - {name: ann, password: "$argon2id$...", access: full}
    - {name: bob, password: "iy9l0V1MkG1DE", access: readonly}

Passwords are hashes by argon2, or by crypt(3) as the ancestors had them. Both are
made to take long: they are checked beside the loop, which goes on with pages.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import hashlib
import hmac
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Any

import argon2
import gevent
import yaml
from gevent.lock import BoundedSemaphore

from director.access import Access
from director.config.model import User
from director.config.values import is_hash
from director.errors import RefusedError

LARGEST = 1024 * 1024  # bytes of a users file
_LONGEST = 1024  # characters of a password
_WAITING = 30  # passwords at a time; about as many tenths of a second
_BY_ARGON2 = "$argon2"
_ARGON2 = argon2.PasswordHasher()
_crypt = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1").crypt
_crypt.restype = ctypes.c_char_p
_crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
# What an unknown user's password is compared to, so that it takes as long as a known one's.
_NOBODY = User(name="", password=_ARGON2.hash(os.urandom(16)))


def parse(text: str, path: str) -> tuple[User, ...]:
    """The users in a users file. Raises RefusedError."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise RefusedError(f"can't read {path}{line}: it is not YAML") from None
    entries = [] if document is None else document
    if not isinstance(entries, list):
        raise RefusedError(f'can\'t read {path}: write a list of {{name: ann, password: "HASH", access: full}}')
    users: dict[str, User] = {}
    for place, entry in enumerate(entries, 1):
        user = _user(entry, f"can't read {path}: entry {place}")
        if user.name in users:
            raise RefusedError(f"can't read {path}: entry {place}: there is a user {user.name!r} already")
        users[user.name] = user
    return tuple(users.values())


def _user(entry: Any, where: str) -> User:
    if not isinstance(entry, dict) or not {"name", "password"} <= entry.keys() <= {"name", "password", "access"}:
        raise RefusedError(f"{where}: write name, password and access, and nothing else")
    name, password = entry["name"], entry["password"]
    if not isinstance(name, str) or not name or not name.isprintable() or ":" in name:
        raise RefusedError(f"{where}: the name must be printable signs without ':'")
    if not isinstance(password, str) or not is_hash(password):
        raise RefusedError(f"{where}: the password of {name!r} is not a hash by argon2 or crypt(3)")
    try:
        return User(name=name, password=password, access=Access(entry.get("access", "readonly")))
    except ValueError:
        raise RefusedError(f"{where}: access must be full or readonly") from None


def read(fd: int, path: str) -> tuple[User, ...]:
    """The users in an open users file. Raises RefusedError."""
    if os.fstat(fd).st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise RefusedError(f"can't trust {path}: others than its owner may write to it; chmod go-w {path}")
    data = os.pread(fd, LARGEST + 1, 0)
    if len(data) > LARGEST:
        raise RefusedError(f"can't read {path}: it is larger than {LARGEST} bytes")
    try:
        return parse(data.decode(), path)
    except UnicodeDecodeError:
        raise RefusedError(f"can't read {path}: it is not UTF-8") from None


class BusyError(Exception):
    """So many passwords wait to be checked that another can't."""


class Turns:
    """One after the other: crypt(3) can't do two at a time, and whoever guesses keeps one processor busy, not all."""

    def __init__(self, most: int) -> None:
        self._one = BoundedSemaphore(1)
        self._most = most
        self._count = 0

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Ours, once it comes. Raises BusyError."""
        if self._count >= self._most:
            raise BusyError
        self._count += 1
        try:
            with self._one:
                yield
        finally:
            self._count -= 1


TURNS = Turns(_WAITING)  # of this process, whatever the admin


class Accounts:
    """The users of one admin; what was found right is remembered while the hash stays the same."""

    def __init__(self, users: Iterable[User]) -> None:
        self._key = os.urandom(16)
        self._right: dict[str, bytes] = {}
        self.renew(users)

    def renew(self, users: Iterable[User]) -> None:
        """These are the users now."""
        self._users = {user.name: user for user in users}

    def find(self, name: str) -> User | None:
        """A user by name."""
        return self._users.get(name)

    def recognise(self, name: str, password: str) -> User | None:
        """The user who has shown this password before."""
        user = self._users.get(name)
        if user is None or not hmac.compare_digest(self._right.get(name, b""), self._digest(user, password)):
            return None
        return user

    def enter(self, name: str, password: str) -> User | None:
        """The user whose name and password these are; None, after the same time, if there is none.

        Whoever calls it has the turn.
        """
        user = self._users.get(name, _NOBODY)
        if len(password) > _LONGEST:
            return None
        if not gevent.get_hub().threadpool.apply(_is_right, (user.password, password)) or user is _NOBODY:
            return None
        self._right[name] = self._digest(user, password)
        return user

    def _digest(self, user: User, password: str) -> bytes:
        return hmac.digest(self._key, f"{user.password}\0{password}".encode(errors="replace"), hashlib.sha256)


def _is_right(hashed: str, password: str) -> bool:
    right = verify(hashed, password)
    if not right and not hashed.startswith(_BY_ARGON2):
        verify(_NOBODY.password, password)  # crypt's answer alone comes so soon that it tells who is a user
    return right


def verify(hashed: str, password: str) -> bool:
    """Whether the hash is of this password."""
    if hashed.startswith(_BY_ARGON2):
        try:
            return _ARGON2.verify(hashed, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
    if "\0" in password:
        return False  # crypt sees what is before it alone
    found = _crypt(password.encode(errors="replace"), hashed.encode())
    return found is not None and not found.startswith(b"*") and hmac.compare_digest(found, hashed.encode())
