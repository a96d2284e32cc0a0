"""Keys as a terminal sends them; the rest of `top` is driven in a terminal by the system tests."""

from __future__ import annotations

import pytest

from control.commands.command import CommandError
from control.top import keys, run


@pytest.mark.parametrize(
    ("sent", "pressed"),
    [
        ("q", ["q"]),
        ("\x1b[A\x1b[B", ["up", "down"]),
        ("\x1bOA", ["up"]),
        ("\x1b[5~x", ["pageup", "x"]),
        ("\x1b", ["escape"]),
        ("ab\r", ["a", "b", "enter"]),
        ("\x7f\t", ["backspace", "tab"]),
    ],
)
def test_keys_are_told_from_each_other(sent: str, pressed: list[str]) -> None:
    assert keys(sent) == pressed


def test_without_a_terminal_it_says_so() -> None:
    with pytest.raises(CommandError, match="no terminal"):
        run("/nowhere")
