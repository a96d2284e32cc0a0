"""The part of docs/performance.md that is measured: between two marks, and the words around it stay."""

from __future__ import annotations

from pathlib import Path

BEGIN = "<!-- measured: `python -m tests.bench --write` puts it here -->"
END = "<!-- end of what is measured -->"


def parted(path: Path) -> tuple[str, str]:
    """What stands before the measured part and what stands after it; ValueError if a page has none."""
    text = path.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"can't write into {path}: it needs a line {BEGIN!r} and after it a line {END!r}")
    return before, after


def write(path: Path, measured: str) -> None:
    """Put a new measured part in place of the old one."""
    before, after = parted(path)
    path.write_text(f"{before}{BEGIN}\n\n{measured.strip()}\n\n{END}{after}")
