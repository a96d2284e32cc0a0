"""The pid file: what init scripts and `kill $(cat ...)` rely on."""

from __future__ import annotations

import os

from director.backups import check_regular
from director.errors import refusal


def write_pid_file(path: str) -> None:
    """Exactly `PID` and a newline, never seen by half. Raises OSError."""
    text = f"{os.getpid()}\n".encode()
    try:
        _replace(path, text)
    except OSError:
        if not _overwritten(path, text):
            raise


def _overwritten(path: str, text: bytes) -> bool:
    """A disk that is full takes no new file, but where a pid is already, there is room for this one."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        os.pwrite(fd, text, 0)
        os.ftruncate(fd, len(text))
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _replace(path: str, text: bytes) -> None:
    new = f"{path}.new"
    fd = _open(new)
    try:
        os.fchmod(fd, 0o644)
        os.write(fd, text)
        os.fsync(fd)
        os.rename(new, path)
    except OSError:
        os.unlink(new)
        raise
    finally:
        os.close(fd)


def check_pid_file(path: str) -> None:
    """Before anything is begun: it can be written there. Raises SystemFailure, RightsError."""
    new = f"{path}.new"
    try:
        check_regular(path)
        os.close(_open(new))
        os.unlink(new)
    except OSError as error:
        message = f"can't write pid file {path}: {error.strerror}; name another by --pid-file"
        raise refusal(message, error) from None


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)


def read_pid_file(path: str) -> int | None:
    """The pid in it, or None."""
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
