"""Connections to hosts that were cut, and still count for their limits.

A host that has not ended a connection itself needs a moment to notice that we
did, and counts it until then. So our end is shut at once, but the permits are
given back only when the host has closed its own, or after a second.
"""

from __future__ import annotations

import socket
from _socket import socket as Socket
from collections.abc import Callable

from director.scheduling.scoreboard import CUT_HOLD, HostLoad, Scoreboard
from workers.poller import ENDED, Poller

# States in which the host has closed its end: TIME_WAIT, CLOSE, LAST_ACK, CLOSING.
_OVER = (6, 7, 9, 11)


class Cut:
    """One of them; the poller's, in the place of the session that is over."""

    __slots__ = ("fd", "host", "stage", "until")

    def __init__(self, fd: int, host: HostLoad, until: float, stage: Callable[..., None]) -> None:
        self.fd = fd
        self.host = host
        self.until = until
        self.stage = stage


class Cuts:
    """All of a worker."""

    def __init__(self, poller: Poller, board: Scoreboard) -> None:
        self._poller = poller
        self._board = board
        self._all: dict[Cut, None] = {}  # oldest first

    def hold(self, fd: int, host: HostLoad) -> bool:
        """Take over a connection that is watched by the poller; False if its host counts it no more."""
        sock = Socket(fileno=fd)
        over_tcp = sock.family != socket.AF_UNIX
        try:
            # Both ways: what the host may still send is answered by a reset. Of a unix socket one would hear nothing.
            sock.shutdown(socket.SHUT_RDWR if over_tcp else socket.SHUT_WR)
        except OSError:
            return False
        finally:
            sock.detach()
        if over_tcp and _is_over(fd):
            return False
        cut = Cut(fd, host, self._poller.now + CUT_HOLD, self._on_tcp if over_tcp else self._on_unix)
        self._all[cut] = None
        self._poller.replace(fd, cut)
        return True

    def _on_tcp(self, cut: Cut, _mask: int) -> None:
        if _is_over(cut.fd):
            self._finish(cut)

    def _on_unix(self, cut: Cut, mask: int) -> None:
        if mask & ENDED:
            self._finish(cut)

    def sweep(self) -> None:
        """A few times a second: those whose hosts had their moment."""
        for cut in list(self._all):
            if cut.until > self._poller.now:
                break
            self._finish(cut)

    def _finish(self, cut: Cut) -> None:
        del self._all[cut]
        self._poller.close(cut.fd)
        self._board.give_back(cut.host)


def _is_over(fd: int) -> bool:
    sock = Socket(fileno=fd)
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in _OVER
    except OSError:
        return True
    finally:
        sock.detach()
