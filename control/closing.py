"""Closing connections in all workers, and in those of generations that retire, idle ones first.

The hub asks everybody which connections there are to close, chooses, and tells
each which of its own to close. The hub of a generation that retires is asked
like a worker: it asks its workers in turn (`answer`), and its connections are
named by (incarnation of the worker, number).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

from control.questions import Questions
from director.messages import Question, Reply
from director.scheduling.drain import Offer, first

MOST = 500  # connections at once, so that no worker is busy with it for long

Document = dict[str, Any]


class Closing:
    """Closes connections by the hosts they go to.

    `workers`: {identity on the bus: incarnation}, of all there are. `holders`: incarnations that have
    connections of these hosts, be they on the bus yet or not.
    """

    def __init__(
        self,
        questions: Questions,
        workers: Callable[[], dict[bytes, int]],
        holders: Callable[[Collection[int]], set[int]],
    ) -> None:
        self._questions = questions
        self._workers = workers
        self._holders = holders

    def close(
        self, hosts: Iterable[int], most: int, end: str, before: float | None = None, places: Iterable[str] = ()
    ) -> int:
        """Close up to `most` of those with these hosts, at these places if there are any; how many were.

        `before`: accepted by then, monotonic.
        """
        offers, _ = self._offers(_wanted(hosts, min(most, MOST), before, places))
        chosen: dict[bytes, list[Any]] = {}
        for _, _, worker, connection in offers:
            chosen.setdefault(worker, []).append(connection)
        return self._close(chosen, end)

    def count(self, hosts: Collection[int], places: Iterable[str]) -> int | None:
        """How many these hosts have at these places; None while somebody does not say."""
        if not self._holders(hosts) <= set(self._workers().values()):
            return None  # a hub that is new is still being found
        _, count = self._offers(_wanted(hosts, 0, None, places))
        return count

    def close_all(self, hosts: Iterable[int], end: str) -> int:
        """Close all that these hosts have at this moment; those that begin later stay."""
        now, numbers, closed = time.monotonic(), list(hosts), 0
        while some := self.close(numbers, MOST, end, now):
            closed += some
        return closed

    def _offers(self, args: Document) -> tuple[list[Offer], int | None]:
        """The first ones of all workers, and how many there are; None while somebody does not say."""
        workers = self._workers()
        found = self._questions.ask_each("offer", dict.fromkeys(workers, args))
        offers = ((*offer[:2], worker, offer[2]) for worker, reply in found.items() for offer in reply["offers"])
        counts = [reply["count"] for reply in found.values()]
        unknown = len(found) < len(workers) or None in counts
        return first(offers, args["most"]), None if unknown else sum(counts)

    def _close(self, chosen: dict[bytes, list[Any]], end: str) -> int:
        args = {worker: {"sessions": sessions, "end": end} for worker, sessions in chosen.items()}
        return sum(reply["closed"] for reply in self._questions.ask_each("close", args).values())

    # -- as a worker of another hub ---------------------------------------------------------

    def answer(self, question: Question) -> Reply:
        """For the hub that decides: what our workers say together; nothing to other questions. Blocks."""
        match question.topic:
            case "offer":
                incarnations = self._workers()
                offers, count = self._offers(question.args)
                named = [(*offer[:2], (incarnations[offer[2]], offer[3])) for offer in offers]
                return Reply(question.id, {"offers": named, "count": count})
            case "close":
                identities = {incarnation: worker for worker, incarnation in self._workers().items()}
                chosen: dict[bytes, list[Any]] = {}
                for incarnation, number in question.args["sessions"]:
                    if incarnation in identities:
                        chosen.setdefault(identities[incarnation], []).append(number)
                return Reply(question.id, {"closed": self._close(chosen, question.args["end"])})
        return Reply(question.id, None)


def _wanted(hosts: Iterable[int], most: int, before: float | None, places: Iterable[str]) -> Document:
    return {"hosts": list(hosts), "most": most, "before": before, "places": list(places)}
