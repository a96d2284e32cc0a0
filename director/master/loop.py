"""The master's event loop: descriptors, timers and signals, in one thread.

Small on purpose: it needs neither greenlets nor callbacks from libraries, and a
process that never ran either can fork safely. A signal handler puts the number
in a queue and nothing else.
"""

from __future__ import annotations

import heapq
import itertools
import selectors
import signal
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

Callback = Callable[[], None]


@dataclass(order=True)
class Timer:
    """Something to do at a time. `cancel` it before, or it happens once."""

    deadline: float
    order: int
    callback: Callback | None = field(compare=False)

    def cancel(self) -> None:
        """Don't do it."""
        self.callback = None


class Loop:
    """Waits for what comes next. `now` gives the monotonic time in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.lag = 0.0  # seconds by which the last timer was late
        self._selector = selectors.DefaultSelector()
        self._timers: list[Timer] = []
        self._order = itertools.count()
        self._signals: deque[int] = deque()
        self._handlers: dict[int, Callback] = {}
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._woken)

    # -- what to wait for --------------------------------------------------------

    def on_signal(self, number: int, callback: Callback) -> None:
        """Run the callback in the loop whenever the signal came."""
        self._handlers[number] = callback
        signal.signal(number, self._enqueue)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)

    def watch(self, fd: int, on_read: Callback, on_write: Callback | None = None) -> None:
        """Watch for reading, and for writing too while `on_write` is given."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if on_write else 0)

        def ready(mask: int) -> None:
            if mask & selectors.EVENT_WRITE and on_write is not None:
                on_write()
            if mask & selectors.EVENT_READ:
                on_read()

        if fd in self._selector.get_map():
            self._selector.modify(fd, events, ready)
        else:
            self._selector.register(fd, events, ready)

    def forget(self, fd: int) -> None:
        """Watch it no longer; before it is closed."""
        self._selector.unregister(fd)

    def at(self, deadline: float, callback: Callback) -> Timer:
        """Do it at that time on the monotonic clock."""
        timer = Timer(deadline, next(self._order), callback)
        heapq.heappush(self._timers, timer)
        return timer

    def after(self, seconds: float, callback: Callback) -> Timer:
        """Do it that much later."""
        return self.at(self.now() + seconds, callback)

    # -- waiting -----------------------------------------------------------------

    def step(self) -> None:
        """Wait for the next thing and do all that is due."""
        events = self._wait()
        now = self.now()  # what has come by then is heard before a timer says that it did not
        for mask, ready in events:
            ready(mask)
        while self._signals:
            self._handlers[self._signals.popleft()]()
        while self._timers and self._timers[0].deadline <= now:
            timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                self.lag = now - timer.deadline
                timer.callback()

    def _wait(self) -> list[tuple[int, Callable[[int], None]]]:
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        timeout = max(0.0, self._timers[0].deadline - self.now()) if self._timers else None
        if self._signals:
            timeout = 0.0
        # One that a stop interrupted comes back with nothing once its time is over, whatever there is.
        events = self._selector.select(timeout) or self._selector.select(0)
        return [(mask, key.data) for key, mask in events]

    def _woken(self, _mask: int) -> None:
        try:
            while self._wake_read.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _enqueue(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def close(self) -> None:
        """Give back the loop's descriptors; in a child, of the parent's loop."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        self._wake_read.close()
        self._wake_write.close()
