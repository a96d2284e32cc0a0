"""Lines to a descriptor, without ever making anyone wait: a thread of its own writes them.

A disk that is slow or full, or a pipe that nobody reads, holds up the thread
and no one else: what does not fit in the queue meanwhile is dropped and
counted. Whole chunks of lines are written by one call to a descriptor opened
for appending, so that lines of several processes don't mix. Half a line that a
full disk took is taken back; what a pipe took half of is finished before
anything else is written. A socket gets each line as a datagram; a syslog that
is busy, or being restarted, is waited for for a moment.

Not for the master, which has one thread.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections import deque

from director import logsocket
from director.logtarget import LogTarget

ROOM = 1 << 20  # bytes that may wait
_RETRY = 0.1  # seconds until a descriptor that took nothing is tried again
_LAST = 1.0  # seconds that the last lines may take
_PATIENCE = 3.0  # seconds that a syslog may take nothing until its lines are dropped: less than a move waits for
_CALM = 3.0  # seconds without a loss until all is well again


FULL = os.strerror(errno.ENOSPC)


def take_back(fd: int, count: int) -> bool:
    """Cut off a file so many bytes that were just written, since the disk was full before the line ended.

    Nobody else has written behind them, for the same reason. False if it is no file:
    what a pipe has taken must be finished.
    """
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        return False
    try:
        os.ftruncate(fd, status.st_size - count)
    except OSError:
        return False  # one that may only be appended to
    return True


def _half(lines: bytes, at: int) -> int:
    """How many bytes before this place are of a line that goes on there."""
    return at - 1 - lines.rfind(b"\n", 0, at)


class Trouble:
    """What a log has lost, and whether it goes on losing. Counts lines."""

    def __init__(self) -> None:
        self.dropped = 0
        self.written = 0  # chunks
        self.cause = ""
        self._told = 0  # of `dropped`, when all was well last
        self._seen = (0, 0)
        self._failing = False
        self._last = 0.0

    def lost(self, lines: int, cause: str) -> None:
        """So many were not written."""
        self.dropped += lines
        self.cause = cause

    def turn(self, now: float) -> int | None:
        """0 when losing has begun, how many were lost when it is over, None while nothing changes."""
        (dropped, written), self._seen = self._seen, (self.dropped, self.written)
        if self.dropped != dropped:
            self._last = now
            if not self._failing:
                self._failing = True
                return 0
        elif self._failing and self.written != written and now - self._last >= _CALM:
            self._failing = False
            lost, self._told = self.dropped - self._told, self.dropped
            return lost
        return None


class Sink:
    """Writes to `fd`, which stays its owner's and is that target."""

    def __init__(self, fd: int, target: LogTarget) -> None:
        self.fd = fd
        self.target = target
        self.trouble = Trouble()
        # Lines; a descriptor takes the place of `fd`, and is that target then.
        self._waiting: deque[bytes | tuple[int, LogTarget]] = deque()
        # Each is written by one thread only: what both add to and take from would be wrong after a while.
        self._came = self._went = 0  # bytes that were put, and that are done with
        self._wanted = threading.Event()
        self._closing = self._owned = False
        self._moves = self._moved = 0
        self._patient = True  # the socket took the last line
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines that were not written."""
        return self.trouble.dropped

    def put(self, lines: bytes) -> bool:
        """Write these whole lines, soon. False, and counted, when there is no room."""
        if self.waiting + len(lines) > ROOM:
            self.trouble.lost(lines.count(b"\n"), "it is too slow")
            return False
        self._came += len(lines)
        self._waiting.append(lines)
        self._wanted.set()
        return True

    def move(self, fd: int, target: LogTarget | None = None) -> None:
        """What was put before goes where it did, what comes goes to this one; `fd` stays the caller's."""
        self._moves += 1
        self._waiting.append((os.dup(fd), target or self.target))
        self._wanted.set()

    @property
    def waiting(self) -> int:
        """Bytes that are to be written yet."""
        return self._came - self._went

    @property
    def settled(self) -> bool:
        """Whether nothing more will be written to where it went before the last move."""
        return self._moved == self._moves

    def close(self) -> None:
        """Give what waits a last moment to be written, and end the thread."""
        self._closing = True
        self._wanted.set()
        self._thread.join(_LAST)

    def leave(self) -> None:
        """End without making anyone wait; the descriptor is closed at last."""
        self._owned = True
        self._closing = True
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            while self._waiting:
                lines = self._waiting.popleft()
                if isinstance(lines, tuple):
                    fd, self.target = lines
                    os.dup2(fd, self.fd, inheritable=False)
                    os.close(fd)
                    self._moved += 1
                    continue
                if self.target.socket:
                    self._send(lines)
                else:
                    self._write(lines)
                self._went += len(lines)
            if self._closing:
                if self._owned:
                    os.close(self.fd)
                return

    def _write(self, lines: bytes) -> None:
        at = 0
        while at < len(lines):
            try:
                at += os.write(self.fd, memoryview(lines)[at:])
            except OSError as error:
                if not _half(lines, at) or self._closing:
                    # Nothing of it is there: better lost whole than written late.
                    self.trouble.lost(lines.count(b"\n", at), str(error.strerror))
                    return
            if at < len(lines) and (half := _half(lines, at)):
                if take_back(self.fd, half):
                    self.trouble.lost(lines.count(b"\n", at), FULL)
                    break
                time.sleep(_RETRY)
        self.trouble.written += 1

    def _send(self, lines: bytes) -> None:
        for line in lines.splitlines():
            try:
                self._deliver(line)
            except OSError as error:
                self.trouble.lost(1, str(error.strerror))
            else:
                self.trouble.written += 1

    def _deliver(self, line: bytes) -> None:
        """Send it, and wait for room; not again for a syslog that has taken nothing for so long. Raises OSError."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                logsocket.send(self.fd, line, self.target)
            except OSError as error:
                if not logsocket.is_passing(error):
                    raise
                self._patient = self._patient and time.monotonic() < deadline
                if not self._patient:
                    raise
                logsocket.rest(self.fd, error, _RETRY)
            else:
                self._patient = True
                return
