"""TLS for checks: contexts shared by all checks alike, sessions resumed, certificates' expiry.

A handshake costs four times one that resumes a session, so each host's session
is kept; but once a minute a whole handshake is made, or a certificate that was
exchanged meanwhile would go unseen.
"""

from __future__ import annotations

import calendar
import ssl
from functools import lru_cache

from director.config.model import Check

_FRESH = 60.0  # seconds that a session is used


@lru_cache(256)
def _context(verify: bool, ca: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Sessions:
    """The last TLS session with each host, by number."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[ssl.SSLSession, ssl.SSLContext, float]] = {}

    def begin(self, number: int, check: Check, name: str, now: float) -> Tls:
        """A handshake with this host. Raises OSError if the file of `ca` can't be used."""
        context = _context(check.verify, check.ca)
        session, its_context, since = self._kept.get(number, (None, None, 0.0))
        if its_context is not context or now - since > _FRESH:
            session = None
        return Tls(context, check.sni or name, session)

    def keep(self, number: int, tls: Tls, now: float) -> None:
        """The handshake succeeded: use its session next time, if it can be."""
        if tls.resumed:
            return  # to look at the session would copy it, for as much as the handshake costs
        session = tls.ssl.session
        if session is not None and session.has_ticket:
            self._kept[number] = session, tls.context, now

    def wants_ticket(self, number: int, now: float) -> bool:
        """Whether it is worth waiting for the ticket that comes after the handshake."""
        return now - self._kept.get(number, (None, None, 0.0))[2] > _FRESH

    def drop(self, number: int) -> None:
        """The host failed, or is gone: begin anew."""
        self._kept.pop(number, None)


class Tls:
    """One connection's TLS, between bytes and bytes."""

    __slots__ = ("context", "incoming", "outgoing", "ssl")

    def __init__(self, context: ssl.SSLContext, name: str, session: ssl.SSLSession | None) -> None:
        self.context = context
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name or None, session=session)

    @property
    def resumed(self) -> bool:
        """Whether an earlier session was taken up."""
        return bool(self.ssl.session_reused)

    def expires_at(self) -> float:
        """When the host's certificate ends, on the wall clock; 0 when that can't be told."""
        certificate = self.ssl.getpeercert(binary_form=True)
        return 0.0 if certificate is None else not_after(certificate)


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
