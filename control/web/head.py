"""The head of a request, read to the letter (RFC 9112).

What two readers might take differently is refused, not guessed: a line that is
no field, two lengths, a length beside chunks. Pure but for the reading.
"""

from __future__ import annotations

import re
from typing import IO

LARGEST = 64 * 1024  # bytes
MOST = 100  # fields, as many as http.client reads
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*\r?\n")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_HOST, _SIZE, _CODING = b"host", b"content-length", b"transfer-encoding"


def read(stream: IO[bytes], version: str) -> bytes:
    """The fields, and the empty line that ends them. Raises ValueError."""
    lines: list[bytes] = []
    once: dict[bytes, bytes] = {}
    left = LARGEST
    while (line := stream.readline(left + 1)) not in (b"\r\n", b"\n"):
        left -= len(line)
        if left < 0 or len(lines) >= MOST:
            raise ValueError("its head is too large")
        field = _FIELD.fullmatch(line)
        if field is None:
            raise ValueError("a line of its head is no field")
        name = field[1].lower()
        if name in once:
            raise ValueError(f"it has {name.decode()} twice")
        if name in (_HOST, _SIZE, _CODING):
            once[name] = field[2]
        lines.append(line)
    _frame(once, version)
    return b"".join([*lines, line])


def _frame(once: dict[bytes, bytes], version: str) -> None:
    """Whether it is clear who is asked, and where the request ends. Raises ValueError."""
    if version == "HTTP/1.1" and _HOST not in once:
        raise ValueError("it does not say whom it is for")
    if _LENGTH.fullmatch(once.get(_SIZE, b"0")) is None:
        raise ValueError("its length is no number")
    if _CODING in once and (once[_CODING].lower() != b"chunked" or _SIZE in once or version == "HTTP/1.0"):
        raise ValueError("it may end here or there")
