"""Events on their way to the hub, which remembers them: they wait here for the next chance to be sent.

Filled from within the log, so nothing is sent at that moment: what sends may log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from director import logs
from director.messages import Happened

ROOM = 500  # events; older ones give way


class Outbox:
    """What this process, and those that report to it, had to say since the last `flush`."""

    def __init__(self) -> None:
        self._waiting: deque[Happened] = deque(maxlen=ROOM)

    def open(self) -> None:
        """Take in whatever this process logs from now on."""
        logs.listen(self.add)

    def add(self, happened: Happened) -> None:
        """One more."""
        self._waiting.append(happened)

    def flush(self, tell: Callable[[Happened], None]) -> None:
        """Send what waits; what is logged meanwhile waits for the next time."""
        for _ in range(len(self._waiting)):
            tell(self._waiting.popleft())
