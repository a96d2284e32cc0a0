"""A document as JSON text, in pieces: who makes a long one need not stop everything, and who reads it need not wait.

Joined, they are what json makes of it. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from director.frames import DEPTH, PIECE, is_long

_ENOUGH = 16 * 1024  # characters of a piece


def dumps(value: Any) -> str:
    """The whole."""
    # Results are trees: looking for circles is a quarter of the work.
    return json.dumps(value, check_circular=False)


def pieces(document: Any, size: int = PIECE) -> Iterator[str]:
    """Of a long list, wherever it is, a piece for so many entries; what is short goes together."""
    text = ""
    for part in _parts(document, size, DEPTH):
        text += part
        if len(text) >= _ENOUGH:
            yield text
            text = ""
    if text:
        yield text


def _parts(value: Any, size: int, depth: int) -> Iterator[str]:
    if not is_long(value, size, depth):
        yield dumps(value)
    elif isinstance(value, dict):
        before = "{"
        for key, one in value.items():
            yield f"{before}{dumps(key)}: "
            before = ", "
            yield from _parts(one, size, depth - 1)
        yield "}"
    else:
        before = "["
        for begin in range(0, len(value), size):
            some = value[begin : begin + size]
            if is_long(some, size, depth):
                for one in some:
                    yield before
                    before = ", "
                    yield from _parts(one, size, depth - 1)
            else:
                yield before + dumps(some)[1:-1]
                before = ", "
        yield "]"
