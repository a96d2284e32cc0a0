"""One epoll for all sockets of the data path, nested under gevent's loop.

gevent's own watchers cost an object, a `fcntl` and mostly a failing `epoll_ctl`
for every descriptor; a single watcher on an epoll of our own costs nothing a
connection. Sockets are added once, edge-triggered, for everything that can
happen to them, and never changed again: closing them takes them out.

Edge-triggered means: who is told that there is something to read reads until a
read comes back short, or remembers that there is more. A descriptor is closed
only at the end of a turn, so that no event of a turn can reach a new socket
that got the number of an old one.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from gevent.hub import Hub

from director import logs

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
URGENT = select.EPOLLPRI
ERROR = select.EPOLLERR
BROKEN = select.EPOLLHUP | select.EPOLLERR
EDGES = select.EPOLLIN | select.EPOLLPRI | select.EPOLLRDHUP | select.EPOLLET  # bytes, ends and errors
ALL_EDGES = EDGES | select.EPOLLOUT  # and room to write, or the end of a connect

_BATCH = 256  # events a poll
_ROUNDS = 8  # polls a turn, before others on the loop get theirs


class Pollable(Protocol):
    """What the poller needs of whoever owns a descriptor: a function for its events."""

    stage: Callable[..., None]


class Owner(Pollable, Protocol):
    """One that knows its descriptor."""

    fd: int


class Writable(Owner, Protocol):
    """One that may have to wait for room to write. `watched`: the poller tells it of room."""

    watched: bool


class Poller:
    """The nested epoll. `now` is the monotonic time of the current round, in seconds."""

    def __init__(self, hub: Hub) -> None:
        self.now = time.monotonic()
        self._hub = hub
        self._epoll = select.epoll()
        self._owners: list[Pollable | None] = [None] * 4096  # by descriptor
        self.closing: list[int] = []  # to be closed at the end of the round; nobody minds their events
        self._unfinished: list[tuple[Callable[..., None], Pollable]] = []
        self._again = False
        self.turning = False  # whether a turn is under way
        self.settle: Callable[[], None] = lambda: None  # what is left to do at the end of a round
        self.abandon: Callable[[object], None] = lambda owner: None  # ends one whose handling failed
        self._watcher = hub.loop.io(self._epoll.fileno(), 1)
        self._watcher.start(self.turn)

    def add(self, fd: int, owner: Pollable, mask: int = EDGES) -> None:
        """Have `owner.stage(owner, events)` called for what happens to `fd`."""
        self._own(fd, owner)
        self._epoll.register(fd, mask)

    def _own(self, fd: int, owner: Pollable) -> None:
        try:
            self._owners[fd] = owner
        except IndexError:
            self._owners.extend([None] * (fd + 1 - len(self._owners) + 4096))
            self._owners[fd] = owner

    def add_all(self, owners: Iterable[Owner]) -> None:
        """Each with its descriptor, for the usual events; in a row that costs less."""
        known, register = self._owners, self._epoll.register
        for owner in owners:
            fd = owner.fd
            try:
                known[fd] = owner
            except IndexError:
                self._own(fd, owner)
            try:
                register(fd, EDGES)
            except OSError as error:
                self.crashed(owner, error)

    def replace(self, fd: int, owner: Pollable) -> None:
        """What happens to `fd` is another one's affair from now on."""
        self._owners[fd] = owner

    def watch_writing(self, owner: Writable) -> None:
        """From now on it is told, too, when there is room to write; at once if there is."""
        if not owner.watched:
            owner.watched = True
            self._epoll.modify(owner.fd, ALL_EDGES)

    def forget(self, fd: int) -> None:
        """No more events for it, if there ever were; it stays open."""
        try:
            self._owners[fd] = None
        except IndexError:
            pass  # never added, and none with so high a number ever was

    def close(self, fd: int) -> None:
        """No more events for it; it is closed at the end of the round."""
        self.forget(fd)
        self.closing.append(fd)
        self.ask_for_turn()

    def remove(self, fd: int) -> None:
        """No more events for it; it stays open."""
        self._owners[fd] = None
        self._epoll.unregister(fd)

    def unfinished(self, function: Callable[..., None], owner: Pollable) -> None:
        """Call `function(owner)` once all others had their turn: it has more to do than is fair."""
        self._unfinished.append((function, owner))
        self.ask_for_turn()

    def ask_for_turn(self) -> None:
        """Something is left to do: have a turn soon, if none is under way or asked for."""
        if not self._again:
            self._again = True
            self._hub.loop.run_callback(self.turn)

    def turn(self) -> None:
        """Have all that has happened handled. The loop calls it."""
        self._again = self.turning = True  # inside a turn nobody needs to ask for one
        owners, poll, close = self._owners, self._epoll.poll, os.close
        for _ in range(_ROUNDS):
            events = poll(0, _BATCH)
            self.now = time.monotonic()
            left = iter(events)
            while True:
                try:
                    for fd, mask in left:
                        owner = owners[fd]
                        if owner is not None:
                            stage = owner.stage  # not called in one: Python would look for a method first
                            stage(owner, mask)
                    break
                except Exception as error:
                    self.crashed(owner, error)
            if self._unfinished:
                unfinished, self._unfinished = self._unfinished, []
                for function, owner in unfinished:
                    try:
                        function(owner)
                    except Exception as error:
                        self.crashed(owner, error)
            self.settle()
            if self.closing:
                closing, self.closing = self.closing, []
                for fd in closing:
                    try:
                        owners[fd] = None
                    except IndexError:
                        pass  # never added
                    close(fd)
            if not events:
                break
        self._again = self.turning = False
        if self._unfinished:
            self.ask_for_turn()

    def catch_up(self) -> float:
        """For who judges by the clock; the time.

        If we were held up, what came meanwhile is unread, and nobody was late for that. If nothing
        came, `now` is still when something last did.
        """
        self.turn()
        self.now = time.monotonic()
        return self.now

    def crashed(self, owner: Pollable | None, error: Exception) -> None:
        """A bug of ours costs the one whose event it was, not all others: edges that nobody saw never come again."""
        logs.crash(None, type(error), error, error.__traceback__)
        try:
            self.abandon(owner)
        except Exception as worse:
            logs.crash(None, type(worse), worse, worse.__traceback__)

    def stop(self) -> None:
        """Watch nothing any more."""
        self._watcher.stop()
        self._watcher.close()
        self._epoll.close()
