"""The pid file: exactly a pid and a newline."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from director.errors import Exit, RightsError, SystemFailure
from director.master.pidfile import check_pid_file, read_pid_file, write_pid_file


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


@pytest.mark.parametrize(("path", "cause"), [("missing/pid", "No such file or directory"), (".", "Is a directory")])
def test_where_it_cannot_be_written_is_known_before(tmp_path: Path, path: str, cause: str) -> None:
    with pytest.raises(SystemFailure, match=f"can't write pid file .*: {cause}; name another by --pid-file"):
        check_pid_file(str(tmp_path / path))
    with pytest.raises(OSError, match=cause):
        write_pid_file(str(tmp_path / path))
    assert not os.path.exists(f"{tmp_path}.new")
    assert not list(tmp_path.iterdir())


def test_what_is_no_file_is_refused_before_it_would_become_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pid")
    with pytest.raises(SystemFailure, match=r"can't write pid file .*: not a regular file; name another by --pid-file"):
        check_pid_file(str(tmp_path / "pid"))
    assert [one.name for one in tmp_path.iterdir()] == ["pid"]


def test_where_no_other_file_can_be_made_it_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("123456789\n")
    (tmp_path / "pid.new").mkdir()
    write_pid_file(str(path))
    assert path.read_text() == f"{os.getpid()}\n"


def test_that_one_has_no_right_to_write_it_is_said_by_its_own_exit_status(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    us = os.geteuid()
    if us == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(RightsError, match="Permission denied"):
            check_pid_file(str(tmp_path / "pid"))
    finally:
        os.seteuid(us)
    assert RightsError.exit == Exit.NO_RIGHTS


def test_to_ask_whether_it_can_be_written_leaves_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text("1\n")
    check_pid_file(str(tmp_path / "pid"))
    assert os.listdir(tmp_path) == ["pid"] and (tmp_path / "pid").read_text() == "1\n"
