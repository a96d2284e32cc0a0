"""What a worker died of, told when it is dead."""

from __future__ import annotations

from pathlib import Path

import pytest

from director.messages import SchedulerFailed
from director.witness import Witness, blamed_by

BLAMED = SchedulerFailed(7, "python:m:C,sticky", "python:m:C", "it hung")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_who_dies_in_a_scheduler_has_said_which(folder: Path) -> None:
    told = []

    def choose(number: int) -> int:
        told.append(blamed_by(3))
        return number

    assert Witness(3).watch(choose, BLAMED)(5) == 5
    assert told == [BLAMED]
    assert not list(folder.iterdir())


def test_who_dies_elsewhere_blames_nobody() -> None:
    witness = Witness(3)
    witness.watch(int, BLAMED)("5")
    with pytest.raises(ValueError, match="invalid"):
        witness.watch(int, BLAMED)("x")
    assert blamed_by(3) is None
    assert blamed_by(4) is None


def test_without_room_for_its_file_it_sees_nothing(folder: Path) -> None:
    (folder / "choosing-3").mkdir()
    assert Witness(3).watch(int, BLAMED)("5") == 5
    assert blamed_by(3) is None
