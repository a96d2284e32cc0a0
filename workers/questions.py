"""What a worker answers when the hub asks it: of its schedulers and its sessions, as they are at this moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from director.messages import Question, Reply, Slot
from director.scheduling.explain import explain
from director.scheduling.permits import DIRECTOR
from director.scheduling.scoreboard import Scoreboard
from workers.closings import Closings
from workers.roster import Roster
from workers.services import Services

Document = dict[str, Any]


class Questions:
    """Answers by topic; None where this worker has nothing to say."""

    def __init__(self, slot: Slot, services: Services, board: Scoreboard, roster: Roster, closings: Closings) -> None:
        self._slot = slot
        self._services, self._board = services, board
        self._topics: dict[str, Callable[[Document], Document | None]] = {
            "explain": self._explain,
            "session": lambda args: roster.one(args["session"]),
            "sessions": roster.page,
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
        now, room = time.monotonic(), self._board.permits.room
        above = {"director": DIRECTOR, "service": service.number, "group": service.group}
        limit = next((what for what, number in above.items() if not room(number)), "")
        state = self._services.state
        document = explain(service.scheduler, args["client"], lambda host: state(host.number), now, limit)
        age = (now - self._board.heard) * 1000 if self._board.heard else None
        return {"worker": self._slot, "age_ms": None if age is None else round(age, 1)} | document
