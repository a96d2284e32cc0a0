"""Clients that wait for a permit, since a limit is reached: first come, first served.

The places in a service's queue are permits, too, shared out over all workers. A
client for whom this worker has no place yet asks the hub for one. If the hub says
that all are in use, he is kept for one more moment, and closed. If it says
nothing, others have places that they must let go of, or the hub is dead: there
may be one for him, and he waits until that is known.
Who waits for a host that is full, since others have failed him already, is no
obstacle to those behind him, who can have those others.
Who has waited for the service's queue-timeout is closed then.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Container, Iterator
from itertools import chain

import gevent

from director.scheduling.permits import DIRECTOR, queue_of
from director.scheduling.scoreboard import Scoreboard
from workers.poller import Poller
from workers.services import Service
from workers.session import Session, Sessions

PATIENCE = 0.2  # seconds to wait for a place in a queue that is full
UNANSWERED = 3.0  # seconds without an answer; by then it is known, too, whether there is a hub at all


class Line:
    """Who waits for one service, who has waited longest first.

    `asking`: they have no place yet, and came after the row with that number.
    `full`: the last row that the hub has answered by that there is none.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.placed: dict[Session, None] = {}
        self.asking: dict[Session, int] = {}
        self.full = 0

    def __contains__(self, session: Session) -> bool:
        return session in self.placed or session in self.asking

    def __iter__(self) -> Iterator[Session]:
        return chain(self.placed, self.asking)

    def __len__(self) -> int:
        return len(self.placed) + len(self.asking)


class WaitQueue:
    """All waiting clients of a worker. `start(session)` finds one a host, or returns False.

    `is_alone`: whether there is no hub to ask for places; then a worker takes all that the service has.
    `last_row`: the number of what the hub was told last; the next row tells it who waits.
    """

    def __init__(self, poller: Poller, sessions: Sessions, board: Scoreboard, start: Callable[[Session], bool]) -> None:
        self._poller = poller
        self._sessions = sessions
        self._board = board
        self._start = start
        self._lines: dict[Service, Line] = {}  # only where somebody waits
        self._asked = False
        self._armed = False
        self.last_row: Callable[[], int] = lambda: 0
        self.is_alone: Callable[[], bool] = lambda: False
        self.stage = self._run

    def holds(self, service: Service) -> bool:
        """Whether anybody waits for the service: newcomers must, too."""
        return service in self._lines

    def has(self, session: Session) -> bool:
        """Whether it waits."""
        line = self._lines.get(session.service)
        return line is not None and session in line

    def join(self, session: Session) -> None:
        """Wait, with a place or until it is known that there is none."""
        line = self._lines.setdefault(session.service, Line(session.service))
        session.waiting_since = self._poller.now
        if all(other.tried for other in line):
            self.room()  # those may wait for what this one does not need
        line.asking[session] = self.last_row()
        self._place(line)
        if line.asking and not self._armed:
            self._armed = True
            gevent.spawn_later(PATIENCE, self._refuse)

    def full(self, queues: Container[int], heard: int) -> None:
        """All places of these queues are in use, as the hub answers our rows up to that number."""
        for line in self._lines.values():
            if queue_of(line.service.number) in queues:
                line.full = heard

    def leave(self, session: Session) -> None:
        """It waits no more. No harm if it never did."""
        line = self._lines.get(session.service)
        if line is not None:
            if session.host is None and session in line:
                session.waited += self._poller.now - session.waiting_since
            line.placed.pop(session, None)
            line.asking.pop(session, None)
            self._place(line)

    def room(self) -> None:
        """There may be a permit: see who can start, once what goes on now is done."""
        if self._lines and not self._asked:
            self._asked = True
            self._poller.unfinished(self._run, self)

    def _run(self, _owner: object = None, _mask: int = 0) -> None:
        self._asked = False
        for line in list(self._lines.values()):
            self._serve(line)

    def _serve(self, line: Line) -> None:
        """Start in turn who can. Where one finds no host who has tried none, no other does who has not."""
        service, blocked = line.service, False
        for session in list(line):
            if blocked and not session.tried:
                continue
            if self._start(session):
                self.leave(session)
            elif not self._board.permits.room(DIRECTOR, service.number, service.group):
                break
            else:
                blocked = blocked or not session.tried

    def _place(self, line: Line) -> None:
        """Give places to those who ask for one, as far as there are any."""
        service = line.service
        limit = self._board.permits.limits.get(queue_of(service.number))
        places = service.queue if limit is None or self.is_alone() else limit.allotted
        while line.asking and len(line.placed) < places:
            session = next(iter(line.asking))
            del line.asking[session]
            line.placed[session] = None
        if limit is not None:
            self._board.permits.use(queue_of(service.number), len(line.placed))
        if not line:
            self._lines.pop(service, None)

    def sweep(self) -> None:
        """A few times a second: end those who have waited for too long."""
        now = self._poller.now
        for line in list(self._lines.values()):
            for session in list(line.placed):
                if now - session.waiting_since < line.service.queue_timeout:
                    break
                self._close(session, "sQ")
        self.room()

    def _refuse(self) -> None:
        """Close those for whom there is no place."""
        self._armed = False
        self._poller.now = now = time.monotonic()
        for line in list(self._lines.values()):
            self._place(line)
            for session, row in list(line.asking.items()):
                patience = PATIENCE if row < line.full else UNANSWERED
                if now - session.waiting_since < patience * 0.9:
                    self._armed = True
                    break
                self._close(session, "PC")
        if self._armed:
            gevent.spawn_later(PATIENCE / 4, self._refuse)

    def _close(self, session: Session, end: str) -> None:
        self.leave(session)
        session.end = end
        self._sessions.end(session)

    def lengths(self) -> dict[int, int]:
        """How many wait, by service number."""
        return {service.number: len(line) for service, line in self._lines.items()}

    def wanted(self) -> Counter[int]:
        """How many permits would be used at once if there were any, of each limit that is in the way.

        A limit that is not would keep from others what cannot be used here.
        """
        found: Counter[int] = Counter()
        room = self._board.permits.room
        for service, line in self._lines.items():
            above = [number for number in (DIRECTOR, service.number, service.group) if not room(number)]
            hosts = () if service.scheduler is None else service.scheduler.hosts
            tried = [session.tried for session in line if session.tried]
            for number in above or [host.number for host in hosts if host.usable and host.full]:
                found[number] += len(line) - sum(number in numbers for numbers in tried)
            if line.asking:
                found[queue_of(service.number)] += len(line.asking)
        return found
