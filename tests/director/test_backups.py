"""A file written anew, and what it said before."""

from __future__ import annotations

import resource
import stat
from pathlib import Path

import pytest

from director.backups import replace_file


def test_a_file_begins_without_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert replace_file(str(path), b"1") == ""
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("x", b"1")]


def test_what_it_said_last_is_in_its_backup_with_the_same_rights(tmp_path: Path) -> None:
    path, link = tmp_path / "x", tmp_path / "link"
    path.write_bytes(b"0")
    path.chmod(0o640)
    link.symlink_to(path)
    before = path.stat()
    assert replace_file(str(link), b"1") == f"{path}.bak"
    backup = tmp_path / "x.bak"
    assert (link.is_symlink(), path.read_bytes(), backup.read_bytes()) == (True, b"1", b"0")
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, backup)] == [0o640, 0o640]
    assert backup.stat().st_mtime_ns == before.st_mtime_ns


def test_the_first_backup_and_the_last_nine_stay(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"0")
    for said in range(1, 15):
        assert replace_file(str(path), b"%d" % said) == f"{path}.bak"
    found = {one.name: int(one.read_bytes()) for one in tmp_path.iterdir()}
    assert found == {"x": 14, "x.bak": 13, **{f"x.bak.{at}": 13 - at for at in range(1, 9)}, "x.bak.9": 0}


def test_nothing_is_lost_where_nothing_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"0")
    (tmp_path / "x.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_file(str(path), b"1")
    assert (path.read_bytes(), (tmp_path / "x.bak").exists()) == (b"0", False)


@pytest.mark.parametrize(("room", "text"), [(3, b"longer than there is room for"), (12, b"new")])
def test_a_full_disk_leaves_all_as_it_was_and_no_halves(tmp_path: Path, room: int, text: bytes) -> None:
    path = tmp_path / "config.xml"
    path.write_bytes(b"what it said, at length")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            replace_file(str(path), text)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [one.name for one in tmp_path.iterdir()] == ["config.xml"]
    assert path.read_bytes() == b"what it said, at length"
