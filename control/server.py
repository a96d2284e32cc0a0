"""The control socket: who connects, what they say, who may, and the reply.

Two dialects, told apart by a client's first byte:

    0x00   frames: a 4-byte big-endian length and a msgpack map
           {"v": 1, "id": ..., "command": "host-down", "args": {...}}
           answered by one or more of
           {"id": ..., "ok": true, "result": ..., "more": bool}
           {"id": ..., "ok": false, "error": {"kind": ..., "message": ..., "lines": [...]}}
           with "form": "json" in a request, results come as pieces of one JSON text,
           {"id": ..., "ok": true, "json": "...", "more": bool}
    other  lines: verbs of `directorctl` as a shell would have them, or phrases
           of HAProxy (see `runtimeapi`), several by `;`, answered by text and an
           empty line. One line, then the connection is closed, unless `prompt`
           was said.

A client that is slow, silent, talks nonsense or floods costs the others
nothing: all is limited in bytes and seconds, one request of a client is worked
on at a time, and when there are too many clients, who has waited longest
without asking anything makes room.

The listening socket is the master's: it is never shut down or unlinked here,
so that clients wait in its backlog for the next hub. Counterpart: `client`.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeVar

import gevent
from gevent import socket

from control import jsontext, render, rights, runtimeapi
from control.arguments import complete, parse, split_line
from control.commands.command import JSON, MAX_REQUEST, PROTOCOL, Command, CommandError, ErrorKind, Hub, find
from control.commands.table import COMMANDS
from control.rendition import printed
from control.turn import elsewhere, in_turns, let_others
from director import logs
from director.access import Access
from director.config.model import Control
from director.errors import DirectorError, RefusedError, RemoteProtocolError, UsageError
from director.events import Event
from director.frames import FrameReader, enclose, pack, pack_slowly, unpack
from director.messages import Actor

_RECEIVE = 64 * 1024  # bytes a call
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)
_FOREVER = 1e8  # seconds: three years
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
        self.waiting: dict[_Connection, None] = {}  # between requests or within one; longest first
        self.stopping = False
        self.identify = identify
        self._owner = owner
        self._place = place
        self._listeners: dict[str | None, Any] = {}  # by path
        if listener >= 0:  # else it is another generation's
            self._listeners[None] = socket.socket(fileno=listener)
        self._clients: dict[_Connection, gevent.Greenlet] = {}
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
        connection = _Connection(self, sock, path)
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
        connection = _Trusted(self, socket.socket(fileno=descriptor))
        self._clients[connection] = gevent.spawn(connection.run)

    def forget(self, connection: _Connection) -> None:
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
            logs.error(Event.COMMAND_FAILED, command=row.name, reason=repr(error), at=_place(error))
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


def _place(error: Exception) -> str:
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"


class _Connection:
    """One client."""

    def __init__(self, server: Server, sock: Any, path: str | None = None) -> None:
        self._server = server
        self._sock = sock
        self._path = path
        self._deadline = 0.0
        self._begun = False

    def run(self) -> None:
        """Serve it until one of us hangs up."""
        try:
            self._peer = self._identify()
            self._rest()
            if first := self._receive(begun=False):
                (self._serve_frames if first[0] == 0 else self._serve_lines)(first)
        except OSError:
            pass  # the client left, was too slow, or was closed to make room
        except Exception as error:
            # The outermost frame of this greenlet; the daemon has no stderr to print it to.
            logs.error(Event.COMMAND_FAILED, reason=repr(error), at=_place(error))
        finally:
            self.close()
            self._server.forget(self)

    def _identify(self) -> rights.Speaker:
        return replace(self._server.identify(self._sock), socket=self._path)

    def _speaker(self, request: dict[str, Any]) -> rights.Speaker:
        """Who wants this. Raises CommandError."""
        return self._peer

    def close(self) -> None:
        """Hang up, also on one that is being waited for."""
        self._sock.close()

    # -- waiting and sending ------------------------------------------------------------------------

    def _rest(self) -> None:
        """Between two requests from now on. Raises OSError if there will be no other."""
        if self._server.stopping:
            raise ConnectionAbortedError
        self._begun = False
        self._deadline = time.monotonic() + self._server.limits.silence
        self._server.waiting[self] = None

    def _work(self) -> None:
        """A request is here: the client is not to blame for the time from now on."""
        self._server.waiting.pop(self, None)

    def _receive(self, begun: bool) -> bytes:
        """The next bytes, none at the end. `begun`: a request is here by half. Raises OSError."""
        now = time.monotonic()
        if begun and not self._begun:
            self._begun = True
            self._deadline = now + self._server.limits.request
        self._sock.settimeout(max(0.001, self._deadline - now))
        data: bytes = self._sock.recv(_RECEIVE)
        return data

    def _send(self, data: bytes) -> None:
        if data:
            self._sock.settimeout(self._server.limits.reply)
            self._sock.sendall(data)
        # Neither recv nor sendall yields while the socket is ready: nobody talks without pause.
        let_others()

    # -- frames ------------------------------------------------------------------------

    def _serve_frames(self, data: bytes) -> None:
        stranger = self._server.access(self._peer) is None
        reader = FrameReader(MAX_REQUEST if stranger else self._server.max_request)
        while data:
            try:
                bodies = reader.feed(data)
                for body in bodies:
                    self._work()
                    self._answer(body)
                    if stranger:
                        return
            except RemoteProtocolError as error:
                self._send(_failure(None, CommandError(ErrorKind.USAGE, str(error))))
                return
            if bodies:
                self._rest()
            data = self._receive(begun=reader.pending > 0)

    def _answer(self, body: bytes) -> None:
        """Reply to one request. Raises RemoteProtocolError if it is none."""
        request = unpack(body)
        if not isinstance(request, dict):
            raise RemoteProtocolError("can't read a request: it is not a map")
        ident = request.get("id")

        def encode(result: Any, more: bool) -> Iterable[bytes]:
            pieces = self._server.told(row, result, "frame", lambda: pack_slowly(result))
            return enclose({"id": ident, "ok": True, "more": more}, "result", pieces)

        def write(result: Any, more: bool) -> Iterable[bytes]:
            for text in self._server.told(row, result, "json", lambda: jsontext.pieces(result)):
                yield pack({"id": ident, "ok": True, "json": text, "more": True})
            yield pack({"id": ident, "ok": True, "json": "\n", "more": more})

        try:
            if request.get("v") != PROTOCOL:
                cause = f"it is of version {request.get('v')!r}, this daemon speaks {PROTOCOL}"
                raise CommandError(ErrorKind.USAGE, f"can't read a request: {cause}")
            speaker = self._speaker(request)
            row = self._server.find(str(request.get("command")), speaker)
            if len(body) > row.max_request:
                raise CommandError(
                    ErrorKind.REFUSED, f"can't run {row.name}: its request may have {row.max_request} bytes at most"
                )
            args = complete(row, request.get("args", {}))
            for piece in self._server.perform(row, args, speaker, write if request.get("form") == "json" else encode):
                self._send(piece)
        except CommandError as error:
            self._send(_failure(ident, error))

    # -- lines ------------------------------------------------------------------------

    def _serve_lines(self, data: bytes) -> None:
        prompt = False
        while (line := self._line(data)) is not None:
            self._work()
            text, data = line
            for words in self._commands(text):
                if words == ["quit"]:
                    return
                if words == ["prompt"]:
                    prompt = not prompt
                else:
                    self._speak(words)
            if not prompt:
                return
            self._send(b"\n> ")
            self._rest()

    def _line(self, data: bytes) -> tuple[bytes, bytes] | None:
        """The next line and what came behind it; None at the end. The last needs no newline."""
        while b"\n" not in data and len(data) <= MAX_REQUEST:
            more = self._receive(begun=bool(data))
            if not more:
                return (data, b"") if data else None
            data += more
        line, _, rest = data.partition(b"\n")
        return line, rest

    def _commands(self, line: bytes) -> list[list[str]]:
        try:
            if len(line) > MAX_REQUEST:
                raise CommandError(ErrorKind.USAGE, f"can't read a line of more than {MAX_REQUEST} bytes")
            return split_line(line.decode())
        except UnicodeDecodeError:
            self._send(b"can't read the line: it is not UTF-8\n\n")
        except CommandError as error:
            self._send(_told(error))
        return []

    def _speak(self, words: list[str]) -> None:
        phrase = None
        try:
            phrase = self._server.phrase(words)
            row = self._server.find((phrase.words if phrase else words)[0], self._peer)
            args = parse(row, (phrase.words if phrase else words)[1:], common=(JSON,))
            told = self._told(phrase) if phrase else _teller(row, args.pop(JSON.name), args.get("format"))

            def encode(result: Any, more: bool) -> Iterable[bytes]:
                return self._server.told(row, result, tuple(words), lambda: printed(told(result)))

            for piece in self._server.perform(row, args, self._peer, encode):
                self._send(piece)
            self._send(b"\n")
        except CommandError as error:
            if phrase and phrase.unknown and error.kind is ErrorKind.UNKNOWN:
                self._send(f"{phrase.unknown}\n".encode())
            self._send(_told(error))

    def _told(self, phrase: runtimeapi.Phrase) -> runtimeapi.Told:
        """How the result of a phrase is told: counts since they were cleared."""
        if phrase.words != ("stats",):
            return phrase.told
        return lambda stats: phrase.told(self._server.hub.baseline.since(stats))


class _Trusted(_Connection):
    """Web's end of a socketpair: it may be silent for as long as it likes, and speaks for others."""

    def _identify(self) -> rights.Speaker:
        return rights.WEB

    def _rest(self) -> None:
        if self._server.stopping:
            raise ConnectionAbortedError
        self._begun = False
        self._deadline = time.monotonic() + _FOREVER

    def _speaker(self, request: dict[str, Any]) -> rights.Speaker:
        person = request.get("as")
        if person is None:
            return rights.WEB
        try:
            return rights.Person(str(person["user"]), Access(person["access"]), str(person["from"]))
        except (TypeError, KeyError, ValueError):
            cause = "'as' must have user, access and from"
            raise CommandError(ErrorKind.USAGE, f"can't read a request: {cause}") from None


def _teller(row: Command, as_json: bool, form: str | None) -> runtimeapi.Told:
    """How the result of a command is told in lines."""
    if as_json or form == "json":
        return lambda result: [jsontext.dumps(result)]
    if form in render.FORMATS:
        return render.FORMATS[form]
    return lambda result: [*render.plain(row.name, result), *_warnings(result)]


def _failure(ident: Any, error: CommandError) -> bytes:
    report: dict[str, Any] = {"kind": error.kind.value, "message": error.message}
    if error.lines:
        report["lines"] = list(error.lines)
    return pack({"id": ident, "ok": False, "error": report})


def _told(error: CommandError) -> bytes:
    return f"{error}\n\n".encode(errors="backslashreplace")


def _warnings(result: Any) -> list[str]:
    return [f"warning: {warning}" for warning in result.get("warnings", ())] if isinstance(result, dict) else []
