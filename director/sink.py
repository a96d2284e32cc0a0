"""Lines to a descriptor, without ever making anyone wait: a thread of its own writes them.

A disk that is slow or full, or a pipe that nobody reads, holds up the thread
and no one else: what does not fit in the queue meanwhile is dropped and
counted. Whole chunks of lines are written by one call to a descriptor opened
for appending, so that lines of several processes don't mix. What a full disk
took only half of is finished before anything else is written.

Not for the master, which has one thread.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque

ROOM = 1 << 20  # bytes that may wait
_RETRY = 0.1  # seconds until a descriptor that took nothing is tried again
_LAST = 1.0  # seconds that the last lines may take


class Sink:
    """Writes to `fd`, which stays its owner's. `dropped`: lines that were not written."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.dropped = 0
        self._waiting: deque[bytes | int] = deque()  # lines; a descriptor takes the place of `fd`
        self._size = 0
        self._wanted = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)
        self._thread.start()

    def put(self, lines: bytes) -> bool:
        """Write these whole lines, soon. False, and counted, when there is no room."""
        if self._size + len(lines) > ROOM:
            self.dropped += lines.count(b"\n")
            return False
        self._size += len(lines)
        self._waiting.append(lines)
        self._wanted.set()
        return True

    def move(self, fd: int) -> None:
        """What was put before goes where it did, what comes goes to this file; `fd` stays the caller's."""
        self._waiting.append(os.dup(fd))
        self._wanted.set()

    def close(self) -> None:
        """Give what waits a last moment to be written, and end the thread."""
        self._closing = True
        self._wanted.set()
        self._thread.join(_LAST)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            while self._waiting:
                lines = self._waiting.popleft()
                if isinstance(lines, int):
                    os.dup2(lines, self.fd, inheritable=False)
                    os.close(lines)
                    continue
                self._write(lines)
                self._size -= len(lines)
            if self._closing:
                return

    def _write(self, lines: bytes) -> None:
        rest = memoryview(lines)
        while rest:
            try:
                count = os.write(self.fd, rest)
            except OSError:
                if len(rest) == len(lines) or self._closing:
                    # Nothing of it is there: better lost whole than written late.
                    self.dropped += lines.count(b"\n")
                    return
                count = 0
            if not count:
                time.sleep(_RETRY)
            rest = rest[count:]
