"""TLS for checks: contexts shared by all checks alike, trust, and the end of certificates.

A host is judged by the standard library, with whole handshakes. While its
certificate is known by that, for a minute at the most, checks go a quicker way,
by sessions that are taken up (quicktls): so long a certificate that was
exchanged may go unseen. Where a quick way fails, the whole one decides, and the
next quick one is tried after it, or none.
"""

from __future__ import annotations

import calendar
import os
import ssl
from _ssl import ENCODING_DER
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from control.quicktls import WAYS, QuickTls
from director.config.model import Check
from director.trust import trusting

_FRESH = 60.0  # seconds from one whole handshake to the next
_DOUBT = 600.0  # seconds without a quick way for a host with which it failed
_CHUNK = 16 * 1024


Terms = tuple[ssl.SSLContext, str, object]  # whom to trust, by what name, where


class WholeTls:
    """One connection's TLS, by the book."""

    __slots__ = ("_incoming", "_outgoing", "_ssl", "terms")

    session_follows = False  # none that we would use

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        context, name, _ = terms
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name or None)

    def feed(self, data: bytes) -> None:
        """This came; b"": the end."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def shake(self) -> bool:
        """Go on with the handshake; whether it is complete. Raises ssl.SSLError."""
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def outgoing(self) -> bytes:
        """What is to be sent."""
        return self._outgoing.read()

    def say(self, data: bytes) -> None:
        """Encrypt it."""
        self._ssl.write(data)

    def hear(self) -> bytes | None:
        """What the host says; b"" at the end, None when there is nothing yet. Raises ssl.SSLError."""
        try:
            return self._ssl.read(_CHUNK)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    @property
    def certificate(self) -> bytes | None:
        """The host's, after the handshake."""
        return self._ssl.getpeercert(binary_form=True)

    @property
    def expires_at(self) -> float:
        """When the host's certificate ends, be it good or not; 0: it has shown none."""
        # `getpeercert` tells of no handshake that failed; this is `SSLObject`'s own from Python 3.13 on.
        shown = self._ssl._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
        return not_after(shown[0].public_bytes(ENCODING_DER)) if shown else 0.0

    def close(self) -> None:
        """No more of it."""


Tls = WholeTls | QuickTls


@dataclass(slots=True)
class _Known:
    """What a whole handshake showed. `terms`: with whom, and what was asked of it."""

    terms: Terms
    certificate: bytes
    expires_at: float
    since: float
    session: Any = None


class Trust:
    """The hosts whose certificates are known, by number."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._doubted: dict[int, tuple[int, float]] = {}  # how many of WAYS failed; until when that counts

    def begin(self, number: int, check: Check, name: str, where: object, now: float) -> Tls:
        """TLS with a host that is there. Raises OSError if the file of `ca` can't be used."""
        name = (check.sni or name).removesuffix(".")  # without the dot of a whole name (RFC 6066, 3)
        terms = _context(check.verify, check.ca, _stamp(check.ca)), name, where
        known = self._known.get(number)
        way = self._way(number, now)
        if way < len(WAYS) and known is not None and known.terms == terms and now - known.since <= _FRESH:
            return QuickTls(terms[1], known.certificate, known.expires_at, known.session, WAYS[way])
        return WholeTls(terms)

    def _way(self, number: int, now: float) -> int:
        """Which of WAYS is to be gone with a host; their number: none."""
        way, until = self._doubted.get(number, (0, now))
        return way if now < until else 0

    def shaken(self, number: int, tls: Tls, now: float) -> None:
        """The handshake is complete, and a session there if one was to come."""
        if isinstance(tls, WholeTls):
            certificate = tls.certificate
            if certificate is not None:
                self._known[number] = _Known(tls.terms, certificate, tls.expires_at, now)
        elif number in self._known and (session := tls.session) is not None:
            self._known[number].session = session

    def drop(self, number: int) -> None:
        """The host failed: begin anew."""
        self._known.pop(number, None)

    def doubt(self, number: int, now: float) -> None:
        """The quick way that was gone with this host fails."""
        self.drop(number)
        self._doubted[number] = self._way(number, now) + 1, now + _DOUBT

    def forget(self, number: int) -> None:
        """The host is gone, or another."""
        self.drop(number)
        self._doubted.pop(number, None)


def _stamp(path: str | None) -> tuple[int, ...] | None:
    """What differs once a file was written or replaced."""
    try:
        stat = os.stat(path) if path else None
    except OSError:
        return None  # whoever reads it says so
    return stat and (stat.st_ino, stat.st_mtime_ns, stat.st_size)


@lru_cache(256)
def _context(verify: bool, ca: str | None, stamp: tuple[int, ...] | None) -> ssl.SSLContext:
    context = trusting(ca)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@lru_cache(4096)
def not_after(certificate: bytes) -> float:
    """The end of a DER certificate's validity (RFC 5280, 4.1); 0 if it is none."""
    try:
        start, _ = _element(certificate, 0)  # Certificate
        start, _ = _element(certificate, start)  # TBSCertificate
        if certificate[start] == 0xA0:  # version
            start = sum(_element(certificate, start))
        for _ in range(3):  # serial number, signature, issuer
            start = sum(_element(certificate, start))
        start, _ = _element(certificate, start)  # validity
        start = sum(_element(certificate, start))  # notBefore
        begin, length = _element(certificate, start)
        text = certificate[begin : begin + length].decode("ascii")
        # Not by strptime: it imports a module on its first call, when the hub may no longer read where Python is.
        year = int(text[:-11])  # of two digits (RFC 5280, 4.1.2.5.1), or of four
        if certificate[start] == 0x17:
            year += 2000 if year < 50 else 1900
        return float(
            calendar.timegm((year, *(int(text[at : at + 2]) for at in range(len(text) - 11, len(text) - 1, 2))))
        )
    except (IndexError, ValueError):
        return 0.0


def _element(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of a DER element begins, and how long it is."""
    length = data[at + 1]
    if length < 0x80:
        return at + 2, length
    count = length & 0x7F
    return at + 2 + count, int.from_bytes(data[at + 2 : at + 2 + count], "big")
