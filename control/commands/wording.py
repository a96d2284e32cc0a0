"""Words of a command -> values, by the rows of config.xml's grammar."""

from __future__ import annotations

from typing import Any

from control.commands.command import CommandError, ErrorKind
from director.printable import quoted


def attribute(tag: str, name: str, text: str) -> Any:
    """What the text means as that attribute of that element. Raises CommandError."""
    from director.config.schema import ELEMENTS

    found = _parsed(ELEMENTS[tag].rows[name].value, f"{name} {quoted(text)}", text)
    if text.startswith("unix:") and not text.startswith("unix:/"):
        # In a file it starts at the file's folder; the daemon does not know the one of who typed it.
        raise CommandError(ErrorKind.REFUSED, f"bad {name} {quoted(text)}: a relative path; write it from the root")
    return found


def read_duration(what: str, text: str, least: float = 0.1) -> float:
    """Seconds, from `30m` and the like. Raises CommandError."""
    from director.config.values import duration

    return float(_parsed(duration(least), f"{what} {quoted(text)}", text))


def read_rate(what: str, text: str) -> float:
    """How many a second, from `5/s` and the like. Raises CommandError."""
    from director.config.values import RATE

    return float(_parsed(RATE, f"{what} {quoted(text)}", text))


def whole(failure: str, text: str, remedy: str) -> int:
    """A count or number from 0, small enough for every message that it may go into. Raises CommandError."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise CommandError(ErrorKind.REFUSED, f"{failure}: {remedy}")
    return int(text)


def _parsed(value: Any, what: str, text: str) -> Any:
    from director.config.values import BadValue

    try:
        return value.parse(text, "/")
    except BadValue as error:
        raise CommandError(ErrorKind.REFUSED, f"bad {what}: {error.reason}; {error.remedy}") from None
