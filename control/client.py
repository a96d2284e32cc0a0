"""Asks a daemon, by the frames of its control socket. Blocks.

Counterpart of `server`; used by `directorctl`, and by `directord` for what a
running daemon must do or say.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

from control.commands.command import PROTOCOL, CommandError, ErrorKind
from director import console
from director.errors import AbsentError, RemoteProtocolError, RightsError, UnreachableError
from director.frames import FrameReader, pack, unpack

TIMEOUT = 10.0  # seconds; the hub gives up on the master after 5
_RECEIVE = 256 * 1024  # bytes a call
_MAX_PATH = 107  # bytes in sockaddr_un.sun_path, less the zero at the end
_TIMEVAL = struct.Struct("ll")  # seconds, microseconds

Piece = tuple[Any, bool]  # a result, and whether more follow


class Client:
    """One connection to the control socket at `path`, made by the first call.

    `timeout`: seconds that the daemon may be silent. `heard`: what it says is for stdout, so
    BrokenPipeError is raised as soon as nobody reads that. Every method may raise
    UnreachableError (nobody answers), RightsError (the socket may not be
    opened), CommandError (what the daemon made of the command) and
    RemoteProtocolError (whoever is there is no director).
    """

    def __init__(self, path: str, timeout: float = TIMEOUT, heard: bool = False) -> None:
        self.path = path
        self.timeout = timeout
        self.heard = heard
        self._sock: socket.socket | None = None
        self._reader = FrameReader()
        self._bodies: deque[bytes] = deque()
        self._idents = itertools.count(1)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up. The next call connects anew."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
            self._reader = FrameReader()
            self._bodies.clear()

    def call(
        self,
        command: str,
        args: Mapping[str, Any] | None = None,
        progress: Callable[[Any], None] = lambda step: None,
    ) -> Any:
        """The result of a command; `progress` gets what comes before it."""
        result = None
        for result, more in self.stream(command, args):
            if more:
                progress(result)
        return result

    def stream(self, command: str, args: Mapping[str, Any] | None = None) -> Iterator[Piece]:
        """The pieces of a command's reply as they come."""
        for reply in self._replies(command, args):
            yield reply.get("result"), bool(reply.get("more"))

    def texts(self, command: str, args: Mapping[str, Any] | None = None) -> Iterator[str]:
        """The result as lines of JSON, in pieces as they come: long ones need not be understood to be shown."""
        for reply in self._replies(command, args, form="json"):
            if "json" in reply:
                yield reply["json"]
            else:  # a daemon of before
                from control.jsontext import dumps

                yield f"{dumps(reply.get('result'))}\n"

    def _replies(self, command: str, args: Mapping[str, Any] | None, **more: str) -> Iterator[dict[str, Any]]:
        ident = next(self._idents)
        try:
            frame = pack({"v": PROTOCOL, "id": ident, "command": command, "args": dict(args or {}), **more})
        except UnicodeEncodeError:
            raise CommandError(ErrorKind.REFUSED, f"can't run {command}: an argument is not UTF-8") from None
        done = False
        try:
            self._send(frame)
            while not done:
                reply = _checked(self._receive(), ident)
                done = not reply.get("more")
                yield reply
        except CommandError:
            done = True
            raise
        finally:
            # What is left of a reply would be taken for the next one's.
            if not done:
                self.close()

    def _send(self, frame: bytes) -> None:
        if self._sock is None:
            self._sock = connect(self.path, self.timeout)
        try:
            self._sock.sendall(frame)
        except TimeoutError:
            raise UnreachableError(f"can't reach a director at {self.path}: it does not read") from None
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise UnreachableError(f"can't reach a director at {self.path}: {error.strerror}") from None
            # It hung up, but may have said why before.

    def _receive(self) -> Any:
        assert self._sock is not None
        while not self._bodies:
            try:
                if self.heard and not console.wait(self.timeout, self._sock.fileno()):
                    raise TimeoutError
                data = self._sock.recv(_RECEIVE)
            except BrokenPipeError:
                raise  # of stdout: a socket that is read has none
            except TimeoutError:
                raise UnreachableError(
                    f"can't reach a director at {self.path}: no answer within {self.timeout:g} s"
                ) from None
            except OSError as error:
                raise UnreachableError(f"can't reach a director at {self.path}: {error.strerror}") from None
            if not data:
                raise UnreachableError(f"can't reach a director at {self.path}: it hung up before it answered")
            self._bodies += self._reader.feed(data)
        return unpack(self._bodies.popleft())


def _checked(reply: Any, ident: int) -> dict[str, Any]:
    """A reply that says what we asked for. Raises CommandError, RemoteProtocolError."""
    if not isinstance(reply, dict) or reply.get("id") not in (ident, None):
        raise RemoteProtocolError("can't understand the daemon: this is no reply to what was asked")
    if reply.get("ok"):
        return reply
    error = reply.get("error")
    if not isinstance(error, dict):
        raise RemoteProtocolError("can't understand the daemon: it failed and does not say how")
    try:
        kind = ErrorKind(str(error.get("kind")))
    except ValueError:
        kind = ErrorKind.FAILED  # a kind that a newer daemon has
    raise CommandError(kind, str(error.get("message")), [str(line) for line in error.get("lines", ())])


def connect(path: str, timeout: float) -> socket.socket:
    """A connection to the unix socket at `path`, however long that is."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Not settimeout: with that, a full backlog refuses at once instead of making us wait.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(*divmod(int(timeout * 1e6), 1_000_000)))
    try:
        if len(os.fsencode(path)) <= _MAX_PATH:
            sock.connect(path)
        else:
            # By way of a descriptor, since a socket's address is short by law.
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                sock.connect(f"/proc/self/fd/{fd}")
            finally:
                os.close(fd)
    except OSError as error:
        sock.close()
        if isinstance(error, PermissionError):
            raise RightsError(f"can't open {path}: you have no rights to it") from None
        absent = isinstance(error, FileNotFoundError | ConnectionRefusedError)
        kind = AbsentError if absent else UnreachableError
        raise kind(f"can't reach a director at {path}: {_cause(error)}") from None
    sock.settimeout(timeout)
    return sock


def _cause(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such socket; is it running?"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there; is it running?"
    if isinstance(error, BlockingIOError):
        return "too many wait for it already"
    return error.strerror or str(error)
