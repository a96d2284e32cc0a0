"""Who was down when the daemon ended."""

from __future__ import annotations

from pathlib import Path

from control.downlist import Downlist


def test_what_one_hub_saved_the_next_one_knows_and_goes_on_from_there(tmp_path: Path) -> None:
    first = Downlist(str(tmp_path))
    assert first.load() == []
    first.save(lambda: [["web/main/a"]], 1)
    second = Downlist(str(tmp_path))
    assert second.load() == [["web/main/a"]]
    second.save(lambda: [["web/main/b"]], 1)
    second.save(lambda: [["not looked at: nothing has changed"]], 1)
    assert first.load() == [["web/main/b"]]
    first.save(lambda: [], 2)
    assert second.load() == []
    assert (tmp_path / "down").stat().st_mode & 0o777 == 0o600


def test_without_a_folder_that_can_be_written_nothing_is_remembered(tmp_path: Path) -> None:
    for folder in ("", str(tmp_path / "none")):
        downlist = Downlist(folder)
        assert downlist.load() == []
        downlist.save(lambda: [["web/main/a"]], 1)
        assert downlist.load() == []
