"""One line an entry, for people and for awk."""

from __future__ import annotations

from control.tables import MAX_FITTED, Column, Table, aligned, fitted

COLUMNS = (Column("NAME", "name"), Column("OPEN", "open", str, right=True), Column("REASON", "reason"))


def test_columns_begin_below_their_titles_and_numbers_end_there() -> None:
    table = Table(COLUMNS, [{"name": "a", "open": 12345, "reason": ""}, {"name": "longer", "open": 1}])
    assert list(aligned(table)) == [
        "NAME     OPEN  REASON",
        "a       12345  -",
        "longer      1  -",
    ]


def test_a_long_table_is_not_fitted_but_its_lines_are_all_there() -> None:
    table = Table(COLUMNS, [{"name": "a", "open": 1, "reason": "word " * 30}] * (MAX_FITTED + 1))
    assert list(fitted(table, 80, coloured=True)) == list(aligned(table))
