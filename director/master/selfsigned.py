"""A certificate that vouches for itself, for an admin that is to be secure and names none.

Made once and kept, so that whoever has accepted it need not do so again.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import socket
from collections.abc import Iterable

from director import logs
from director.errors import SystemFailure
from director.events import Event

NAME = "admin.pem"
_DAYS = 3650


def path(state_dir: str) -> str:
    """Where it lies: certificate and key in one file."""
    return os.path.join(state_dir, NAME)


def ensure(file: str, hosts: Iterable[str] = ()) -> None:
    """Make it if it is not there, for this machine and for what it is called by in these. Raises SystemFailure."""
    if os.path.exists(file):
        return
    text, fingerprint = _make((socket.gethostname() or "director", "localhost", "127.0.0.1", "::1", *hosts))
    try:
        os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
        temporary = f"{file}.new"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "wb") as target:
            target.write(text)
        os.replace(temporary, file)
    except OSError as error:
        remedy = "name a certificate by cert=... in <admin>, or start with a --state-dir that can be written"
        raise SystemFailure(f"can't write {file}: {error.strerror}; {remedy}") from None
    logs.warning(Event.CERTIFICATE_MADE, file=file, sha256=fingerprint)


def _make(hosts: tuple[str, ...]) -> tuple[bytes, str]:
    """Certificate and key, and the fingerprint. The first of the hosts is its subject."""
    # Slow to import, and needed once in the life of a machine.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, hosts[0][:64])])
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = []
    for host in dict.fromkeys(hosts):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            with contextlib.suppress(ValueError):  # a name that no certificate can hold as it stands
                names.append(x509.DNSName(host))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    return public + private, certificate.fingerprint(hashes.SHA256()).hex(":")
