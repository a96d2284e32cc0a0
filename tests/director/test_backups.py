"""A file written anew, and what it said before."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest

from director.backups import replace_file, try_to_replace


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
    path = tmp_path / ("x" * 250)  # there is no longer name for the one beside it
    path.write_bytes(b"0")
    for attempt in (lambda: replace_file(str(path), b"1"), lambda: try_to_replace(str(path))):
        with pytest.raises(OSError, match="too long"):
            attempt()
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [(path.name, b"0")]


def test_what_somebody_keeps_beside_it_is_left_alone(tmp_path: Path) -> None:
    path, draft = tmp_path / "x", tmp_path / "x.new"
    draft.write_bytes(b"mine")
    try_to_replace(str(path))
    replace_file(str(path), b"1")
    assert draft.read_bytes() == b"mine"


def test_what_would_hinder_it_is_known_before_and_nothing_is_left_of_the_try(tmp_path: Path) -> None:
    path = tmp_path / "x"
    try_to_replace(str(path))
    path.write_bytes(b"0")
    try_to_replace(str(path))
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("x", b"0")]
    with pytest.raises(IsADirectoryError):
        try_to_replace(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        try_to_replace(str(tmp_path / "no" / "folder"))


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


def test_a_device_or_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    path, link = tmp_path / "x", tmp_path / "link"
    os.mkfifo(path)
    link.symlink_to(path)
    for function in (try_to_replace, lambda name: replace_file(name, b"1")):
        with pytest.raises(OSError, match="not a regular file"):
            function(str(link))
    assert path.is_fifo()
    assert {one.name for one in tmp_path.iterdir()} == {"x", "link"}
