"""The pid file: what init scripts and `kill $(cat ...)` rely on."""

from __future__ import annotations

import os


def write_pid_file(path: str) -> None:
    """Exactly `PID` and a newline, never seen by half. Raises OSError."""
    new = f"{path}.new"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.fchmod(fd, 0o644)
        os.write(fd, f"{os.getpid()}\n".encode())
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(new, path)


def read_pid_file(path: str) -> int | None:
    """The pid in it, or None."""
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
