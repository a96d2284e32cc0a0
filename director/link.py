"""A link: the socketpair between the master and one child, carrying messages and descriptors.

The same class serves both ends. It never blocks and runs no loop: whoever owns
it watches `fileno()` for reading, and for writing while `wants_write`. The end
of the stream is the lifeline: `receive` returns `None` once the other side is
gone.
"""

from __future__ import annotations

import array
import os
import socket
from collections import deque
from collections.abc import Sequence

from director.errors import LocalProtocolError
from director.frames import FrameReader
from director.framing import decode, encode
from director.messages import (
    Accept,
    AdminFiles,
    Admit,
    ControlSockets,
    Introduce,
    Message,
    Rehouse,
    Reopen,
    Succession,
    TakeOver,
)

_RECEIVE = 256 * 1024  # bytes a call
_FDS = 250  # Linux passes at most 253 descriptors with one message
_QUEUE_LIMIT = 64 * 1024 * 1024  # bytes waiting for a child that does not read

Received = tuple[Message, tuple[int, ...]]


class Link:
    """One end of a link. Owns `sock`, which is made non-blocking."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._reader = FrameReader()
        self._fds: deque[int] = deque()
        self._out: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._queued = 0

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._sock.fileno()

    @property
    def wants_write(self) -> bool:
        """Whether something waits until the other side reads."""
        return bool(self._out)

    def send(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Queue a message and send what the socket takes now.

        `fds` go along as copies; the caller keeps its own. A peer that is gone
        is no error here: `receive` tells. Raises LocalProtocolError when the
        peer has not read for so long that the queue is full.
        """
        body = encode(message)
        if self._queued + len(body) > _QUEUE_LIMIT:
            raise LocalProtocolError(f"can't send {type(message).__name__}: {self._queued} bytes wait already")
        # The copies outlive the caller's: it may close its own before they are sent.
        copies = tuple(os.dup(fd) for fd in fds)
        self._out.append((body, copies))
        self._queued += len(body)
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes now."""
        while self._out:
            data, fds = self._out[0]
            try:
                if fds:
                    rights = array.array("i", fds[:_FDS])
                    # A few bytes only, so that more descriptors find bytes to travel with.
                    piece = data[:1] if len(fds) > _FDS else data
                    sent = self._sock.sendmsg([piece], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
                else:
                    sent = self._sock.send(data)
            except BlockingIOError:
                return
            except OSError:  # the peer is gone; nobody will ever read this
                self._discard()
                return
            self._queued -= sent
            for fd in fds[:_FDS]:
                os.close(fd)
            rest, left = data[sent:], fds[_FDS:]
            if rest:
                self._out[0] = (rest, left)
            else:
                self._out.popleft()

    def receive(self) -> list[Received] | None:
        """All messages that have come, each with its descriptors; None at the end of the stream.

        The receiver owns the descriptors. Raises RemoteProtocolError.
        """
        room = socket.CMSG_SPACE(_FDS * array.array("i").itemsize)
        try:
            data, ancillary, _, _ = self._sock.recvmsg(_RECEIVE, room, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        for _level, _type, payload in ancillary:
            fds = array.array("i")
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
            self._fds.extend(fds)
        received: list[Received] = []
        for body in self._reader.feed(data):
            message = decode(body)
            received.append((message, tuple(self._fds.popleft() for _ in range(_companions(message)))))
        return received

    def close(self) -> None:
        """Close this end and every descriptor that was not delivered."""
        self._discard()
        while self._fds:
            os.close(self._fds.popleft())
        self._sock.close()

    def _discard(self) -> None:
        for _data, fds in self._out:
            for fd in fds:
                os.close(fd)
        self._out.clear()
        self._queued = 0


def _companions(message: Message) -> int:
    """How many descriptors come with a message."""
    match message:
        case Accept(listeners):
            return len(listeners)
        case Reopen(files=files):
            return len(files)
        case TakeOver() | Succession():
            return 1
        case Rehouse():
            return 2
        case Introduce(count):
            return count
        case Admit(listens):
            return len(listens)
        case AdminFiles(paths) | ControlSockets(paths):
            return len(paths)
    return 0
