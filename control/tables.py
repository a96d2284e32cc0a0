"""Tables for people and for awk: one line an entry, columns apart by blanks and aligned, `-` where there is nothing.

For a terminal the same tables are coloured and fitted to its width by rich.
Pure: what a terminal can do comes in as arguments.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from director.printable import clean

Document = dict[str, Any]

# A table is folded in its last column, which has the reasons, if so much is left for that. A narrower terminal folds
# its lines itself: an address in pieces can't be read, found nor copied.
MIN_FOLDED = 20

# A table of more rows is not fitted to the terminal: rich takes about 1 ms a row.
MAX_FITTED = 500

COLOURS = {
    "chosen": "green",
    "tied": "cyan",
    "up": "green",
    "serving": "green",
    "running": "green",
    "enabled": "green",
    "down": "red",
    "hung": "red",
    "killed": "red",
    "maint": "yellow",
    "drain": "yellow",
    "closing": "yellow",
    "draining": "yellow",
    "slowstart": "cyan",
    "unresolved": "magenta",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, the key of its values, and how to write one."""

    title: str
    key: str
    show: Callable[[Any], str] = lambda value: clean(str(value))
    right: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Entries, one a line."""

    columns: tuple[Column, ...]
    entries: list[Document]

    def cells(self) -> Iterator[list[str]]:
        """Every entry as text, one a column."""
        for entry in self.entries:
            values = [entry.get(column.key) for column in self.columns]
            yield [
                "-" if value is None or value == "" else column.show(value)
                for column, value in zip(self.columns, values, strict=True)
            ]


def aligned(table: Table) -> Iterator[str]:
    """Its lines, nothing cut off."""
    rows = [[column.title for column in table.columns], *table.cells()]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(table.columns, row, widths, strict=True)
        yield "  ".join(
            f"{cell:>{width}}" if column.right else f"{cell:<{width}}" for column, cell, width in cells
        ).rstrip()


def fitted(table: Table, width: int, coloured: bool) -> Iterator[str]:
    """Its lines for a terminal of `width` columns; of a long table as `aligned` has them."""
    if len(table.entries) > MAX_FITTED:
        yield from aligned(table)
        return

    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    rows = [[column.title for column in table.columns], *table.cells()]
    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    room = width - sum(widths[:-1]) - 2 * len(widths[:-1])
    if room >= MIN_FOLDED:
        widths[-1] = min(widths[-1], room)
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column, cells in zip(table.columns, widths, strict=True):
        justify: Literal["left", "right"] = "right" if column.right else "left"
        grid.add_column(column.title, justify=justify, overflow="fold", width=cells)
    for row in rows[1:]:
        # Text, since names may look like rich's markup.
        grid.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    page = io.StringIO()
    # An environment of its own: how to print is the caller's to say.
    colours: Literal["standard"] | None = "standard" if coloured else None
    terminal = Console(
        file=page, width=sum(widths) + 2 * len(widths), force_terminal=True, color_system=colours, _environ={}
    )
    terminal.print(grid)
    for line in page.getvalue().splitlines():
        yield line.rstrip()
