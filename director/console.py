"""What a command says to whoever typed it, on stdout and stderr.

That nobody can hear it (a pipe without a reader, a full disk) is no failure of the
command: its exit status tells what came of it, and what it says is left out.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import IO

from director.printable import clean

_STANDARD = (0, 1, 2)


def prepare() -> None:
    """Open the standard descriptors that are closed on nothing: else what is opened next would have their numbers.

    What an encoding can't say is said by its escapes.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) in _STANDARD:
        os.set_inheritable(fd, True)
    os.close(fd)
    # None is what Python makes of a descriptor that was closed when it began.
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - as long as the process lives
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):  # tests have others
        sys.stdout.reconfigure(errors="backslashreplace")


def paintable() -> bool:
    """Whether stdout is a terminal whose cursor can be moved: no file, and none that only goes on, as in an editor."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def say(text: str, end: str = "\n") -> None:
    """On stdout."""
    _write(text + end, sys.stdout, 1)


def complain(text: str, end: str = "\n") -> None:
    """On stderr. It quotes what was typed, which may hold what a terminal would obey."""
    _write("\n".join(map(clean, text.split("\n"))) + end, sys.stderr, 2)


def _write(text: str, stream: IO[str], fd: int) -> None:
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        forget(fd)


def wait(seconds: float, descriptor: int | None = None) -> bool:
    """For so long, or until the descriptor can be read: then True. Raises BrokenPipeError when nobody reads stdout."""
    poll = select.poll()
    poll.register(1, 0)  # of its end one is told in any case
    if descriptor is not None:
        poll.register(descriptor, select.POLLIN)
    found = dict(poll.poll(seconds * 1000))
    if found.get(1, 0) & (select.POLLERR | select.POLLHUP):
        raise BrokenPipeError
    return descriptor in found


def forget(fd: int) -> None:
    """Say no more there. Else the interpreter would try to write the rest at its end, and complain."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, fd)
    os.close(null)
