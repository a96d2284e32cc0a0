"""TLS towards real servers: trust, names, expiry, sessions taken up again."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from control.tlsclient import not_after
from director.config.model import Check
from tests.control.test_prober import Clinic, listening
from tests.waiting import until

INET = int(socket.AF_INET)


def certificate_for(folder: Path, names: str) -> Path:
    """cert.pem and key.pem with these names, good for 30 days."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
         "30", "-subj", "/CN=localhost", "-addext", f"subjectAltName={names}",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_for(tmp_path_factory.mktemp("tls"), "DNS:localhost,DNS:app.test")


class Server:
    """Answers each client's first line over TLS, or nothing; counts resumed sessions, and their versions."""

    def __init__(self, folder: Path) -> None:
        self.use(folder)
        self.listener, self.where = listening(64)
        self.resumed: list[bool] = []
        self.versions: list[str | None] = []
        threading.Thread(target=self._run, daemon=True).start()

    def use(self, folder: Path) -> None:
        """Show this certificate from now on, and know no session of before."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self.context = context

    def _run(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
                with self.context.wrap_socket(client, server_side=True) as tls:
                    self.versions.append(tls.version())
                    self.resumed.append(bool(tls.session_reused))
                    if tls.recv(1000):
                        tls.sendall(b"HTTP/1.1 200 OK\r\n\r\nready")
            except OSError:
                if self.listener.fileno() < 0:
                    return


@pytest.fixture
def server(certificate: Path) -> Iterator[Server]:
    found = Server(certificate)
    yield found
    found.listener.close()


def test_a_handshake_is_good_and_tells_when_the_certificate_ends(server: Server) -> None:
    outcome = Clinic().one(Check(type="tls", verify=False, timeout=5.0), (INET, server.where))
    assert (outcome.good, outcome.status) == (True, "L6OK")
    assert 29 < (outcome.expires_at - time.time()) / 86400 <= 30


@pytest.mark.parametrize(
    ("sni", "trusted", "cause"),
    [
        ("app.test", True, ""),
        ("app.test.", True, ""),
        ("app.test", False, "self-signed certificate"),
        ("other.test", True, "hostname mismatch"),
    ],
)
def test_who_is_not_who_it_should_be_is_bad(
    server: Server, certificate: Path, sni: str, trusted: bool, cause: str
) -> None:
    ca = str(certificate / "cert.pem") if trusted else None
    outcome = Clinic().one(Check(type="tls", ca=ca, sni=sni, timeout=5.0), (INET, server.where))
    assert outcome.good is (cause == "")
    assert cause in outcome.cause
    assert cause == "" or outcome.status == "L6RSP"
    assert 29 < (outcome.expires_at - time.time()) / 86400 <= 30


def test_https_looks_into_the_answer_and_sessions_are_resumed(server: Server) -> None:
    clinic = Clinic(interval=0.05)
    clinic.check(Check(type="https", verify=False, pattern="ready", timeout=5.0), (INET, server.where))
    until(lambda: len(clinic.outcomes) >= 4)
    assert [outcome.status for _, outcome in clinic.outcomes[:4]] == ["L7OK"] * 4
    assert server.resumed[0] is False
    assert any(server.resumed)
    assert all(outcome.expires_at for _, outcome in clinic.outcomes)


def test_bare_handshakes_resume_sessions_too(server: Server) -> None:
    clinic = Clinic(interval=0.05)
    clinic.check(Check(type="tls", verify=False, timeout=5.0), (INET, server.where))
    until(lambda: len(server.resumed) >= 5)
    assert any(server.resumed)


def test_who_speaks_no_tls_is_bad() -> None:
    listener, where = listening()

    def answer() -> None:
        client, _ = listener.accept()
        client.sendall(b"220 mail ESMTP\r\n")

    threading.Thread(target=answer, daemon=True).start()
    outcome = Clinic().one(Check(type="tls", verify=False, timeout=5.0), (INET, where))
    assert outcome.status == "L6RSP"
    assert outcome.cause.startswith("TLS: ")
    assert outcome.expires_at == 0.0
    listener.close()


def test_who_leaves_in_the_handshake_is_said_to() -> None:
    listener, where = listening()

    def leave() -> None:
        client, _ = listener.accept()
        client.recv(4096)
        client.close()

    threading.Thread(target=leave, daemon=True).start()
    outcome = Clinic().one(Check(type="tls", verify=False, timeout=5.0), (INET, where))
    assert (outcome.status, outcome.cause) == ("L6RSP", "TLS: closed in the handshake")
    listener.close()


def test_a_missing_ca_is_said() -> None:
    listener, where = listening()
    outcome = Clinic().one(Check(type="tls", ca="/none.pem", timeout=5.0), (INET, where))
    assert not outcome.good
    assert "No such file" in outcome.cause
    listener.close()


@pytest.mark.parametrize(
    ("tag", "text", "when"),
    [
        (0x17, b"260102030405Z", "2026-01-02T03:04:05"),
        (0x17, b"490102030405Z", "2049-01-02T03:04:05"),
        (0x17, b"991231235959Z", "1999-12-31T23:59:59"),
        (0x18, b"20501231235959Z", "2050-12-31T23:59:59"),
        (0x17, b"rubbish in itZ", ""),
        (0x17, b"261302030405Z", ""),
    ],
)
def test_an_end_is_read_in_both_forms_of_a_date(tag: int, text: bytes, when: str) -> None:
    def element(kind: int, *content: bytes) -> bytes:
        data = b"".join(content)
        return bytes((kind, len(data))) + data

    number, filler = element(2, b"\1"), element(0x30)
    validity = element(0x30, element(0x17, b"200101000000Z"), element(tag, text))
    made = element(0x30, element(0x30, number, filler, filler, validity))
    expected = datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp() if when else 0.0
    assert not_after(made) == expected


def test_no_certificate_has_no_end() -> None:
    for nonsense in (b"", b"0", b"\x30\x82", bytes(100)):
        assert not_after(nonsense) == 0.0


def test_a_certificate_that_takes_several_reads_is_read_to_its_end(tmp_path: Path) -> None:
    names = ",".join(f"DNS:host-{number}.app.test" for number in range(2000))
    made = certificate_for(tmp_path, f"DNS:localhost,{names}")
    found = Server(made)
    try:
        outcome = Clinic().one(Check(type="tls", ca=str(made / "cert.pem"), timeout=10.0), (INET, found.where))
        assert (outcome.status, outcome.cause) == ("L6OK", "")
    finally:
        found.listener.close()
