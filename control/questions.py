"""Questions to workers, and their answers: what only they know, at the moment it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import gevent.event

from director.messages import Message, Question, Reply

PATIENCE = 1.0  # seconds for a worker to answer

Document = dict[str, Any]


class Questions:
    """Sends a question to workers and waits for their replies. `tell(identity, message)` sends.

    `passing_on`: who asks waits with a patience of its own; ours must end before it.
    """

    def __init__(self, tell: Callable[[bytes, Message], None]) -> None:
        self._tell = tell
        self._last = 0
        self._waiting: dict[int, tuple[bytes, gevent.event.AsyncResult[Reply | None]]] = {}
        self.passing_on = False

    def hear(self, reply: Reply) -> None:
        """A worker's answer; too late ones are nobody's."""
        _, waiting = self._waiting.pop(reply.id, (b"", None))
        if waiting is not None:
            waiting.set(reply)

    def gone(self, worker: bytes) -> None:
        """It is dead, and will not answer."""
        for identity, waiting in list(self._waiting.values()):
            if identity == worker:
                waiting.set(None)

    def ask(self, workers: Iterable[bytes], topic: str, args: Document) -> list[Document]:
        """The answers of these workers, all asked at once; blocks this greenlet. The silent are left out."""
        return list(self.ask_each(topic, dict.fromkeys(workers, args)).values())

    def ask_each(self, topic: str, args: Mapping[bytes, Document]) -> dict[bytes, Document]:
        """The same, each asked with arguments of its own and with its answer by its identity."""
        asked = {worker: self._send(worker, topic, theirs) for worker, theirs in args.items()}
        gevent.wait([waiting for _, waiting in asked.values()], timeout=PATIENCE / 2 if self.passing_on else PATIENCE)
        found = {}
        for worker, (number, waiting) in asked.items():
            self._waiting.pop(number, None)
            if waiting.ready() and waiting.value is not None and waiting.value.document is not None:
                found[worker] = waiting.value.document
        return found

    def ask_one(self, workers: Iterable[bytes], topic: str, args: Document) -> Document | None:
        """The answer of the first of these workers that has one."""
        for worker in workers:
            if found := self.ask((worker,), topic, args):
                return found[0]
        return None

    def _send(self, worker: bytes, topic: str, args: Document) -> tuple[int, gevent.event.AsyncResult[Reply | None]]:
        self._last += 1
        waiting: gevent.event.AsyncResult[Reply | None] = gevent.event.AsyncResult()
        self._waiting[self._last] = worker, waiting
        self._tell(worker, Question(self._last, topic, args))
        return self._last, waiting
