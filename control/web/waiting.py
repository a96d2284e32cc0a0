"""Connections from which bytes are awaited: until when, and who makes room when there are too many.

Who says nothing, or a byte now and then, costs a connection like everybody
else. So a whole request has to be there in time, and where all connections are
taken, the one that was waited for longest gives way.
"""

from __future__ import annotations

import contextlib
import io
import socket
import time
from typing import Any


class Waiting:
    """By the connection's descriptor, when its request has to be there. Pure but for `give_way`."""

    def __init__(self) -> None:
        self._due: dict[int, float] = {}

    def begin(self, descriptor: int, due: float) -> None:
        """Something is awaited from there."""
        self._due[descriptor] = due

    def end(self, descriptor: int) -> None:
        """It is there, or nobody waits for it any more."""
        self._due.pop(descriptor, None)

    def give_way(self) -> None:
        """Hear no more from whoever has been waited for longest, if there is anybody."""
        if not self._due:
            return
        descriptor = min(self._due, key=self._due.__getitem__)
        self.end(descriptor)
        # By the kernel: whoever waits there finds the end of the stream, be it in the midst of a handshake.
        connection = socket.socket(fileno=descriptor)
        with contextlib.suppress(OSError):  # gone by itself
            connection.shutdown(socket.SHUT_RD)
        connection.detach()


class Stream(io.RawIOBase):
    """What a client sends. `due`: when the request that is being read has to be there."""

    def __init__(self, connection: Any, waiting: Waiting) -> None:
        super().__init__()
        self.due = 0.0
        self._over = False
        self._connection = connection
        self._waiting = waiting

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._over:
            return 0
        descriptor, usual = self._connection.fileno(), self._connection.gettimeout()
        self._waiting.begin(descriptor, self.due)
        try:
            self._connection.settimeout(max(0.0, self.due - time.monotonic()))
            return int(self._connection.recv_into(buffer))
        except OSError:
            self._over = True  # what comes later is no request
            raise
        finally:
            self._connection.settimeout(usual)
            self._waiting.end(descriptor)
