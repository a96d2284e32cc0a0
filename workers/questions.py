"""What a worker answers when the hub asks it: of its schedulers and its sessions, as they are at this moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from director.messages import Question, Reply, Slot
from director.scheduling.explain import explain
from director.scheduling.scoreboard import Scoreboard
from director.scheduling.sticky import StickyScheduler
from workers.closings import Closings
from workers.services import Services
from workers.session import Session, Sessions

MOST = 2_500  # sessions in an answer, which takes 15 ms; those open for longest come first

Document = dict[str, Any]


class Questions:
    """Answers by topic; None where this worker has nothing to say."""

    def __init__(
        self, slot: Slot, services: Services, sessions: Sessions, board: Scoreboard, closings: Closings
    ) -> None:
        self._slot = slot
        self._services, self._sessions, self._board = services, sessions, board
        self._topics: dict[str, Callable[[Document], Document | None]] = {
            "explain": self._explain,
            "session": self._session,
            "sessions": self._list,
            "offer": closings.offer,
            "close": closings.close,
        }

    def answer(self, question: Question) -> Reply:
        """The reply to send."""
        topic = self._topics.get(question.topic)
        return Reply(question.id, None if topic is None else topic(question.args))

    def _explain(self, args: Document) -> Document | None:
        service = self._services.by_number.get(args["service"])
        if service is None or service.scheduler is None:
            return None
        now = time.monotonic()
        document = explain(service.scheduler, args["client"], lambda host: self._services.state(host.number), now)
        age = (now - self._board.heard) * 1000 if self._board.heard else None
        return {"worker": self._slot, "age_ms": None if age is None else round(age, 1)} | document

    def _session(self, args: Document) -> Document | None:
        session = self._sessions.all.get(args["session"])
        return None if session is None else self._described(session, time.monotonic())

    def _list(self, args: Document) -> Document | None:
        now = time.monotonic()
        found: list[Document] = []
        for session in self._sessions.all.values():
            if now - session.accepted < args["older"] or args["client"] not in ("", session.peer_address[0]):
                continue
            one = self._described(session, now)
            if args["service"] in ("", one["service"]) and args["host"] in ("", one["host"]):
                if len(found) == MOST:
                    return {"sessions": found, "more": True}
                found.append(one)
        return {"sessions": found, "more": False}

    def _described(self, session: Session, now: float) -> Document:
        host, service = session.host, session.service
        waited = now - session.accepted if host is None else session.waited
        names = self._services.labels
        label = "" if host is None else names.get(host.number, host.name)
        connected = session.connected
        server = session.server if host is not None and connected else None
        return {
            "session": f"{self._slot}-{session.id}",
            "client": session.peer_address[0],
            "port": session.peer_address[1],
            "service": service.name,
            "group": label.partition("/")[0],
            "host": label.partition("/")[2],
            "state": "connected" if connected else "waiting" if host is None else "connecting",
            "scheduler": session.reason if session.reason != StickyScheduler.STICKY else self._scheduler_of(session),
            "sticky": session.reason == StickyScheduler.STICKY,
            "tries": len(session.tried or ()) + (host is not None),
            "failed": [names.get(number, str(number)) for number in sorted(session.tried or ())],
            "waited_ms": round(waited * 1000, 1),
            "open_seconds": round(now - session.accepted, 1),
            "bytes_in": session.client.received,
            "bytes_out": server.received if server is not None else 0,
        }

    def _scheduler_of(self, session: Session) -> str:
        assert session.host is not None
        scheduler = self._services.group_scheduler(session.host.group)
        return "" if scheduler is None else scheduler.name
