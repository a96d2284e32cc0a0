"""Pipes for splice: pages go from socket to socket through one, and are never copied.

A pipe costs two descriptors and, to a user without rights, a share of a limit;
so a direction borrows one only while bytes are in it, and a few are kept.
"""

from __future__ import annotations

import fcntl
import os

CAPACITY = 1024 * 1024  # bytes; the most that a user without rights may ask for
_LEAST = 64 * 1024  # a smaller one gains nothing over copying
_KEPT = 16


class Pipe:
    """One pipe. `held`: bytes in it."""

    __slots__ = ("held", "read", "write")

    def __init__(self, read: int, write: int) -> None:
        self.read, self.write = read, write
        self.held = 0


class Pipes:
    """The pool of a worker. `most`: pipes there may be at once, lent ones included."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._idle: list[Pipe] = []
        self.open = 0  # pipes there are, lent ones included

    def take(self) -> Pipe | None:
        """An empty pipe; None if there are too many, or the kernel gives us none that is worth it."""
        if self._idle:
            return self._idle.pop()
        if self.open >= self._most:
            return None  # slow readers keep theirs for long, and clients need the descriptors
        try:
            read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            size = fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, CAPACITY)
        except OSError:  # over /proc/sys/fs/pipe-user-pages-soft
            size = fcntl.fcntl(write, fcntl.F_GETPIPE_SZ)
        if size < _LEAST:
            os.close(read)
            os.close(write)
            return None
        self.open += 1
        return Pipe(read, write)

    def give(self, pipe: Pipe) -> None:
        """Done with it. One that still holds bytes, or is one too many, is closed."""
        if pipe.held or len(self._idle) >= _KEPT:
            self._close(pipe)
        else:
            self._idle.append(pipe)

    def sweep(self) -> None:
        """From time to time: let go of one that nobody wanted."""
        if self._idle:
            self._close(self._idle.pop(0))

    def _close(self, pipe: Pipe) -> None:
        os.close(pipe.read)
        os.close(pipe.write)
        self.open -= 1
