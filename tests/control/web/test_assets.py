"""Templates and static files."""

from __future__ import annotations

import time

from control.web import assets


def test_a_static_files_name_tells_what_is_in_it() -> None:
    for one in assets.STATIC.values():
        assert assets.BY_PATH[one.path] is one
        assert len(one.path.split(".")[-2]) == 12


def test_no_page_has_script_or_style_of_its_own() -> None:
    for name, data in assets._read("templates").items():
        text = data.decode()
        assert "style=" not in text and " on" + "click" not in text, name
        assert text.count("<script") == text.count("<script src="), name
        assert "|safe" not in text, name


def test_spans_and_sizes_in_words() -> None:
    assert assets.duration(time.time() - 3700) == "1 h 1 min"
    assert assets.size(3 * 1024 * 1024) == "3.0 MiB"
    assert assets.size(17) == "17 B"
