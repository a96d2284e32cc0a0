"""Clients that wait for a permit, since a limit is reached: first come, first served.

A service's queue is bounded; who finds it full is closed at once, and who has
waited for the service's queue-timeout is closed then.
"""

from __future__ import annotations

from collections.abc import Callable

from director.scheduling.permits import DIRECTOR
from director.scheduling.scoreboard import Scoreboard
from workers.poller import Poller
from workers.services import Service
from workers.session import Session, Sessions


class WaitQueue:
    """All waiting clients of a worker, by service. `start(session)` finds one a host, or returns False."""

    def __init__(self, poller: Poller, sessions: Sessions, board: Scoreboard, start: Callable[[Session], bool]) -> None:
        self._poller = poller
        self._sessions = sessions
        self._board = board
        self._start = start
        self._waiting: dict[Service, dict[Session, None]] = {}  # oldest first
        self._missed: dict[Service, int] = {}  # clients that found no room, since last asked
        self._asked = False
        self.stage = self._run

    def holds(self, service: Service) -> bool:
        """Whether anybody waits for the service: newcomers must, too."""
        return service in self._waiting

    def join(self, session: Session) -> bool:
        """Wait; False if there is no room."""
        service = session.service
        queue = self._waiting.get(service, {})
        if len(queue) >= -(-service.queue // self._board.workers):
            self._missed[service] = self._missed.get(service, 0) + 1
            return False
        queue[session] = None
        self._waiting[service] = queue
        return True

    def leave(self, session: Session) -> None:
        """It waits no more. No harm if it never did."""
        queue = self._waiting.get(session.service)
        if queue is not None:
            queue.pop(session, None)
            if not queue:
                del self._waiting[session.service]

    def room(self) -> None:
        """There may be a permit: see who can start, once what goes on now is done."""
        if self._waiting and not self._asked:
            self._asked = True
            self._poller.unfinished(self._run, self)

    def _run(self, _owner: object = None, _mask: int = 0) -> None:
        self._asked = False
        for queue in list(self._waiting.values()):
            for session in list(queue):
                if not self._start(session):
                    break
                self.leave(session)

    def sweep(self) -> None:
        """A few times a second: end those who have waited for too long."""
        now = self._poller.now
        for service, queue in list(self._waiting.items()):
            for session in list(queue):
                if now - session.accepted < service.queue_timeout:
                    break
                self.leave(session)
                session.end = "sQ"
                self._sessions.end(session)
        self.room()

    def lengths(self) -> dict[int, int]:
        """How many wait, by service number."""
        return {service.number: len(queue) for service, queue in self._waiting.items()}

    def wanted(self) -> dict[int, int]:
        """How many permits of each limit would be used, or would have been since last asked."""
        found: dict[int, int] = {}
        missed, self._missed = self._missed, {}
        for service in {*self._waiting, *missed}:
            count = len(self._waiting.get(service, ())) + missed.get(service, 0)
            numbers = {DIRECTOR, service.number, service.group}
            if service.scheduler is not None:
                numbers.update(host.number for host in service.scheduler.hosts if host.usable)
            for number in numbers:
                found[number] = found.get(number, 0) + count
        return found
