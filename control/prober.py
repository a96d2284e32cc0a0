"""When each host is checked: one clock for all checks, callbacks on the loop, no greenlet.

Who decides is verdicts: it books a time for a host, is asked for the job when
that has come, and gets the outcome. There is one timer, set to the next thing
due, and one epoll for all sockets, watched as one descriptor: a check costs no
watcher of gevent's.
"""

from __future__ import annotations

import heapq
import select
import socket
import struct
import time
from _socket import socket as Socket  # the C type
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

from control.attempt import Job, Running, made
from control.dialogues import Outcome
from control.nearness import Nearness
from control.offspring import Offspring
from control.spares import Spares
from control.tlsclient import Trust
from director import logs
from director.config.model import Check

# What is due within one tick is done at once: seconds, and which part of the shortest time in any check it is.
_FINEST, _COARSEST, _SHARE = 0.01, 0.1, 0.05
_SLOT = 0.005  # seconds; who is noted for the same slot comes in any order
_ABORT = struct.pack("ii", 1, 0)  # struct linger: on, for no time
_BATCH = 256  # events or checks in a row, before others on the loop get their turn

Ask = Callable[[int], Job | None]
Report = Callable[[int, float, Outcome, float], None]


class Prober:
    """Runs checks as booked, at most one of a host at a time.

    `ask(number)`: the job of a host, None if it is not to be checked after all.
    `report(number, due, outcome, seconds)`: what came of it, for when it was booked, and how long it took.
    """

    def __init__(self, loop: Any, ask: Ask, report: Report, offspring: Offspring) -> None:
        self._ask, self._report = ask, report
        self.offspring = offspring
        self._trust = Trust()
        self.nearness = Nearness()
        self._booked: dict[int, float] = {}  # {host number: when}
        self._running: dict[int, tuple[Running, float]] = {}  # {host number: (check, for when it was booked)}
        self._agenda: dict[int, list[tuple[float, int]]] = {}  # {slot of time: [(when, host)]}
        self._slots: list[int] = []  # those of the agenda; a heap
        self._deadlines: dict[float, deque[tuple[float, Running]]] = {}  # by span: of one, in the order of time
        self._events: dict[int, Callable[[int], None]] = {}  # by descriptor
        self._masks: dict[int, int] = {}  # by descriptor: the events that it is watched for
        self._spares = Spares()
        self._over: list[tuple[Running, Outcome, float]] = []  # checks that are, and since when; not yet reported
        self._cut: list[Socket] = []  # theirs, with connections that are to be cut
        self._turning = False  # whether many are under way, and what is over can wait for their end
        self._epoll = select.epoll()
        self._io = loop.io(self._epoll.fileno(), 1)
        self._tick = _COARSEST
        self._timed: Check | None = None  # the last one that the tick took into account
        self._timer = loop.timer(_COARSEST)
        self._loop = loop
        self._alarm = float("inf")
        self._started = False

    def start(self) -> None:
        """Begin."""
        self._started = True
        self._io.start(self._on_io)
        self._set_alarm()

    def pause(self) -> None:
        """Begin no check until `start`; those under way are dropped, and due again then."""
        self._started = False
        self._timer.stop()
        self._alarm = float("inf")
        for number in self._drop_all():
            self.book(number, time.monotonic())

    def stop(self) -> None:
        """Check nothing any more, and close everything."""
        self._started = False
        self._io.stop()
        self._io.close()
        self._timer.stop()
        self._drop_all()
        self._spares.close()
        self._epoll.close()

    def _drop_all(self) -> list[int]:
        """End what is under way, without a report; of these hosts."""
        dropped = list(self._running)
        self._running.clear()
        for waiting in self._deadlines.values():
            for _, check in waiting:
                check.expire()
        self._deadlines.clear()
        return dropped

    def book(self, number: int, at: float) -> None:
        """Check this host then, monotonic seconds; instead of what was booked."""
        self._booked[number] = at
        if number not in self._running:
            self._note(at, number)

    def cancel(self, number: int) -> None:
        """Don't check this host any more; a check under way is dropped."""
        self._booked.pop(number, None)
        self._trust.forget(number)
        entry = self._running.pop(number, None)
        if entry is not None:
            entry[0].expire()

    def due(self, number: int) -> float | None:
        """For when it is booked; None: it is not."""
        return self._booked.get(number)

    # -- the clock ---------------------------------------------------------------------------

    def _note(self, at: float, number: int) -> None:
        slot = int(at / _SLOT)
        noted = self._agenda.get(slot)
        if noted is not None:
            noted.append((at, number))  # we shall be there anyway
            return
        self._agenda[slot] = [(at, number)]
        heapq.heappush(self._slots, slot)
        self._wake(at)

    def _wake(self, at: float) -> None:
        """Be there by then."""
        if self._started and at < self._alarm - self._tick:
            self._alarm = at
            self._timer.stop()
            self._timer = self._loop.timer(max(0.0, at - time.monotonic() + self._tick / 2))
            self._timer.start(self._on_time)

    def _set_alarm(self) -> None:
        """Be there for the next thing due."""
        self._alarm = float("inf")
        if self._slots:
            self._wake(self._slots[0] * _SLOT)
        for waiting in self._deadlines.values():
            while waiting and waiting[0][1].over:
                waiting.popleft()
            if waiting:
                self._wake(waiting[0][0])

    def _on_time(self) -> None:
        limit = time.monotonic() + self._tick / 2
        if any(waiting and waiting[0][0] <= limit for waiting in self._deadlines.values()):
            # If we were held up, answers that came in time are still unread: nobody is late for that.
            while self._on_io() == _BATCH:
                pass
        self._turning = True
        for waiting in list(self._deadlines.values()):
            while waiting and waiting[0][0] <= limit:
                self._guarded(self._late, waiting.popleft()[1])
        booked, running = self._booked, self._running
        jobs: list[tuple[float, Job]] = []
        for at, number in self._come_due(limit):
            if booked.get(number) == at and number not in running:
                del booked[number]
                self._guarded(self._prepare, number, at, jobs)
        for at, job in jobs:
            self._guarded(self._begin, job, at)
        self._turning = False
        self._settle()
        self._set_alarm()

    def _come_due(self, limit: float) -> list[tuple[float, int]]:
        """What is noted for slots that begin by then, a batch at the most; it is noted no more."""
        due: list[tuple[float, int]] = []
        while self._slots and self._slots[0] * _SLOT <= limit and len(due) < _BATCH:
            noted = self._agenda[self._slots[0]]
            room = _BATCH - len(due)
            due += noted[:room]
            if len(noted) > room:
                del noted[:room]
            else:
                del self._agenda[heapq.heappop(self._slots)]
        return due

    @staticmethod
    def _guarded(step: Callable[..., None], *args: Any) -> None:
        try:
            step(*args)
        except Exception as error:
            # A bug of ours costs this check; the loop would never call us again for the others.
            logs.crash(None, type(error), error, error.__traceback__)

    def _prepare(self, number: int, at: float, jobs: list[tuple[float, Job]]) -> None:
        job = self._ask(number)
        if job is not None:
            jobs.append((at, job))

    def _begin(self, job: Job, at: float) -> None:
        if job.check is not self._timed:  # hosts of a group mostly share it
            self._timed = job.check
            self._tick = max(_FINEST, min(self._tick, _SHARE * _shortest(job.check)))
        check = made(job, self, self._trust, self._done)
        self._running[job.number] = check, at
        try:
            check.start()
        finally:
            if not check.over:
                self._limit(check, check.began)

    def _late(self, check: Running) -> None:
        check.late()  # if it is over, it closes what it may still hold
        if not check.over:
            self._limit(check, time.monotonic())

    def _limit(self, check: Running, since: float) -> None:
        due = since + check.span
        waiting = self._deadlines.get(check.span)
        if waiting is None:
            waiting = self._deadlines[check.span] = deque()
        if not waiting:
            self._wake(due)  # else we shall be there for one before it
        waiting.append((due, check))

    def _done(self, check: Running, outcome: Outcome) -> None:
        self._over.append((check, outcome, time.monotonic()))
        if not self._turning:
            self._settle()

    def _settle(self) -> None:
        """Cut the connections of checks that are over, and report them.

        Of many in a row: between two calls of the kernel the same lines take twice as long.
        """
        while self._cut:
            cut, self._cut = self._cut, []
            for sock in cut:
                self._guarded(self._spare, sock)
        while self._over:
            over, self._over = self._over, []
            for check, outcome, at in over:
                self._guarded(self._tell, check, outcome, at)

    def _tell(self, check: Running, outcome: Outcome, now: float) -> None:
        number = check.number
        entry = self._running.get(number)
        if entry is None or entry[0] is not check:
            return  # cancelled
        try:
            self._report(number, entry[1], outcome, now - check.began)
        finally:
            self._running.pop(number, None)
        at = self._booked.get(number)
        if at is not None:
            self._note(at, number)

    # -- descriptors -------------------------------------------------------------------------

    def add(self, fd: int, on_event: Callable[[int], None], mask: int) -> None:
        """Call `on_event(events)` for what happens to `fd`."""
        self._events[fd] = on_event
        known = self._masks.get(fd)
        if known == mask:
            return
        self._masks[fd] = mask
        if known is None:
            self._epoll.register(fd, mask)
        else:
            self._epoll.modify(fd, mask)

    def remove(self, fd: int) -> None:
        """No more of that; its owner closes it now, by which the kernel forgets it, too."""
        self._events.pop(fd, None)
        self._masks.pop(fd, None)

    def spare(self, family: int) -> Socket | None:
        """A socket that was used before, and has no connection."""
        return self._spares.take(family)

    def abort(self, sock: Socket, reusable: bool) -> None:
        """No more of that; cut its connection by a reset, for with a TIME_WAIT of each, ports would run out.

        One that calls from an address of its own is not `reusable`: it would go on to do so.
        """
        self._events.pop(sock.fileno(), None)
        if not reusable:
            self._cut_off(sock)
            return
        self._cut.append(sock)
        if not self._turning:
            self._settle()

    def _spare(self, sock: Socket) -> None:
        if not self._spares.give(sock):
            self._cut_off(sock)

    def _cut_off(self, sock: Socket) -> None:
        self._masks.pop(sock.fileno(), None)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        sock.close()

    def _on_io(self) -> int:
        """Hand on a batch of events; returns how many there were."""
        events, found = self._events, self._epoll.poll(0, _BATCH)
        self._turning = True
        for fd, mask in found:
            on_event = events.get(fd)
            if on_event is not None:
                self._guarded(on_event, mask)
        self._turning = False
        self._settle()
        return len(found)


def _shortest(check: Check) -> float:
    """Seconds: what of a check's times tells most whether it is punctual."""
    return min(check.interval, check.timeout, check.fastinterval or inf, check.downinterval or inf)
