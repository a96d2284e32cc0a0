"""A file written anew, atomically, and what it said before kept beside it.

FILE.bak is what it said last, FILE.bak.1 what it said before that, and so on.
When there are ten, the last but one makes room: the first is nobody's but the
operator's, and stays for good.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat

_MOST = 10


def replace_file(path: str, text: bytes) -> str:
    """Have a file say this, or begin it; returns the path of its backup, "" if there was none. Raises OSError."""
    path = os.path.realpath(path)
    fresh, before = _beside(path, text)
    backup = ""
    try:
        if before is not None:
            with open(path, "rb") as file:
                said = file.read()
            backup = _make_room(path)
            _write(backup, said, before)
            os.utime(backup, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.rename(fresh, path)
    except OSError:
        os.unlink(fresh)
        raise
    sync_folder(path)
    return backup


def try_to_replace(path: str) -> None:
    """Raise the OSError that `replace_file` would, as far as can be known before. Nothing is left behind."""
    fresh, _ = _beside(os.path.realpath(path), b"")
    os.unlink(fresh)


def check_regular(path: str) -> os.stat_result | None:
    """What the file is, None if there is none. Raises OSError if it is no file.

    A device would be one, for everybody, once it is written anew.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    return found


def sync_folder(path: str) -> None:
    """Have the disk know that the file is there. Raises OSError."""
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _beside(path: str, text: bytes) -> tuple[str, os.stat_result | None]:
    """Write the text into a file beside this one, like it; returns its path, and what the one that is there is."""
    fresh = f"{path}.{secrets.token_hex(4)}.new"  # FILE.new may be somebody's draft
    before = check_regular(path)
    _write(fresh, text, before)
    return fresh, before


def _make_room(path: str) -> str:
    """The name of the next backup, after those that are there have moved on by one."""
    names = [f"{path}.bak", *(f"{path}.bak.{number}" for number in range(1, _MOST))]
    free = next((at for at, name in enumerate(names) if not os.path.lexists(name)), _MOST - 2)
    for at in range(free, 0, -1):
        os.rename(names[at - 1], names[at])
    return names[0]


def _write(path: str, text: bytes, like: os.stat_result | None) -> None:
    """Write a file to the disk that belongs to whom another one does, and may be read by whom that may."""
    mode = 0o666 if like is None else stat.S_IMODE(like.st_mode)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with open(fd, "wb") as file:
            if like is not None:
                os.fchown(fd, like.st_uid, like.st_gid)
                os.fchmod(fd, mode)
            file.write(text)
            file.flush()
            os.fsync(fd)
    except OSError:
        os.unlink(path)  # a half is no backup
        raise
