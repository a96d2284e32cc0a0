"""What a command takes from the client's machine, or leaves there: files and passwords.

The daemon opens no path that a command names; the client reads and writes, and
only bytes travel. Passwords never do: only their hashes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from control.commands.command import Command, CommandError, ErrorKind
from director.backups import replace_file, try_to_replace
from director.places import absolute


def enclosed(row: Command, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as they are sent: files with their bytes, a hash of the password. Raises CommandError."""
    sent = dict(given)
    for argument in row.arguments:
        if argument.carries and argument.name in sent:
            path = absolute(sent[argument.name])
            sent[argument.name] = [path, _read(path)]
    if row.name == "config-save" and "file" in sent:
        sent |= {"print": True, "file": absolute(sent["file"])}  # for the paths in it; we write it
    if row.name == "user-add" and "password" not in sent:
        sent["password"] = hashed(asked_password())
    return sent


def received(row: Command, args: Mapping[str, Any], result: Any) -> Any:
    """The result as it is shown, after a file that it holds is written. Raises CommandError."""
    if row.name != "config-save" or not args["file"]:
        return result
    path = absolute(args["file"])
    try:
        if args["dry-run"]:
            try_to_replace(path)
            return result
        backup = replace_file(path, result["text"].encode())
    except OSError as error:
        raise CommandError(ErrorKind.FAILED, f"can't write {path}: {error.strerror}") from None
    said = f"{path} says what runs" + (f"; what it said is in {backup}" if backup else "")
    return {"lines": [said], "file": path, "backup": backup or None, "warnings": result.get("warnings", [])}


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise CommandError(ErrorKind.FAILED, f"can't read {path}: {error.strerror}") from None


def asked_password() -> str:
    """A password, by prompt, or a line of stdin. Raises CommandError."""
    if sys.stdin is not None and sys.stdin.isatty():
        import getpass

        password = getpass.getpass("password: ")
        if password != getpass.getpass("again: "):
            raise CommandError(ErrorKind.FAILED, "can't take the password: the two are not the same")
    else:
        password = sys.stdin.readline().rstrip("\r\n") if sys.stdin is not None else ""
    if not password:
        raise CommandError(ErrorKind.FAILED, "can't take the password: it is empty; give it as one line of stdin")
    return password


def hashed(password: str) -> str:
    """The hash of a password, by argon2."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)
