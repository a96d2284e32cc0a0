"""Whose certificates are trusted."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from director.trust import trusting


def test_without_a_file_it_is_as_the_system_has_it() -> None:
    assert trusting(None).verify_mode is ssl.CERT_REQUIRED


def test_a_file_that_can_not_be_used_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for name, cause in (("none.pem", "No such file or directory"), ("empty.pem", "no certificate or crl found")):
        with pytest.raises(OSError, match=f"can't use {tmp_path / name}: {cause}"):
            trusting(str(tmp_path / name))
