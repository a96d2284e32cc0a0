"""Whether somebody is on the way to take over, should the master die: known by a pipe.

Only the successor has the other end, and lets go of it once its own workers
accept, or by dying itself. For so long a worker that has lost its master goes
on accepting: else clients would wait for an interpreter to start.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

_READ = 1  # as libev has it


class Successor:
    """Of one worker. `loop` is gevent's. A pipe replaces the one before."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._watcher: Any = None
        self._fd = -1
        self._then: Callable[[], None] | None = None
        self._timer: Any = None

    @property
    def awaited(self) -> bool:
        """Whether a successor is on its way."""
        return self._fd >= 0

    def expect(self, fd: int) -> None:
        """One is; takes over the descriptor."""
        self._let_go()
        self._fd = fd
        self._watcher = self._loop.io(fd, _READ)
        self._watcher.start(self._over)

    def then(self, callback: Callable[[], None], patience: float) -> None:
        """Call it once the successor accepts or is dead, or when it has taken so many seconds."""
        self._then = callback
        self._timer = self._loop.timer(patience)
        self._timer.start(self._over)

    def _over(self) -> None:
        self._let_go()
        then, self._then = self._then, None
        if then is not None:
            then()

    def _let_go(self) -> None:
        if self._fd >= 0:
            self._watcher.stop()
            os.close(self._fd)
            self._fd = -1
