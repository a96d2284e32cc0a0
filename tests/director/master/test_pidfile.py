"""The pid file: exactly a pid and a newline."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from director.master.pidfile import read_pid_file, write_pid_file


def test_the_pid_file_is_the_pid_and_a_newline(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    write_pid_file(str(path))
    assert path.read_bytes() == f"{os.getpid()}\n".encode()
    assert path.stat().st_mode & 0o777 == 0o644
    assert read_pid_file(str(path)) == os.getpid()
    assert os.listdir(tmp_path) == ["pid"]


@pytest.mark.parametrize("content", ["", "x\n", "12 13\n"])
def test_a_pid_file_without_a_pid_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "pid").write_text(content)
    assert read_pid_file(str(tmp_path / "pid")) is None
    assert read_pid_file(str(tmp_path / "nothing")) is None
