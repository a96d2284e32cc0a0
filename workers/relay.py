"""Bytes from one side to the other, until both have said all.

Callbacks of the poller; nothing here blocks. Data goes through one buffer that
all sessions share; it is copied only when a side does not take all of it, and
then the other side is not read until it has: that is the backpressure. The end
of one side is passed on as the end of what the other receives (half-close); the
session is over when both directions are. A side that breaks takes no more, but
what it had sent before still arrives.
"""

from __future__ import annotations

import ctypes
import os
import socket

from workers.poller import ENDED, WRITE, Poller
from workers.session import Sessions, Side

_BUFFER = 256 * 1024  # bytes; larger ones saved nothing, 64 KiB cost a third more CPU for bulk
_FULL_READS = 4  # in a row, then others get their turn

# socket.shutdown needs a socket object, and making one of a descriptor costs a
# getsockname; both for every connection.
_shutdown = ctypes.CDLL(None).shutdown


class Relay:
    """Moves the bytes of all sessions of a worker."""

    def __init__(self, poller: Poller, sessions: Sessions) -> None:
        self._poller = poller
        self._sessions = sessions
        self._view = memoryview(bytearray(_BUFFER))
        self._buffers = [self._view]
        # Made once: a bound method made per session would be an object per session.
        self.stage = self.on_event
        self._read_on = self._pump

    def on_event(self, side: Side, mask: int) -> None:
        """Something happened to one side's socket."""
        if side.pending is not None and mask & WRITE:
            self._flush(side)
        if mask & ~WRITE:
            side.ready |= mask
            self._pump(side)

    def _pump(self, side: Side) -> None:
        """Read from `side` and write to its peer, until there is no more or it takes no more."""
        peer = side.peer
        if peer.pending is not None or side.ended or peer is side:
            return
        session = side.session
        view = self._view
        for _ in range(_FULL_READS):
            try:
                count = os.readv(side.fd, self._buffers)
            except BlockingIOError:
                side.ready = 0
                return
            except OSError:
                self._broke(side)
                return
            if not count:
                side.ended = True
                self._pass_on(side)
                return
            session.active = self._poller.now
            side.received += count
            if not peer.dead:
                try:
                    sent = os.write(peer.fd, view[:count])
                except BlockingIOError:
                    sent = 0
                except OSError:
                    self._kill(peer)
                    sent = count
                if sent < count:
                    peer.pending = bytes(view[sent:count])
                    return
            if count < _BUFFER and not side.ready & ENDED:
                # All that was there when the kernel told us; more will be a new edge.
                side.ready = 0
                return
        self._poller.unfinished(self._read_on, side)

    def _flush(self, side: Side) -> None:
        pending = side.pending
        assert pending is not None
        try:
            sent = os.write(side.fd, pending)
        except BlockingIOError:
            return
        except OSError:
            self._kill(side)
            self._pump(side.peer)
            return
        side.session.active = self._poller.now
        if sent < len(pending):
            side.pending = pending[sent:]
            return
        side.pending = None
        peer = side.peer
        if peer.ended:
            self._pass_on(peer)
        elif peer.ready:
            self._pump(peer)

    def _pass_on(self, side: Side) -> None:
        """`side` has said all, and its peer has all of it or will never: pass that on, or end."""
        peer = side.peer
        if peer.pending is not None:
            return  # once it is written we come here again
        if side.dead or (peer.ended and side.pending is None):
            self._sessions.end(side.session)
        elif not peer.dead and not peer.shut:
            peer.shut = True
            _shutdown(peer.fd, socket.SHUT_WR)

    def _broke(self, side: Side) -> None:
        """Reading failed: it was reset. What it had sent before still goes to the peer."""
        self._kill(side)
        side.ended = True
        self._pass_on(side)

    def _kill(self, side: Side) -> None:
        """It takes no more bytes; the first side to do so is why the session ends."""
        side.dead = True
        side.pending = None
        session = side.session
        if session.end == "--":
            session.end = "CD" if side is session.client else "SD"
