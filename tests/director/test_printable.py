"""What a terminal must not obey, and how many there are in words."""

from __future__ import annotations

import pytest

from director.printable import clean, counted, quoted


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", ""), ("größer als 1", "größer als 1"), ("a\x1b[2J\nb\u202e", r"a\x1b[2J\nb\u202e"), ("\x00", r"\x00")],
)
def test_what_can_not_be_printed_is_escaped(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("web", "'web'"), ("a" * 60, f"'{'a' * 60}'"), ("a" * 61, f"'{'a' * 57}...'"), ("\x1b", r"'\x1b'")],
)
def test_of_what_is_long_only_the_beginning_is_quoted(text: str, shown: str) -> None:
    assert quoted(text) == shown


def test_of_one_thing_the_noun_is_singular() -> None:
    assert [counted(number, "host") for number in (0, 1, 2)] == ["0 hosts", "1 host", "2 hosts"]
