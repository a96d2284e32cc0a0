"""The link between two masters, on the master's loop.

One lives on each side for as long as the older generation has something to do.
Who holds the other end may change: a retiring master's goes to every next one.
"""

from __future__ import annotations

from collections.abc import Callable

from director import logs
from director.errors import ProtocolError
from director.events import Event
from director.link import Link
from director.master.loop import Loop
from director.messages import Message


class Bond:
    """`hear` gets each message; `gone` is called once, when nobody holds the other end any more."""

    def __init__(self, loop: Loop, link: Link, hear: Callable[[Message], None], gone: Callable[[], None]) -> None:
        self.hear = hear
        self.gone = gone
        self._loop = loop
        self._link = link
        self.open = True
        self._watch()

    def fileno(self) -> int:
        """The descriptor, to be given along."""
        return self._link.fileno()

    def tell(self, message: Message) -> None:
        """Say it; nobody there to hear it is no error here: `gone` tells."""
        if not self.open:
            return
        try:
            self._link.send(message)
        except ProtocolError as error:
            logs.error(Event.PROCESS_FAILED, reason=error)
        self._watch()

    def close(self) -> None:
        """Our end is of no use any more."""
        if self.open:
            self.open = False
            self._loop.forget(self._link.fileno())
            self._link.close()

    def _watch(self) -> None:
        self._loop.watch(self._link.fileno(), self._read, self._write if self._link.wants_write else None)

    def _write(self) -> None:
        self._link.flush()
        self._watch()

    def _read(self) -> None:
        while self.open:
            try:
                received = self._link.receive()
            except ProtocolError as error:
                logs.error(Event.PROCESS_FAILED, reason=error)
                received = None
            if received is None:
                self.close()
                self.gone()
                return
            if not received:
                return
            for message, _ in received:
                self.hear(message)
