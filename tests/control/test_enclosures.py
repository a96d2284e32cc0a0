"""What a command takes from the client's machine, or leaves there."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from control.commands.command import CommandError, find
from control.commands.table import COMMANDS
from control.enclosures import asked_password, enclosed, hashed, received


def test_a_file_travels_as_bytes(tmp_path: Path) -> None:
    path = tmp_path / "config.xml"
    path.write_bytes(b"<director/>")
    row = find("config-diff", COMMANDS)
    assert enclosed(row, {"file": str(path)}) == {"file": [str(path), b"<director/>"]}
    with pytest.raises(CommandError, match="can't read"):
        enclosed(row, {"file": str(tmp_path / "missing")})


def test_a_config_is_saved_on_the_clients_side(tmp_path: Path) -> None:
    row = find("config-save", COMMANDS)
    path = tmp_path / "mine.xml"
    path.write_text("before")
    assert enclosed(row, {"file": str(path)}) == {"print": True, "file": str(path)}
    args = {"file": str(path), "dry-run": False}
    planned = {"lines": ["write"]}
    assert received(row, {**args, "dry-run": True}, planned) == planned
    assert path.read_text() == "before"
    with pytest.raises(CommandError, match="can't write"):
        received(row, {"file": str(tmp_path / "no" / "folder"), "dry-run": True}, planned)
    result = received(row, args, {"text": "after"})
    assert result["lines"] == [f"{path} says what runs; what it said is in {path}.bak"]
    received(row, args, {"text": "later"})
    assert [(tmp_path / f"mine.xml{end}").read_text() for end in ("", ".bak", ".bak.1")] == ["later", "after", "before"]
    with pytest.raises(CommandError, match="can't write"):
        received(row, {**args, "file": str(tmp_path / "no" / "folder")}, {"text": "after"})


def test_a_password_is_a_line_of_stdin_and_only_its_hash_travels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    sent = enclosed(find("user-add", COMMANDS), {"name": "eva", "access": "full"})
    assert sent["password"].startswith("$argon2id$")
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with pytest.raises(CommandError, match="empty"):
        asked_password()
    assert hashed("a") != hashed("a")
