"""A child's end of its link, on a libev loop: orders in, reports out, and the master's end told.

Used by hub and workers, which may not know each other. `loop` is gevent's; the
callbacks run in it and must not wait for anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from director import logs
from director.errors import ProtocolError
from director.link import Link
from director.messages import Message

_READ, _WRITE = 1, 2  # as libev has them
_SOON = 0.005  # seconds


class Lifeline:
    """`obey(message, descriptors)` gets each order; `orphaned` is called once the master is gone."""

    def __init__(
        self, link: Link, loop: Any, obey: Callable[[Message, tuple[int, ...]], None], orphaned: Callable[[], None]
    ) -> None:
        self._link = link
        self._loop = loop
        self._obey = obey
        self._orphaned = orphaned
        self._reader = loop.io(link.fileno(), _READ)
        self._writer = loop.io(link.fileno(), _WRITE)

    def start(self) -> None:
        """Begin to listen; what has come already is obeyed at once."""
        self._reader.start(self._on_readable)
        self._on_readable()

    def tell(self, message: Message) -> None:
        """Report to the master, as soon as it reads."""
        try:
            self._link.send(message)
        except ProtocolError:
            return  # it has not read for very long; hang detection is its own affair
        if self._link.wants_write:
            self._writer.start(self._on_writable)

    def tell_when(self, condition: Callable[[], bool], message: Message) -> None:
        """The same, once this is so; looked at every few milliseconds."""
        timer = self._loop.timer(_SOON, _SOON)

        def look() -> None:
            if condition():
                timer.stop()
                self.tell(message)

        timer.start(look)

    def _on_writable(self) -> None:
        self._link.flush()
        if not self._link.wants_write:
            self._writer.stop()

    def _on_readable(self) -> None:
        while True:
            received = self._link.receive()
            if received is None:
                self._reader.stop()
                self._writer.stop()
                self._orphaned()
                return
            if not received:
                return
            for message, descriptors in received:
                try:
                    self._obey(message, descriptors)
                except Exception as error:
                    # Of us, a bug; but who is deaf to the next order can only be killed.
                    logs.crash(None, type(error), error, error.__traceback__)
