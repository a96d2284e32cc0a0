"""What one client of the control socket says, and what it is told.

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
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from control import jsontext, render, rights, runtimeapi
from control.arguments import complete, parse, split_line
from control.commands.command import JSON, MAX_REQUEST, PROTOCOL, Command, CommandError, ErrorKind
from control.rendition import printed
from control.turn import let_others
from director import logs
from director.access import Access
from director.errors import RemoteProtocolError, raised_at
from director.events import Event
from director.frames import FrameReader, enclose, pack, pack_slowly, unpack

if TYPE_CHECKING:
    from control.server import Server

_RECEIVE = 64 * 1024  # bytes a call
_FOREVER = 1e8  # seconds: three years


class Conversation:
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
            logs.error(Event.COMMAND_FAILED, reason=repr(error), at=raised_at(error))
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


class WebConversation(Conversation):
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
