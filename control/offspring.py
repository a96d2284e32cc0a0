"""The programs that checks run now: written down, so that the hub which comes after a dead one can end them.

A program leads a process group of its own and knows nothing of the hub: if that
is killed, nobody watches its time any more. Counterpart of script, which ends
its own ones.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from control.memory import Memory
from director.master.system import start_ticks


class Offspring:
    """Those of this hub by process id, in a memory that its successor inherits."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._began: dict[int, int] = {}  # {pid: start ticks}

    def add(self, pid: int) -> None:
        """It runs now. Not reaped yet, so that its number is its own."""
        began = start_ticks(pid)
        if began is not None:
            self._began[pid] = began
            self._memory.save(self._began)

    def remove(self, pid: int) -> None:
        """It has ended, with all that it left behind."""
        if self._began.pop(pid, None) is not None:
            self._memory.save(self._began)

    def end_orphans(self) -> None:
        """Kill what the hub before us left, with all children. Somebody else who has got such a number stays."""
        for pid, began in (self._memory.load() or {}).items():
            if start_ticks(pid) in (began, None):  # a group whose leader is gone keeps its number
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
