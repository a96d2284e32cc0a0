"""Asking the hub, for somebody: commands out, results back, on sockets that the master made.

A few requests go at a time, the others wait. A socket that failed is not used
again; when none is left the master is asked for new ones, which is what happens
when the hub died.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gevent import socket
from gevent.queue import Empty, LifoQueue

from control.arguments import complete
from control.commands.command import PROTOCOL, CommandError, ErrorKind, find
from control.commands.table import COMMANDS
from control.edition import Edition
from control.history import STEP
from control.rights import Person
from control.turn import let_others
from director.access import Access
from director.errors import RemoteProtocolError
from director.frames import FrameReader, pack, unpack

_PATIENCE = 5.0  # seconds to wait for a free socket
_FRESH = 0.5  # seconds for which the statistics are shown again, at the least
_SHARE = 5  # of the time that the hub needs for them: many pages of many hosts don't keep it busy
_RECEIVE = 256 * 1024  # bytes a call


class Inquiry:
    """The hub, as pages know it. `lonely` asks the master for new sockets."""

    def __init__(self, lonely: Callable[[], None]) -> None:
        self._lonely = lonely
        self._free: Any = LifoQueue()
        self._idents = itertools.count(1)
        self._left = 0
        self._asked = 0.0
        self._histories: dict[str, Edition[Any]] = {}  # by service
        self.editions: Edition[dict[str, Any]] = Edition(
            lambda: self.ask("stats", {}), lambda took: max(_FRESH, _SHARE * took)
        )
        self.replaced = False  # by an upgrade: this hub decides nothing any more, and we end in a moment

    def introduce(self, descriptors: Iterable[int]) -> None:
        """Sockets to the hub there is now; those to an earlier one are closed."""
        while True:
            try:
                self._free.get_nowait().close()
            except Empty:
                break
        self._left = 0
        for descriptor in descriptors:
            self._free.put(socket.socket(fileno=descriptor))
            self._left += 1

    def stats(self) -> dict[str, Any]:
        """The statistics, a moment old at the most. All pages share them."""
        return self.editions.current()

    def history(self, service: str) -> dict[str, Any]:
        """The last hour of a service, or of all. All pages share it. Raises CommandError."""
        if service not in self._histories:
            args = {"service": service} if service else {}
            self._histories[service] = Edition(lambda: self.ask("history", args), lambda took: STEP / 2)
        found: dict[str, Any] = self._histories[service].current()
        return found

    def command(self, name: str, given: Mapping[str, Any], person: Person) -> Any:
        """A command with what is given of its arguments and options. Raises CommandError."""
        row = find(name, COMMANDS)
        args = complete(row, dict(given))
        try:
            result = self.ask(name, args, person, row.patience)
            self.replaced = self.replaced or name == "upgrade"
            return result
        finally:
            if row.access is Access.FULL:
                self.editions.outdated()

    def ask(self, command: str, args: Mapping[str, Any], person: Person | None = None, patience: float = 10.0) -> Any:
        """The result of a command. Raises CommandError, also when there is no hub at this moment."""
        request = {"v": PROTOCOL, "id": next(self._idents), "command": command, "args": dict(args)}
        if person is not None:
            request["as"] = {"user": person.name, "access": person.access.value, "from": person.origin}
        sock = self._take()
        try:
            sock.settimeout(patience)
            sock.sendall(pack(request))
            reply = _read(sock)
        except (OSError, RemoteProtocolError) as error:
            sock.close()
            self._left -= 1
            if self._left <= 0:
                self._miss()
            cause = "it does not answer" if isinstance(error, TimeoutError) else "it is being replaced; try again"
            raise CommandError(ErrorKind.FAILED, f"can't ask the hub: {cause}") from None
        except BaseException:
            sock.close()  # what is left of the reply would be taken for the next one's
            self._left -= 1
            raise
        self._free.put(sock)
        return _result(reply)

    def _take(self) -> Any:
        try:
            return self._free.get(timeout=_PATIENCE)
        except Empty:
            self._miss()
            raise CommandError(ErrorKind.FAILED, "can't ask the hub: it is busy or gone; try again") from None

    def _miss(self) -> None:
        if time.monotonic() - self._asked > 1.0:
            self._asked = time.monotonic()
            self._lonely()


def _read(sock: Any) -> dict[str, Any]:
    reader = FrameReader()
    while True:
        data = sock.recv(_RECEIVE)
        if not data:
            raise ConnectionResetError
        for body in reader.feed(data):
            reply = unpack(body)
            if not isinstance(reply, dict):
                raise RemoteProtocolError("a reply is not a map")
            if not reply.get("more"):
                return reply
        let_others()


def _result(reply: dict[str, Any]) -> Any:
    if reply.get("ok"):
        return reply.get("result")
    error = reply.get("error") or {}
    raise CommandError(ErrorKind(error.get("kind", "failed")), str(error.get("message")), error.get("lines", ()))
