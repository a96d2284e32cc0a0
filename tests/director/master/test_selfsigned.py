"""A certificate that vouches for itself."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509

from director.errors import SystemFailure
from director.master import selfsigned


def test_it_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = Path(selfsigned.path(str(tmp_path / "state")))
    selfsigned.ensure(str(path))
    text = path.read_text()
    assert "BEGIN CERTIFICATE" in text and "PRIVATE KEY" in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    selfsigned.ensure(str(path))
    assert path.read_text() == text


def test_it_is_good_for_every_address_that_an_admin_is_asked_by(tmp_path: Path) -> None:
    path = Path(selfsigned.path(str(tmp_path)))
    selfsigned.ensure(str(path), ["127.0.0.9", "admin.example.com", "2001:db8::1", "localhost", "b\u00fccher"])
    names = x509.load_pem_x509_certificate(path.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    addresses = {str(one) for one in names.value.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", "::1", "127.0.0.9", "2001:db8::1"}
    assert {"localhost", "admin.example.com"} <= set(names.value.get_values_for_type(x509.DNSName))


def test_a_place_that_can_not_be_written_is_said() -> None:
    with pytest.raises(SystemFailure, match=r"can't write .*; name a certificate by cert="):
        selfsigned.ensure("/proc/no/admin.pem")
