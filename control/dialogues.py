"""What a check says to a host and makes of the answer. Pure: bytes in, an outcome out.

One class a type of check, and a row in DIALOGUES. The sockets are attempt's
business. Statuses are named as HAProxy names them: the layer that decided (L4
connect, L6 TLS, L7 answer) and how.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol

from director.config.model import Check
from director.config.values import unescape

OUR_FAULT = "SOCKERR"  # no check was made, for want of something of our own: it says nothing of the host
OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
MOST = 64 * 1024  # bytes of an answer, or of the body of one, that are looked at
_WITH_CHUNKS = 4 * MOST  # bytes that such a body takes at the most, with its head and its chunks
_DEFAULT_STATUSES = "200-399"
_STATUS = re.compile(rb"HTTP/\d\.\d (\d{3})(?= |\r?$)")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,18})[ \t]*\r?$", re.I | re.M)
_CHUNKED = re.compile(rb"^transfer-encoding:.*chunked", re.I | re.M)
_SIZE = re.compile(rb"([0-9a-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n", re.I)
_BODILESS = frozenset({204, 304})  # whatever the head says (RFC 9112, 6.3)
_SWITCHING = 101  # the one status of its hundred that no other follows
_NOTHING = "closed without an answer"


class Outcome(NamedTuple):
    """What came of a check. `reached`: it had a connection to the host.

    `code`: HTTP status, or exit status of a script; 0: none. `errno`: 0: none.
    `expires_at`: the certificate, wall clock; 0: there is none.
    A tuple, since a frozen dataclass takes three times as long to make, and one is made for each check.
    """

    good: bool
    status: str
    cause: str = ""
    code: int = 0
    errno: int = 0
    reached: bool = True
    expires_at: float = 0.0


class Dialogue(Protocol):
    """One conversation. `opening` is what to say first; `hear` gets what comes until it has an outcome.

    `heard`: what there is of the answer so far.
    """

    opening: bytes
    heard: bytes

    def hear(self, data: bytes, eof: bool) -> Outcome | None: ...


class Http:
    """Ask for a page: its status, and what is in its body if there is a pattern."""

    __slots__ = ("_check", "_passed", "heard", "opening")

    def __init__(self, check: Check, host: str) -> None:
        self._check = check
        self.heard = b""
        self._passed = 0  # bytes of answers that another follows
        before, after = _request(check.method, check.path or "/")
        self.opening = before + (check.host or host).encode("latin-1", "replace") + after

    def hear(self, data: bytes, eof: bool) -> Outcome | None:
        self.heard = heard = self.heard + data if self.heard else data
        while True:
            line, whole, _ = heard.partition(b"\n")
            if not whole and not eof and len(heard) <= MOST and b"HTTP/".startswith(heard[:5]):
                return None
            match = _STATUS.match(line)
            if match is None:
                return Outcome(False, "L7RSP", f"no HTTP status but {_shown(heard)}" if heard else _NOTHING)
            code = int(match[1])
            if code in _statuses(self._check.expect or _DEFAULT_STATUSES):
                return _good(code) if self._check.pattern is None else self._search(heard, eof, code)
            if not 100 <= code < 200 or code == _SWITCHING:
                return Outcome(False, "L7STS", f"status {line[9:80].decode('latin-1').strip()}", code)
            # The answer comes after this one (RFC 9110, 15.2).
            end = _HEAD_END.search(heard)
            if end is None and not eof and self._passed + len(heard) <= MOST:
                return None
            if end is None or self._passed > MOST:
                return Outcome(False, "L7RSP", f"no answer after status {code}", code)
            self._passed += end.end()
            self.heard = heard = heard[end.end() :]

    def _search(self, heard: bytes, eof: bool, code: int) -> Outcome | None:
        end = _HEAD_END.search(heard)
        if end is not None:
            head, text = heard[: end.start()], heard[end.end() :]
            if code in _BODILESS or self._check.method == "HEAD":
                text, whole = b"", True
            elif _CHUNKED.search(head):
                text, whole = _dechunked(text)
            else:
                length = _LENGTH.search(head)
                whole = length is not None and len(text) >= int(length[1])
            eof = eof or whole or len(text) >= MOST or len(heard) > _WITH_CHUNKS
            # Not before: what a pattern says of the end, or of what must not be there, is unknown till then.
            if eof and _compiled(self._check.pattern or "").search(text[:MOST]):
                return _good(code)
        if eof or (end is None and len(heard) > MOST):
            where = "the body" if end is not None else f"the first {MOST >> 10} KiB, all head,"
            return Outcome(False, "L7RSP", f"{where} has no {self._check.pattern!r}", code)
        return None


def _dechunked(body: bytes) -> tuple[bytes, bool]:
    """The text of the chunks that are there, and whether none follows: the last one is, or what is no chunk."""
    parts: list[bytes] = []
    at = 0
    while body.find(b"\n", at) >= 0:
        match = _SIZE.match(body, at)
        size = 0 if match is None else int(match[1], 16)
        if match is None or size == 0:
            return b"".join(parts), True
        at = match.end()
        parts.append(body[at : at + size])
        at += size + 2
    return b"".join(parts), False


class Send:
    """Say something, or wait for a greeting, and compare the answer."""

    __slots__ = ("_expected", "_pattern", "heard", "opening")

    def __init__(self, check: Check, host: str) -> None:
        self.opening, self._expected = _exchange(check)
        self._pattern = None if check.pattern is None else _compiled(check.pattern)
        self.heard = b""

    def hear(self, data: bytes, eof: bool) -> Outcome | None:
        self.heard = heard = self.heard + data if self.heard else data
        begun = heard[: len(self._expected)]
        if not self._expected.startswith(begun):
            return Outcome(False, "L7RSP", f"the answer begins with {_shown(heard)}")
        if heard and begun == self._expected and (self._pattern is None or self._pattern.search(heard)):
            return Outcome(True, "L7OK")
        if eof or len(heard) > MOST:
            return Outcome(False, "L7RSP", f"the answer is {_shown(heard)}" if heard else _NOTHING)
        return None


@lru_cache(1024)
def _good(code: int) -> Outcome:
    return Outcome(True, "L7OK", "", code)


def _shown(heard: bytes) -> str:
    return repr(heard[:40].decode("latin-1"))


@lru_cache(1024)
def _exchange(check: Check) -> tuple[bytes, bytes]:
    said = bytes.fromhex(check.send_hex) if check.send_hex else unescape(check.send or "")
    expected = bytes.fromhex(check.expect_hex) if check.expect_hex else unescape(check.expect or "")
    return said, expected


@lru_cache(1024)
def _request(method: str, path: str) -> tuple[bytes, bytes]:
    """What goes before the name of the host and after it: that is another one for each of ten thousand hosts."""
    after = ("", "User-Agent: director", "Accept-Encoding: identity", "Connection: close", "", "")
    return f"{method} {path} HTTP/1.1\r\nHost: ".encode("latin-1", "replace"), "\r\n".join(after).encode()


@lru_cache(1024)
def _statuses(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        found.update(range(int(low), int(high or low) + 1))
    return frozenset(found)


@lru_cache(1024)
def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode(), re.S)


# tcp and tls are content when they are connected: they have no dialogue.
DIALOGUES: Mapping[str, Callable[[Check, str], Dialogue]] = {"http": Http, "https": Http, "send": Send}
TLS = frozenset({"tls", "https"})
