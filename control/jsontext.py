"""A document as JSON text, in pieces: who makes a long one need not stop everything, and who reads it need not wait.

Joined, they are what json makes of it. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_PIECE = 50  # entries of a list; of services with ten hosts each it is half a megabyte and 4 ms


def dumps(value: Any) -> str:
    """The whole."""
    # Results are trees: looking for circles is a quarter of the work.
    return json.dumps(value, check_circular=False)


def pieces(document: Any, size: int = _PIECE) -> Iterator[str]:
    """A piece for each key of a dictionary; of a list in it, for so many entries."""
    if not isinstance(document, dict) or not document:
        yield dumps(document)
        return
    before = "{"
    for key, value in document.items():
        yield f"{before}{dumps(key)}: "
        before = ", "
        if isinstance(value, list) and len(value) > size:
            for begin in range(0, len(value), size):
                yield f"{'[' if not begin else ', '}{dumps(value[begin : begin + size])[1:-1]}"
            yield "]"
        else:
            yield dumps(value)
    yield "}"
