"""What a user may do."""

from __future__ import annotations

from director.access import Access


def test_rights_are_the_words_of_the_config() -> None:
    assert [Access(word) for word in ("full", "readonly")] == [Access.FULL, Access.READONLY]
