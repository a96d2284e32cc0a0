"""Sockets whose connections were cut, for the next checks: half the price of new ones.

A socket that is told to forget its connection sends a reset, leaves no TIME_WAIT,
and stands as if it were new, known to the epoll that it was in.
"""

from __future__ import annotations

import ctypes
import socket
from _socket import socket as Socket

_KEPT = 512  # of each family: more than are checked at the same moment of ten thousand
_connect = ctypes.PyDLL(None).connect  # keeps the interpreter's lock: nothing here waits
_SIZE = 16  # bytes
_NOWHERE = ctypes.create_string_buffer(_SIZE)  # struct sockaddr: AF_UNSPEC


class Spares:
    """Those of one process."""

    def __init__(self) -> None:
        self._idle: dict[int, list[Socket]] = {socket.AF_INET: [], socket.AF_INET6: []}

    def take(self, family: int) -> Socket | None:
        """One without a connection; the caller's from now on."""
        idle = self._idle.get(family)
        return idle.pop() if idle else None

    def give(self, sock: Socket) -> bool:
        """Cut its connection and keep it. False: that can't be, and it is the caller's still."""
        idle = self._idle.get(sock.family)
        if idle is None or len(idle) >= _KEPT or _connect(sock.fileno(), _NOWHERE, _SIZE):
            return False
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # that we reset it ourselves
        idle.append(sock)
        return True

    def close(self) -> None:
        """All of them."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()
