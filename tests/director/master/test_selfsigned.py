"""A certificate that vouches for itself."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

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


def test_a_place_that_can_not_be_written_is_said() -> None:
    with pytest.raises(SystemFailure, match="can't write"):
        selfsigned.ensure("/proc/no/admin.pem")
