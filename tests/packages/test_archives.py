"""Wheel and source archive: the same each time, and complete."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.packages.building import made


def digests(paths: list[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_made_twice_they_are_the_same_and_have_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    once = made("archives.py", tmp_path / "once")
    assert digests(once) == digests(made("archives.py", tmp_path / "again"))
    wheel, archive = once
    with zipfile.ZipFile(wheel) as opened:
        packed = set(opened.namelist())
        assert {one.date_time[:3] for one in opened.infolist()} == {(2023, 11, 14)}
    modules = every_file_in("director", "workers", "control")
    assert modules <= packed
    assert {name.split("/")[0] for name in packed if ".dist-info/" not in name} == {"director", "workers", "control"}
    with tarfile.open(archive) as unpacked:
        names = {name.partition("/")[2] for name in unpacked.getnames()}
    # Whoever has only the archive reads the manual, runs the tests and makes the packages from it.
    others = {"Makefile", "CHANGES.md", "constraints.txt", ".gitignore", ".ci/run"}
    assert modules | others | every_file_in("docs", "etc", "tests") <= names
    assert not {name for name in names if "__pycache__" in name or name.startswith((".venv", "build/", "dist/"))}


def every_file_in(*folders: str) -> set[str]:
    """Paths from the root of the project."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return {str(path.relative_to(ROOT)) for path in found if path.is_file() and "__pycache__" not in path.parts}
