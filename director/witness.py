"""Whose code a worker was running when it died.

A user's own scheduler that hangs outside of Python, or crashes there, takes
its worker along, and that can't say any more what it died of. So while a worker
asks one, it keeps ready what the hub is to hear of it then: in a file in the
folder of its generation, which both work in. The hub reads it when the worker
is dead, and removes it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from director.errors import RemoteProtocolError
from director.frames import LENGTH
from director.framing import decode, encode_body
from director.messages import SchedulerFailed

_SIZE = 4096  # bytes
_NOTHING = LENGTH.pack(0)

P = ParamSpec("P")
T = TypeVar("T")


class Witness:
    """In the worker. Without room for its file it sees nothing. `incarnation`: the worker's."""

    def __init__(self, incarnation: int) -> None:
        self._memory: mmap.mmap | None = None
        with contextlib.suppress(OSError), open(_name(incarnation), "w+b") as file:
            os.posix_fallocate(file.fileno(), 0, _SIZE)  # so that no write finds the disk full
            self._memory = mmap.mmap(file.fileno(), _SIZE)

    def watch(self, run: Callable[P, T], blamed: SchedulerFailed) -> Callable[P, T]:
        """What does as `run`; who dies of it has said this."""
        memory, body = self._memory, encode_body(blamed)
        words = LENGTH.pack(len(body)) + body
        if memory is None or len(words) > _SIZE:
            return run

        def watched(*args: P.args, **kwargs: P.kwargs) -> T:
            memory[: len(words)] = words
            try:
                return run(*args, **kwargs)
            finally:
                memory[: len(_NOTHING)] = _NOTHING

        return watched


def blamed_by(incarnation: int) -> SchedulerFailed | None:
    """What a dead worker died of, if it was in a scheduler of the user's own; to be asked once."""
    try:
        with open(_name(incarnation), "rb") as file:
            words = file.read(_SIZE)
        os.unlink(_name(incarnation))
        size = LENGTH.unpack_from(words)[0]
        message = decode(words[LENGTH.size : LENGTH.size + size]) if size else None
    except (OSError, ValueError, RemoteProtocolError):
        return None
    return message if isinstance(message, SchedulerFailed) else None


def _name(incarnation: int) -> str:
    return f"choosing-{incarnation}"
