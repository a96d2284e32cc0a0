"""Who is down, in the state dir: a daemon that starts again sends no clients there untested.

By names, since numbers are given anew at each start. Not forced to the disk:
it is for who stops, restarts or is killed, and a machine that fails starts all
hosts anew as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from control.memory import Memory

_APART = 1 << 24  # bytes between the two places of the memory: of ten thousand hosts it takes two millions
_MOST = 20_000  # hosts


class Downlist:
    """Rows of `Verdicts.down` in `folder`; nowhere if that is "" or can't be written, of which the journal tells."""

    def __init__(self, folder: str) -> None:
        self._fd = -1
        self._memory: Memory | None = None
        self._saved = -1  # at which count of changes
        if folder:
            with suppress(OSError):
                self._fd = os.open(os.path.join(folder, "down"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def load(self) -> list[list[Any]]:
        """What was saved last, by whomever; `save` goes on from there."""
        if self._fd < 0:
            return []
        self._memory = Memory(self._fd, apart=_APART)
        self._saved = -1
        return self._memory.load() or []

    def save(self, rows: Callable[[], list[list[Any]]], changes: int) -> None:
        """Write them down, unless there were no more changes when that was done last; after `load`."""
        if self._memory is not None and changes != self._saved and self._memory.save(rows()[:_MOST]):
            self._saved = changes
