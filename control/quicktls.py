"""TLS with a host whose certificate is known: sessions taken up again, at half the price of the standard library's.

The standard library copies a session by writing and reading it, certificate and all,
whenever it is used, which takes longer than the handshake that it saves; pyOpenSSL
does not. And a session of TLS 1.2 needs no key exchange when it is taken up, which is
three quarters of what one of 1.3 costs: so 1.2 is offered first, and 1.3 to who does not
speak it any more. But it judges nobody here: `tlsclient` does, by the standard library,
in whatever version the host prefers. A host that shows another certificate than the one
expected, or with which anything is amiss, raises Doubt, and is asked again by the book.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - by which names are written: imported while it may be read
from functools import cache, lru_cache

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto

from director.addresses import literal
from director.config.model import Endpoint

_CHUNK = 16 * 1024


class Doubt(Exception):
    """The quick way leads nowhere; what the host is worth is not known by that."""


WAYS = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)  # the cheaper one first


@cache
def _context(version: int) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    if version == SSL.TLS1_3_VERSION:
        # The default offers three key exchanges and computes a key for two. Who does not know this one is in doubt.
        context.set_tmp_ecdh(SECP256R1())
    context.set_verify(SSL.VERIFY_PEER, _note)
    return context


@lru_cache(4096)
def _sni(name: str) -> bytes | None:
    """The name as a handshake says it; addresses are not said (RFC 6066, 3)."""
    return None if not name or literal(Endpoint(name)) else name.encode("idna")


def _note(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, good: int) -> bool:
    """Called for a certificate, so not for a session that is taken up: `shake` compares it."""
    if depth == 0:
        connection.get_app_data().append(certificate.to_cryptography().public_bytes(Encoding.DER))
    return True


class QuickTls:
    """One connection's TLS, between bytes and bytes, as tlsclient.WholeTls has it."""

    __slots__ = ("_connection", "_ended", "_expected", "_shown", "_version", "expires_at")

    def __init__(
        self, name: str, expected: bytes, expires_at: float, session: SSL.Session | None, version: int
    ) -> None:
        """`expected`: the certificate that must be shown unless the session is taken up. `version`: one of WAYS."""
        self._version = version
        self._expected = expected
        self._ended = False
        self.expires_at = expires_at
        # A list, for the connection to hold: by holding us it would make a circle, which keeps its memory for long.
        self._shown: list[bytes] = []
        self._connection = connection = SSL.Connection(_context(version), None)
        connection.set_app_data(self._shown)
        if (sni := _sni(name)) is not None:
            connection.set_tlsext_host_name(sni)
        connection.set_connect_state()
        if session is not None:
            connection.set_session(session)

    def feed(self, data: bytes) -> None:
        """This came; b"": the end. OpenSSL would use no session again that ended so without a farewell."""
        if data:
            self._connection.bio_write(data)
        else:
            self._ended = True

    def shake(self) -> bool:
        """Go on with the handshake; whether it is complete. Raises Doubt."""
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            if self._ended:
                raise Doubt from None
            return False
        except SSL.Error as error:
            raise Doubt from error
        if any(certificate != self._expected for certificate in self._shown):
            raise Doubt
        return True

    def outgoing(self) -> bytes:
        """What is to be sent."""
        try:
            return self._connection.bio_read(_CHUNK)
        except SSL.WantReadError:
            return b""

    def say(self, data: bytes) -> None:
        """Encrypt it."""
        self._connection.sendall(data)

    def hear(self) -> bytes | None:
        """What the host says; b"" at the end, None when there is nothing yet. Raises Doubt."""
        try:
            return self._connection.recv(_CHUNK)
        except SSL.WantReadError:
            return b"" if self._ended else None
        except SSL.ZeroReturnError:
            return b""
        except SSL.Error as error:
            raise Doubt from error

    @property
    def session_follows(self) -> bool:
        """Whether what the next one may begin with is still to come (RFC 8446, 4.6.1)."""
        return bool(self._shown) and self._version == SSL.TLS1_3_VERSION

    @property
    def session(self) -> SSL.Session | None:
        """To begin the next one with, if this one did not begin so."""
        return self._connection.get_session() if self._shown else None

    def close(self) -> None:
        """No more of it. OpenSSL would never use the session again if it were not told that this is no failure."""
        self._connection.set_shutdown(SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN)
