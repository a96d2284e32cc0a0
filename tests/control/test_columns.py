"""Titles that awk can go by."""

from __future__ import annotations

import pytest

from control import columns
from control.tables import Column

TABLES = {name: found for name, found in vars(columns).items() if isinstance(found, tuple)}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_each_title_is_one_word_in_capitals_and_stands_once(table: tuple[Column, ...]) -> None:
    titles = [column.title for column in table]
    assert len(set(titles)) == len(titles)
    assert [title for title in titles if title.split() != [title] or title != title.upper()] == []
