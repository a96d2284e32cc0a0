"""Whether all workers know the same: their digests, asked for at one point of what they hear."""

from __future__ import annotations

from collections.abc import Callable, Set

import gevent
import gevent.event

from director.messages import Digest

PATIENCE = 1.0  # seconds for all to answer


class Digests:
    """Asks and collects. `ask()` publishes the question and returns its number."""

    def __init__(self, ask: Callable[[], int]) -> None:
        self._ask = ask
        self._answers: dict[int, dict[int, str]] = {}  # {question: {slot: digest}}
        self._news = gevent.event.Event()

    def collect(self, slots: Set[int]) -> dict[int, str]:
        """The digests of these workers, as many as answer in time. Blocks this greenlet."""
        question = self._ask()
        answers = self._answers[question] = {}
        with gevent.Timeout(PATIENCE, False):
            while not slots <= answers.keys():
                self._news.clear()
                self._news.wait()
        del self._answers[question]
        return answers

    def hear(self, answer: Digest) -> None:
        """One worker's answer; too late if nobody waits for it."""
        if answer.question in self._answers:
            self._answers[answer.question][answer.slot] = answer.text
            self._news.set()
