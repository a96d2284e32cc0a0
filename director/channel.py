"""A ZeroMQ socket on a libev loop, by callbacks.

ZeroMQ tells of news by a descriptor that is signalled once and stays silent
until its events were asked for, and *any* call on the socket may use that
signal up. A greenlet that waits for the next signal can so wait for ever beside
a queue full of messages (seen with ZeroMQ's own green sockets, which wake up
after 11 seconds). The cure: after every send and every receive, look again.

Used in workers and hub only; the master has no ZeroMQ socket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zmq

from director import logs

_BURST = 256  # messages in a row, before others on the loop get theirs


class Channel:
    """Receives all that comes for `socket` and sends without ever blocking.

    `loop` is gevent's. `hear` gets the parts of each message; it runs in the
    loop itself and must not wait for anything. `rest()`: seconds in which to hear
    nothing after all was heard, so that what comes meanwhile wakes us only once.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        loop: Any,
        hear: Callable[[list[bytes]], None],
        rest: Callable[[], float] | None = None,
    ) -> None:
        self.dropped = 0  # messages that did not fit the queue
        self._socket = socket
        self._loop = loop
        self._hear = hear
        self._rest = rest
        self._timer: Any = None  # while we rest
        self._looking = False
        self._open = True
        self._watcher = loop.io(socket.getsockopt(zmq.FD), 1)
        self._watcher.start(self._drain)
        self._look()

    def send(self, *parts: bytes) -> bool:
        """Send, or drop and count if the queue is full or there is no such peer."""
        try:
            self._socket.send_multipart(parts, zmq.DONTWAIT)
        except zmq.ZMQError:
            self.dropped += 1
            return False
        finally:
            self._look()
        return True

    def _look(self) -> None:
        if not self._looking and self._timer is None:
            self._looking = True
            self._loop.run_callback(self._drain)

    def _drain(self) -> None:
        self._looking = False
        if not self._open or self._socket.closed:
            return
        heard = False
        for _ in range(_BURST):
            try:
                parts = self._socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                # A look that was called for before the rest may come during it; one rest is enough.
                if heard and self._rest is not None and self._timer is None:
                    self._pause(self._rest())
                return
            heard = True
            try:
                self._hear(parts)
            except Exception as error:
                # Of us, a bug; but the loop would never call us again, and all others be unheard for good.
                logs.crash(None, type(error), error, error.__traceback__)
        self._look()

    def _pause(self, seconds: float) -> None:
        self._watcher.stop()
        self._timer = self._loop.timer(seconds)
        self._timer.start(self._resume)

    def _resume(self) -> None:
        self._timer.close()
        self._timer = None
        if not self._socket.closed:
            self._watcher.start(self._drain)
            self._drain()

    def close(self) -> None:
        """Hear nothing any more; the socket is its owner's to close."""
        self._open = False  # a look may have been called for that has not come yet
        if self._timer is not None:
            self._timer.close()
        self._watcher.stop()
        self._watcher.close()
