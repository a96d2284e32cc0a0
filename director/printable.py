"""Text for people. What comes from outside (names, reasons, what hosts say) may hold what a terminal would obey."""

from __future__ import annotations


def clean(text: str) -> str:
    """The text with every letter that can't be printed as an escape."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def counted(number: int, noun: str) -> str:
    """So many of them: `1 host`, `2 hosts`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def beginning(text: str) -> str:
    """What somebody wrote; of what is long, its beginning."""
    return text if len(text) <= 60 else text[:57] + "..."


def quoted(text: str) -> str:
    """The same in quotes."""
    return repr(beginning(text))
