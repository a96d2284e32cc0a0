"""Values in words: bytes, spans of time, moments, yes and no. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from director.printable import clean


def size(count: float) -> str:
    """Bytes in the largest unit that keeps a digit before the point: `12.3MiB`."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            return f"{value:.0f}{unit}" if unit == "B" else f"{value:.1f}{unit}"
        value /= 1024
    return f"{value:.1f}PiB"


def span(seconds: float) -> str:
    """A time span in its two largest units: `3d4h`, `5m10s`."""
    whole = int(seconds)
    units = [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)]
    parts: list[str] = []
    for name, length in units:
        number, whole = divmod(whole, length)
        if number or parts or name == "s":
            parts.append(f"{number}{name}")
    return "".join(parts[:2])


def moment(at: float) -> str:
    """A time on the wall clock, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tenths(value: float) -> str:
    """With one digit behind the point."""
    return f"{value:.1f}"


def plain_number(value: float) -> str:
    """Without a point if it is whole."""
    return f"{value:g}"


def yes_no(value: bool) -> str:
    """As config.xml has it."""
    return "yes" if value else "no"


def listed(values: Iterable[str]) -> str:
    """With commas; `-`: none."""
    return ",".join(clean(str(value)) for value in values) or "-"


def summed(faults: dict[str, int]) -> str:
    """All kinds of faults together."""
    return str(sum(faults.values()))
