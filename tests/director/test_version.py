"""The version has one place; the change notes know it."""

from __future__ import annotations

import re
from pathlib import Path

from director.version import VERSION

CHANGES = Path(__file__).parent.parent.parent / "CHANGES.md"


def test_the_version_is_three_numbers() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


def test_the_newest_change_notes_are_of_this_version() -> None:
    newest = re.search(r"^## (\S+)", CHANGES.read_text(), re.MULTILINE)
    assert newest and newest[1] == VERSION
