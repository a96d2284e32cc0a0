"""The control socket: who connects, who may what, and what is done for them.

What they say is `conversation`'s. A client that is slow, silent, talks nonsense
or floods costs the others nothing: all is limited in bytes and seconds, one
request of a client is worked on at a time, and when there are too many clients,
who has waited longest without asking anything makes room.

The listening socket is the master's: it is never shut down or unlinked here,
so that clients wait in its backlog for the next hub. Counterpart: `client`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

import gevent
from gevent import socket

from control import rights, runtimeapi
from control.commands.command import Command, CommandError, ErrorKind, Hub, find
from control.commands.table import COMMANDS
from control.conversation import Conversation, WebConversation
from control.turn import elsewhere, in_turns, let_others
from director import logs
from director.access import Access
from director.config.model import Control
from director.errors import DirectorError, RefusedError, UsageError, raised_at
from director.events import Event
from director.messages import Actor

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)
_PAUSE = 0.1  # seconds without accepting, when out of descriptors
# The first byte of a length must be 0x00 to be told from a line.
_LARGEST = (1 << 24) - 1

_CROWD = 50  # clients that are accepted before others get their turn

Encode = Callable[[Any, bool], Iterable[bytes]]
T = TypeVar("T", bytes, str)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client, and all together, may use. Times are seconds."""

    clients: int = 2000
    silence: float = 60.0  # between requests
    request: float = 10.0  # from a request's first byte to its last
    reply: float = 30.0  # until the client has taken it


class Server:
    """Serves the control socket in the hub. Owns the descriptor `listener`.

    `owner` is the uid that started the daemon; `place` the path at which `listener` listens.
    """

    def __init__(
        self,
        listener: int,
        hub: Hub,
        owner: int,
        limits: Limits | None = None,
        commands: Iterable[Command] = COMMANDS,
        identify: Callable[[Any], rights.Peer] = rights.peer_of,
        place: str = "",
    ) -> None:
        self.hub = hub
        self.limits = limits or Limits()
        self.commands = tuple(commands)
        self.max_request = min(_LARGEST, max(row.max_request for row in self.commands))
        self.waiting: dict[Conversation, None] = {}  # between requests or within one; longest first
        self.stopping = False
        self.identify = identify
        self._owner = owner
        self._place = place
        self._listeners: dict[str | None, Any] = {}  # by path
        if listener >= 0:  # else it is another generation's
            self._listeners[None] = socket.socket(fileno=listener)
        self._clients: dict[Conversation, gevent.Greenlet] = {}
        self._accepting: dict[str | None, gevent.Greenlet] | None = None
        self._granted: tuple[tuple[Control, ...], dict[str | None, Mapping[int, Access]]] = ((), {})
        self._names: dict[int, str] = {}  # by uid

    def start(self) -> None:
        """Begin to accept."""
        self._accepting = {path: gevent.spawn(self._accept, path) for path in self._listeners}

    def pause(self) -> None:
        """Accept nothing more until `start`; who is connected goes on."""
        gevent.killall([*(self._accepting or {}).values()], block=False)
        self._accepting = None

    def serve(self, descriptors: Mapping[str, int]) -> None:
        """Accept on these sockets, by path, beside the first, and on no others."""
        accepting, self._accepting = self._accepting, None
        gevent.killall([*(accepting or {}).values()], block=False)
        for path in self._listeners.keys() - {None, *descriptors}:
            self._listeners.pop(path).close()
        for path, descriptor in descriptors.items():
            if path in self._listeners:
                os.close(descriptor)
            else:
                self._listeners[path] = socket.socket(fileno=descriptor)
        if accepting is not None:
            self.start()

    def surrender(self) -> None:
        """Accept nothing more, and let go of the sockets: who connects must hear of it when nobody serves them."""
        self.pause()
        for listener in self._listeners.values():
            listener.close()
        self._listeners.clear()

    def stop(self, grace: float = 1.0) -> None:
        """Accept nothing more; what is being worked on gets `grace` seconds to be answered."""
        self.stopping = True
        self.surrender()
        for connection in list(self.waiting):
            connection.close()
        gevent.joinall(list(self._clients.values()), timeout=grace)
        gevent.killall(list(self._clients.values()))

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._clients)

    def _accept(self, path: str | None) -> None:
        listener = self._listeners[path]
        for number in count(1):
            try:
                sock, _ = listener.accept()
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                gevent.sleep(_PAUSE)
                continue
            self._admit(sock, path)
            # accept() does not yield as long as somebody waits: those we have go on, too. Nor may one who
            # comes behind a hundred who ask again and again wait for a hundred rounds of theirs.
            if number % _CROWD == 0:
                let_others()

    def _admit(self, sock: Any, path: str | None) -> None:
        connection = Conversation(self, sock, path)
        if len(self._clients) >= self.limits.clients:
            longest = next(iter(self.waiting), connection)
            longest.close()
            if longest is connection:
                return
            self.forget(longest)
        self.waiting[connection] = None
        self._clients[connection] = gevent.spawn(connection.run)

    def adopt(self, descriptor: int) -> None:
        """Serve web, on a socket that the master made: it says itself for whom it asks."""
        connection = WebConversation(self, socket.socket(fileno=descriptor))
        self._clients[connection] = gevent.spawn(connection.run)

    def forget(self, connection: Conversation) -> None:
        """The connection is closed."""
        self.waiting.pop(connection, None)
        self._clients.pop(connection, None)

    # -- commands ------------------------------------------------------------------------

    def phrase(self, words: list[str]) -> runtimeapi.Phrase | None:
        """What the words mean in HAProxy's dialect, if it has them. Raises CommandError."""
        try:
            return runtimeapi.understand(words, self.hub.running.config)
        except UsageError as error:
            raise CommandError(ErrorKind.USAGE, str(error)) from None

    def find(self, name: str, peer: rights.Speaker) -> Command:
        """The row of a command that the peer may run. Raises CommandError."""
        access = self.access(peer)
        if access is not None:
            row = find(name, self.commands)
            if access is Access.FULL or access is row.access:
                return row
        actor = self._actor(peer)
        user = actor.name
        logs.warning(Event.COMMAND_REFUSED, command=name, user=user, origin=actor.origin)
        cause = f"{user} may look, but not change anything" if access else f"{user} has no rights here"
        raise CommandError(ErrorKind.RIGHTS, f"can't run {name}: {cause}")

    def access(self, peer: rights.Speaker) -> Access | None:
        """What the peer may do, by the config that runs now."""
        if isinstance(peer, rights.Person):
            return peer.access
        return rights.access_of(peer, self._owner, lambda: self._grants(peer.socket))

    def _grants(self, path: str | None) -> Mapping[int, Access]:
        controls = self.hub.running.config.controls
        if self._granted[0] != controls:
            self._granted = (controls, {})
        granted = self._granted[1]
        if path not in granted:
            place = path or self._place
            granted[path] = elsewhere(rights.grants, [one for one in controls if (one.socket or self._place) == place])
        return granted[path]

    def _actor(self, peer: rights.Speaker) -> Actor:
        if isinstance(peer, rights.Person):
            return Actor(peer.name, peer.origin)
        if peer.uid not in self._names:
            self._names[peer.uid] = elsewhere(rights.name_of, peer)
        return Actor(self._names[peer.uid], f"control socket, pid {peer.pid}")

    def perform(self, row: Command, args: Mapping[str, Any], peer: rights.Speaker, encode: Encode) -> Iterator[bytes]:
        """Run a command; gives the encoded pieces of its reply. Raises CommandError only.

        That the peer may is for `find` to say, before.
        """
        run = row.run if row.veiled is None or self.access(peer) is Access.FULL else row.veiled
        try:
            try:
                outcome = run(self.hub, args, self._actor(peer))
                if isinstance(outcome, Generator):
                    outcome = yield from _progress(outcome, encode)
            finally:
                if row.access is Access.FULL:
                    self.hub.outdated()  # before anybody can have heard of it
            yield from encode(outcome, False)
        except CommandError:
            raise
        except UsageError as error:
            raise CommandError(ErrorKind.UNKNOWN, str(error)) from None
        except RefusedError as error:
            raise CommandError(ErrorKind.REFUSED, str(error)) from None
        except DirectorError as error:
            raise CommandError(ErrorKind.FAILED, str(error)) from None
        except Exception as error:
            # Not the process's outermost frame, but the command's: one that breaks must not
            # leave its client without a word, nor the daemon without the log line.
            logs.error(Event.COMMAND_FAILED, command=row.name, reason=repr(error), at=raised_at(error))
            raise CommandError(ErrorKind.FAILED, f"can't run {row.name}: an internal error, see the log") from None

    def told(self, row: Command, result: Any, form: Hashable, pieces: Callable[[], Iterator[T]]) -> Iterable[T]:
        """A result in that form: each piece when it is its turn, and once for all whose result is the same."""
        return self.hub.renditions.of(result, form, pieces) if row.shared else in_turns(pieces())


def _progress(steps: Generator[Any, None, Any], encode: Encode) -> Generator[bytes, None, Any]:
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        yield from encode(step, True)
