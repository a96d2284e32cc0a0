"""Bytes from one side to the other, until both have said all.

Callbacks of the poller; nothing here blocks. A message is read as an object of
its own, and more than that through one buffer that all sessions share. What a
side does not take is kept, and the other side is not read until it has been
taken: that is the backpressure. The end of one side is passed on as the end of
what the other receives (half-close); the session is over when both directions
are. A side that breaks takes no more, but what it had sent before is still passed on.
A client that broke off has not said all: its host gets a reset, too.

A direction that proves bulk by large reads in a row goes through a pipe by
`splice` instead: its bytes never come into this process. It falls back to the
buffer where splice is refused, and when what it carries gets small again.
"""

from __future__ import annotations

import errno
import os

from workers.pipe import CAPACITY, Pipe, Pipes
from workers.poller import ENDED, ERROR, READ, URGENT, WRITE, Poller
from workers.session import NOBODY, Sessions, Side
from workers.sockopts import end_writing, send_at_once, stay_local

_BUFFER = 256 * 1024  # bytes; larger ones saved nothing, 64 KiB cost a third more CPU for bulk
_FULL_READS = 4  # in a row, then others get their turn
_LARGE = 64 * 1024  # bytes; reads of at least this size are bulk, of less a new object costs less than a slice
_SMALL = 16 * 1024  # bytes a turn; less than this is not
_BULK = 2  # large reads in a row that prove it
_MORE = ENDED | URGENT  # a read that comes back short was not the last: reads end at an urgent byte, too
_NEVER = -(1 << 30)  # a streak that proves nothing: splice was refused
_SPLICES = 2  # a turn, then others get theirs
_read, _readv, _write = os.read, os.readv, os.write
_NONBLOCK = os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE


class Relay:
    """Moves the bytes of all sessions of a worker."""

    def __init__(self, poller: Poller, sessions: Sessions, pipes: Pipes) -> None:
        self._poller = poller
        self._sessions = sessions
        self.pipes = pipes
        sessions.drop = self._drop
        self._view = memoryview(bytearray(_BUFFER))
        self._buffers = [self._view]
        # Made once: a bound method made per session would be an object per session.
        self.stage = self.on_event
        self.first_stage = self.on_first_event
        self.burdened_stage = self.on_burdened_event
        self._read_on = self._pump

    def on_first_event(self, client: Side, mask: int) -> None:
        """As `on_event`, for a client until it speaks for the second time.

        Its first bytes have nothing to wait for. What follows must not wait for
        the host's acknowledgement, as sockets do by default; the client's own
        socket has learnt that from its listener.
        """
        if client.received and mask & READ and not mask & ENDED:
            client.stage = self.stage
            send_at_once(client.peer.fd)
        self.on_event(client, mask)

    def on_event(self, side: Side, mask: int) -> None:
        """Something happened to one side's socket, while nothing is pending and nobody is dead.

        Nearly all events are these: a few bytes, all of which the peer takes, or the end of them.
        """
        peer = side.peer
        while True:
            try:
                data = _read(side.fd, _LARGE)
            except BlockingIOError:
                return
            except OSError:
                self._broke(side)
                return
            if not data:
                side.ended = True
                if peer.ended:
                    self._sessions.end(side.session)
                elif not peer.shut:
                    peer.shut = True
                    end_writing(peer.fd)
                return
            count = len(data)
            side.received += count
            try:
                sent = _write(peer.fd, data)
            except BlockingIOError:
                sent = 0
            except OSError:
                if not self._kill(peer):
                    self.on_burdened_event(side, mask)
                return
            if sent != count:
                self._burden(peer, data[sent:])
                side.ready = mask
                return
            if count == _LARGE:
                side.streak = 1
                self._slow_down(side)
                side.ready = mask
                self._pump(side)
                return
            if not mask & _MORE:
                return

    def on_burdened_event(self, side: Side, mask: int) -> None:
        """The same while bytes are pending, or come in bulk, or one side is dead."""
        if side.ended and mask & ERROR:
            self._kill(side)
        elif side.pending is not None and mask & WRITE:
            self._flush(side)
        if mask & ~WRITE:
            side.ready |= mask
            self._pump(side)
        peer = side.peer
        if peer is NOBODY:
            return  # that was the end of it
        if side.pending is None and peer.pending is None and not (side.streak or side.dead or peer.dead):
            side.stage = self.stage

    def give(self, side: Side, data: bytes) -> None:
        """Write what was read before `side` was there."""
        try:
            sent = _write(side.fd, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._kill(side)
            return
        if sent < len(data):
            self._burden(side, data[sent:])

    def _carry(self, side: Side, peer: Side, count: int) -> bool:
        """Write what was read of `side`. False: no more for now, the peer takes no more or the session is over."""
        side.received += count
        try:
            sent = _write(peer.fd, self._view[:count])
        except BlockingIOError:
            sent = 0
        except OSError:
            return not self._kill(peer)
        if sent == count:
            return True
        self._burden(peer, bytes(self._view[sent:count]))
        return False

    def _burden(self, side: Side, pending: bytes | Pipe) -> None:
        """It did not take this; until it has, its peer is not read."""
        side.pending = pending
        self._slow_down(side)
        self._slow_down(side.peer)
        self._poller.watch_writing(side)

    def _slow_down(self, side: Side) -> None:
        """Its events need a closer look from now on."""
        if side.stage is self.first_stage:
            send_at_once(side.peer.fd)
        side.stage = self.burdened_stage

    def _pump(self, side: Side) -> None:
        """Read from `side` and write to its peer, until there is no more or it takes no more."""
        peer = side.peer
        if peer.pending is not None or side.ended or peer is NOBODY:
            return
        if side.streak >= _BULK and self._splice(side):
            return
        for _ in range(_FULL_READS):
            try:
                count = _readv(side.fd, self._buffers)
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
            if peer.dead:
                side.received += count
            elif not self._carry(side, peer, count):
                return
            side.streak = side.streak + 1 if count >= _LARGE else min(side.streak, 0)
            if count < _BUFFER and not side.ready & _MORE:
                # All that was there when the kernel told us; more will be a new edge.
                side.ready = 0
                return
        self._poller.unfinished(self._read_on, side)

    def _flush(self, side: Side) -> None:
        pending = side.pending
        if isinstance(pending, Pipe):
            side.pending = None
            if self._drain(pending, side):
                self.pipes.give(pending)
                self._flushed(side)
            elif side.dead:
                self._pump(side.peer)
            return
        assert pending is not None
        try:
            sent = os.write(side.fd, pending)
        except BlockingIOError:
            return
        except OSError:
            if not self._kill(side):
                self._pump(side.peer)
            return
        side.session.active = self._poller.now
        if sent < len(pending):
            side.pending = pending[sent:]
            self._poller.watch_writing(side)
            return
        side.pending = None
        self._flushed(side)

    def _flushed(self, side: Side) -> None:
        peer = side.peer
        if peer.ended:
            self._pass_on(peer)
        elif peer.ready:
            self._pump(peer)

    def _splice(self, side: Side) -> bool:
        """Move bulk through a pipe. False: it can't be done, or is bulk no more; copy instead."""
        peer = side.peer
        if not side.session.eased:
            side.session.eased = True
            stay_local(side.fd)
            stay_local(peer.fd)
        pipe = None if peer.dead else self.pipes.take()
        if pipe is None:
            side.streak = 0
            return False
        moved = 0
        for _ in range(_SPLICES):
            try:
                count = os.splice(side.fd, pipe.write, CAPACITY, flags=_NONBLOCK)
            except BlockingIOError:
                self.pipes.give(pipe)
                if side.ready & URGENT:  # a splice never gets past the mark
                    side.streak = 0
                    return False
                side.ready = 0
                if moved < _SMALL:
                    side.streak = 0
                return True
            except OSError as error:
                self.pipes.give(pipe)
                if error.errno == errno.EINVAL:
                    side.streak = _NEVER
                    return False
                self._broke(side)
                return True
            if not count:
                self.pipes.give(pipe)
                side.ended = True
                self._pass_on(side)
                return True
            side.received += count
            moved += count
            pipe.held = count
            if not self._drain(pipe, peer):
                if peer.dead:
                    side.streak = 0
                    self._poller.unfinished(self._read_on, side)
                return True
        self.pipes.give(pipe)
        self._poller.unfinished(self._read_on, side)
        return True

    def _drain(self, pipe: Pipe, side: Side) -> bool:
        """Empty the pipe into `side`; False if it did not take all, or is dead."""
        while pipe.held:
            try:
                pipe.held -= os.splice(pipe.read, side.fd, pipe.held, flags=_NONBLOCK)
            except BlockingIOError:
                self._burden(side, pipe)
                return False
            except OSError:
                side.pending = pipe
                self._kill(side)
                return False
        side.session.active = self._poller.now
        return True

    def _drop(self, side: Side) -> None:
        """What it did not take, it never will."""
        if isinstance(side.pending, Pipe):
            self.pipes.give(side.pending)
        side.pending = None

    def _pass_on(self, side: Side) -> None:
        """`side` has said all, and its peer has all of it or will never: pass that on, or end."""
        peer = side.peer
        if peer.pending is not None:
            return  # once it is written we come here again
        if side.dead or (peer.ended and side.pending is None):
            self._sessions.end(side.session)
        elif not peer.dead and not peer.shut:
            peer.shut = True
            end_writing(peer.fd)

    def _broke(self, side: Side) -> None:
        """Reading failed: it was reset. What it had sent before still goes to the peer."""
        if self._kill(side):
            return
        side.ended = True
        self._pass_on(side)

    def _kill(self, side: Side) -> bool:
        """It takes no more bytes; the first side to do so is why the session ends.

        True if that was the end: it had said all before, and its peer has all of
        it. Else the peer could go on for ever, and nobody would get what it says.
        """
        side.dead = True
        self._drop(side)
        self._slow_down(side)
        self._slow_down(side.peer)
        session = side.session
        if session.end == "--":
            session.end = "CD" if side is session.client else "SD"
        if side.ended and side.peer.pending is None:
            self._sessions.end(session)
            return True
        return False
