"""One check on a socket: connect, TLS if wanted, the dialogue; by events, never waiting.

Tells its outcome once, then is over; `late` is for who watches the clock. A host
with several addresses is well if one of them is: each has its share of the time
to take the call, so that a silent one does not stand for all.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import time
from _socket import socket as Socket  # the C type: `socket.socket` costs 3 µs more
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from control.dialogues import DIALOGUES, OUR_FAULT, OURS, TLS, Dialogue, Outcome
from control.nearness import Nearness
from control.offspring import Offspring
from control.quicktls import Doubt, QuickTls
from control.tlsclient import Tls, Trust
from director.addresses import Addresses, call_from, has_way, not_from
from director.config.model import Check

_WRITE = select.EPOLLOUT
_BROKEN = select.EPOLLERR | select.EPOLLHUP
_KIND = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_EVENTS = _WRITE | select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
_EINPROGRESS, _EISCONN = errno.EINPROGRESS, errno.EISCONN
_UNDER_WAY = (0, _EINPROGRESS, errno.EALREADY, _EISCONN)
_ANSWER = _EVENTS & ~_WRITE
_TCP, _QUICKACK, _UNIX = socket.IPPROTO_TCP, socket.TCP_QUICKACK, socket.AF_UNIX
_CHUNK = 16 * 1024


@dataclass(frozen=True, slots=True)
class Job:
    """What to check: the host's number and names, its addresses for checks, the check itself."""

    number: int
    label: tuple[str, str, str]  # service, group, host
    check: Check
    addresses: Addresses
    name: str = ""  # what TLS and HTTP call it
    source: str | None = None  # where it comes from; None: the kernel chooses


class Running(Protocol):
    """A check under way. `span`: seconds after which it wants to hear that it is `late`; again, until it is over."""

    number: int
    began: float
    span: float

    @property
    def over(self) -> bool: ...
    def start(self) -> None: ...
    def late(self) -> None: ...
    def expire(self) -> None: ...


class Watch(Protocol):
    """Who calls `on_event(mask)` for a descriptor."""

    nearness: Nearness
    offspring: Offspring

    def add(self, fd: int, on_event: Callable[[int], None], mask: int) -> None: ...
    def remove(self, fd: int) -> None: ...
    def spare(self, family: int) -> Socket | None: ...
    def abort(self, sock: Socket, reusable: bool) -> None: ...


class Attempt:
    """A check over a connection. `done` gets the outcome, at once or later."""

    __slots__ = (
        "_address",
        "_dialogue",
        "_done",
        "_job",
        "_over",
        "_shares",
        "_sock",
        "_stage",
        "_tls",
        "_trust",
        "_unsent",
        "_watch",
        "began",
        "number",
        "span",
    )  # fmt: skip

    def __init__(self, job: Job, watch: Watch, trust: Trust, done: Callable[[Attempt, Outcome], None]) -> None:
        self.number = job.number
        self._job, self._watch, self._trust, self._done = job, watch, trust, done
        self._address = 0
        self._sock: Socket | None = None
        self._tls: Tls | None = None
        self._dialogue: Dialogue | None = None
        self._stage = Attempt._connecting  # a plain function: a bound one would make a circle
        self._unsent = b""
        self._over = False
        self._shares = len(job.addresses) or 1
        self.span = job.check.timeout / self._shares
        self.began = 0.0

    @property
    def over(self) -> bool:
        """Whether it has told its outcome, and holds nothing any more."""
        return self._over and self._sock is None

    def start(self) -> None:
        """Begin; `done` may be called before this returns."""
        self.began = time.monotonic()
        self._connect(_NOWHERE)

    def late(self) -> None:
        """A share of its time is over: the next address has its turn, if this one has not taken the call."""
        self._shares -= 1
        if self._over or self._shares <= 0:
            self.expire()
        elif self._stage is Attempt._connecting and self._address < len(self._job.addresses):
            self._close()
            self._connect(_unreached(errno.ETIMEDOUT))

    def expire(self) -> None:
        """Its time is up."""
        if self._over:
            self._close()
            return
        limit = f"in {self._job.check.timeout:g} s"
        if self._stage is Attempt._connecting:
            self._end(Outcome(False, "L4TOUT", f"no answer {limit}", errno=errno.ETIMEDOUT, reached=False))
        elif self._stage is Attempt._handshaking:
            self._end(Outcome(False, "L6TOUT", f"no TLS handshake {limit}", errno=errno.ETIMEDOUT))
        else:
            what = "no end of the answer" if self._dialogue is not None and self._dialogue.heard else "no answer"
            self._end(Outcome(False, "L7TOUT", f"connected, but {what} {limit}", errno=errno.ETIMEDOUT))

    # -- connect -------------------------------------------------------------------------

    def _connect(self, failed: Outcome) -> None:
        """Try the next address, or end as `failed` when there is none left."""
        job = self._job
        check, source = job.check, job.source
        speaks = check.type not in ("tcp", "send") or bool(check.send or check.send_hex)
        while self._address < len(job.addresses):
            family, where = job.addresses[self._address]
            self._address += 1
            sock = None if source else self._watch.spare(family)
            try:
                sock = sock or Socket(family, _KIND)
                if source and not call_from(sock, source):
                    self._discard(sock)
                    failed = Outcome(False, "L4CON", not_from(source), errno=errno.EADDRNOTAVAIL, reached=False)
                    continue
                if speaks and family != _UNIX:
                    # Have the last packet of the handshake wait for our first bytes.
                    sock.setsockopt(_TCP, _QUICKACK, 0)
                code = sock.connect_ex(where)
                if code == _EINPROGRESS and check.type != "tcp":
                    code = self._ask_again(sock, where)
            except OSError as error:
                if sock is not None:
                    self._discard(sock)
                failed = _unreached(error.errno or 0)
                if error.errno in OURS:
                    break
                continue
            if code not in _UNDER_WAY:
                self._discard(sock)
                failed = _unreached(code)
                if code == errno.EADDRNOTAVAIL and has_way(family, where):
                    failed = _not_made(code)  # all our ports to there are taken
                continue
            self._sock = sock
            if code != _EISCONN:
                self._watch.add(sock.fileno(), self.on_event, _EVENTS)
                return
            # What there is to say goes out at once; then only the answer is waited for.
            self.on_event(_WRITE)
            if self._sock is sock:
                self._watch.add(sock.fileno(), self.on_event, _EVENTS if self._unsent or self._tls else _ANSWER)
            return
        self._end(failed)

    def _ask_again(self, sock: Socket, where: Any) -> int:
        """What has become of a call: EISCONN if the host has taken it already.

        Only if there is something to say then: a mere connect is left to its event, which tells of a reset, too.
        """
        nearness = self._watch.nearness
        if not nearness.worth_asking():
            return _EINPROGRESS
        code = sock.connect_ex(where)
        nearness.learn(code == _EISCONN)
        return code

    def on_event(self, mask: int) -> None:
        """Something happened to its socket."""
        try:
            self._stage(self, mask)
        except (Doubt, OSError) as error:
            if isinstance(self._tls, QuickTls) and not self._over:
                self._by_the_book()
            else:
                self._fail(error)

    def _by_the_book(self) -> None:
        """Something is amiss on the quick way: the same once more, with a whole handshake."""
        self._trust.doubt(self.number, time.monotonic())
        self._close()
        self._tls = self._dialogue = None
        self._stage, self._unsent = Attempt._connecting, b""
        self._address -= 1
        self._connect(_unreached(errno.ENOTCONN))

    def _fail(self, error: Exception) -> None:
        if isinstance(error, ssl.SSLError):
            cause = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason
            if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
                cause = "closed in the handshake"
            cause = f"TLS: {(cause or str(error)).lower().replace('_', ' ')}"
            self._end(Outcome(False, "L6RSP", cause, expires_at=self._tls.expires_at if self._tls else 0.0))
        elif isinstance(error, OSError):
            layer = "L6RSP" if self._stage is Attempt._handshaking else "L7RSP"
            self._end(Outcome(False, layer, error.strerror or str(error), errno=error.errno or 0))

    def _connecting(self, mask: int) -> None:
        assert self._sock is not None
        if mask & _BROKEN:
            code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code == errno.ECONNRESET and self._job.check.type != "tcp":
                self._end(Outcome(False, "L7RSP", os.strerror(code), errno=code))
                return
            if code:
                self._close()
                self._connect(_unreached(code))
                return
        if not mask & _WRITE:
            return
        check = self._job.check
        make = DIALOGUES.get(check.type)
        if make is None and check.type not in TLS:
            self._end(_CONNECTED)
            return
        if make is not None:
            self._dialogue = make(check, self._job.name)
        if check.type in TLS:
            where = self._job.addresses[self._address - 1]
            self._stage = Attempt._handshaking
            self._tls = self._trust.begin(self.number, check, _host_of(self._job.name), where, self.began)
            self._shake()
        else:
            self._open(mask)

    def _open(self, mask: int) -> None:
        assert self._dialogue is not None
        self._stage = Attempt._talking
        if self._dialogue.opening:
            self._say(self._dialogue.opening)
        if mask & ~_WRITE:
            self._talking(mask)

    # -- TLS -------------------------------------------------------------------------------

    def _handshaking(self, mask: int) -> None:
        if self._unsent and mask & _WRITE:
            self._say(b"")
        # To the last byte: what is left unread would not be told of again.
        while self._stage is Attempt._handshaking and (data := self._read()) is not None:
            assert self._tls is not None
            self._tls.feed(data)
            self._shake()
        if self._stage is Attempt._talking:
            self._talking(mask)

    def _shake(self) -> None:
        tls = self._tls
        assert tls is not None
        shaken = tls.shake()
        if shaken and self._dialogue is not None:
            self._open(0)  # our last word of the handshake goes with the first one after it
            self._hear_tls()
            return
        self._say(tls.outgoing())
        if not shaken:
            return
        # The answer is given. The session for the next time may come after it: the ear stays.
        self._stage = Attempt._collecting
        if not tls.session_follows:
            self._trust.shaken(self.number, tls, self.began)
        self._end(Outcome(True, "L6OK", expires_at=tls.expires_at), close=not tls.session_follows)

    def _collecting(self, mask: int) -> None:
        data, tls = self._read(), self._tls
        if tls is not None and data:
            tls.feed(data)
            if tls.hear() is None:
                self._trust.shaken(self.number, tls, self.began)
        if data is not None:
            self._close()

    def _hear_tls(self) -> None:
        tls, dialogue = self._tls, self._dialogue
        assert tls is not None
        assert dialogue is not None
        while not self._over and (text := tls.hear()) is not None:
            self._take(dialogue.hear(text, not text))
            if not text:
                return

    # -- dialogue --------------------------------------------------------------------------

    def _talking(self, mask: int) -> None:
        if self._unsent and mask & _WRITE:
            self._say(b"")
        if not mask & ~_WRITE:
            return
        dialogue = self._dialogue
        assert dialogue is not None
        while not self._over and (data := self._read()) is not None:
            if self._tls is None:
                self._take(dialogue.hear(data, not data))
            else:
                self._tls.feed(data)
                self._hear_tls()
            if not data:
                return

    def _take(self, outcome: Outcome | None) -> None:
        if outcome is not None and not self._over:
            if self._tls is not None:
                self._trust.shaken(self.number, self._tls, self.began)
                outcome = outcome._replace(expires_at=self._tls.expires_at)
            self._end(outcome)

    def _say(self, data: bytes) -> None:
        assert self._sock is not None
        if self._tls is not None and self._stage is Attempt._talking and data:
            self._tls.say(data)
            data = self._tls.outgoing()
        data = self._unsent + data
        if data:
            try:
                data = data[self._sock.send(data) :]
            except BlockingIOError:
                pass
        self._unsent = data

    def _read(self) -> bytes | None:
        """What has come; b"" at the end, None when nothing has."""
        assert self._sock is not None
        try:
            return self._sock.recv(_CHUNK)
        except BlockingIOError:
            return None

    # -- the end ---------------------------------------------------------------------------

    def _end(self, outcome: Outcome, close: bool = True) -> None:
        if close:
            self._close()
        if not self._over:
            self._over = True
            if not outcome.good:
                self._trust.drop(self.number)
            self._done(self, outcome)

    def _close(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            if self._tls is not None:
                self._tls.close()
            if self._dialogue is None or self._job.check.type != "send":
                self._watch.abort(sock, not self._job.source)
            else:
                self._discard(sock)

    def _discard(self, sock: Socket) -> None:
        self._watch.remove(sock.fileno())
        sock.close()


_CONNECTED = Outcome(True, "L4OK")
_NOWHERE = Outcome(False, "L4CON", "it has no address", reached=False)


def _unreached(code: int) -> Outcome:
    if code in OURS:
        return _not_made(code)
    # EAGAIN is what a unix socket says at once where TCP would wait for room.
    cause = "its backlog is full" if code == errno.EAGAIN else os.strerror(code)
    return Outcome(False, "L4CON", cause, errno=code, reached=False)


def _not_made(code: int) -> Outcome:
    return Outcome(False, OUR_FAULT, f"no check can be made: {os.strerror(code)}", errno=code, reached=False)


def _host_of(name: str) -> str:
    """The host of `host:port` or `[v6]:port`."""
    host, _, port = name.rpartition(":")
    return (host if host and port.isdigit() else name).strip("[]")


def made(job: Job, watch: Watch, trust: Trust, done: Callable[[Any, Outcome], None]) -> Running:
    """The check that a job asks for, to be started."""
    if job.check.type == "script":
        from control.script import Script

        return Script(job, watch, done)
    return Attempt(job, watch, trust, done)
