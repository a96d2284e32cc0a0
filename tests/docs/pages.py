"""The pages of the manual, and the blocks of code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\n+\Z")
_FENCE = re.compile(r"^```(\{?\w*\}?)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of code, its language, the line it begins at, and the section it is in.

    `not_run`: why no test runs it, by a comment above it: <!-- not run: it changes the machine -->
    """

    page: Path
    line: int
    language: str
    text: str
    section: str = ""
    not_run: str = ""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order."""
    text = page.read_text()
    for match in _FENCE.finditer(text):
        before = text[: match.start()]
        headings = _HEADING.findall(before)
        why = _NOT_RUN.search(before)
        section = headings[-1] if headings else ""
        yield Block(page, before.count("\n") + 1, match[1], match[2], section, why[1] if why else "")


def script(page: Path, section: str | None = None) -> str:
    """All shell blocks of a page, or of one section of it, as one script; not those that are marked as not run."""
    return "\n".join(
        block.text
        for block in blocks(page)
        if block.language == "sh" and not block.not_run and section in (None, block.section)
    )
