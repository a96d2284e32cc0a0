"""The quick way of TLS: taken when a certificate is known, and left at the first doubt."""

from __future__ import annotations

import gc
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from OpenSSL import SSL

from control.quicktls import WAYS, Doubt, QuickTls
from director.config.model import Check
from tests.control.test_prober import Clinic
from tests.control.test_tlsclient import Server, certificate_for
from tests.waiting import until

INET = int(socket.AF_INET)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(certificate_for(tmp_path, "DNS:localhost,DNS:app.test"))
    yield found
    found.listener.close()


def checked(server: Server, folder: Path, kind: str) -> Clinic:
    clinic = Clinic(interval=0.05)
    check = Check(type=kind, ca=str(folder / "cert.pem"), sni="app.test", timeout=10.0)
    clinic.check(check, (INET, server.where))
    return clinic


@pytest.mark.parametrize("kind", ["tls", "https"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_host_that_is_known_is_asked_quickly(
    server: Server, tmp_path: Path, kind: str, version: ssl.TLSVersion
) -> None:
    server.context.maximum_version = server.context.minimum_version = version
    clinic = checked(server, tmp_path, kind)
    until(lambda: server.resumed.count(True) >= 3)
    assert all(outcome.good and outcome.expires_at for _, outcome in clinic.outcomes)
    # By the book, then for a session, then by it: always.
    first = server.resumed.index(True)
    assert first >= 2
    assert all(server.resumed[first:])


def test_a_certificate_that_was_exchanged_is_judged_at_once_if_it_is_shown(server: Server, tmp_path: Path) -> None:
    clinic = checked(server, tmp_path, "tls")
    until(lambda: any(server.resumed))
    other = tmp_path / "other"
    other.mkdir()
    server.use(certificate_for(other, "DNS:app.test"))
    until(lambda: not clinic.outcomes[-1][1].good)
    outcome = clinic.outcomes[-1][1]
    assert (outcome.status, "self-signed certificate" in outcome.cause) == ("L6RSP", True)


def test_the_version_that_needs_no_key_exchange_is_taken_up_where_it_is_spoken(server: Server, tmp_path: Path) -> None:
    clinic = checked(server, tmp_path, "https")
    until(lambda: server.resumed.count(True) >= 3)
    assert all(outcome.good for _, outcome in clinic.outcomes)
    assert server.versions[0] == "TLSv1.3"
    taken_up = {version for version, resumed in zip(server.versions, server.resumed, strict=False) if resumed}
    assert taken_up == {"TLSv1.2"}


def test_who_does_not_know_the_quick_key_exchange_is_asked_by_the_book(server: Server, tmp_path: Path) -> None:
    server.context.minimum_version = ssl.TLSVersion.TLSv1_3
    server.context.set_ecdh_curve("secp384r1")
    clinic = checked(server, tmp_path, "https")
    until(lambda: len(clinic.outcomes) >= 5)
    assert all(outcome.good for _, outcome in clinic.outcomes)
    assert not any(server.resumed)


@pytest.mark.parametrize("version", WAYS)
def test_who_speaks_no_tls_is_doubted(version: int) -> None:
    tls = QuickTls("app.test", b"", 0.0, None, version)
    assert tls.shake() is False
    assert tls.outgoing()
    tls.feed(b"220 mail ESMTP\r\n")
    with pytest.raises(Doubt):
        tls.shake()


def test_who_leaves_in_the_middle_is_doubted() -> None:
    tls = QuickTls("127.0.0.1", b"", 0.0, None, WAYS[0])
    assert tls.shake() is False
    assert b"127.0.0.1" not in tls.outgoing()
    tls.feed(b"")
    with pytest.raises(Doubt):
        tls.shake()


def test_what_a_check_used_is_free_when_it_is_over() -> None:
    gc.collect()
    gc.disable()
    try:
        tls = QuickTls("app.test", b"", 0.0, None, WAYS[0])
        tls.shake()
        tls.close()
        del tls
        assert not any(isinstance(found, QuickTls | SSL.Connection) for found in gc.get_objects())
    finally:
        gc.enable()
