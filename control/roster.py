"""All sessions there are: those of our workers, and those of generations that retire.

Workers tell theirs a page at a time. The hub of a generation that retires is
asked like a worker, and tells those of all its workers at once: it has no
traffic to keep waiting. Their names begin with the ordinal of its generation,
`1.0-4711`, since their workers' slots are others' now.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from control.questions import Questions
from director.messages import Question, Reply, is_peer, peer_incarnation

MOST = 100_000  # sessions in a list
# What one asks for sessions with, for those that fit. See workers.roster for what each means.
EVERYTHING: Mapping[str, Any] = {
    **dict.fromkeys(("service", "group", "host", "generation", "client"), ""),
    **dict.fromkeys(("older", "idle", "bytes"), 0),
    "worker": None,
}
_BATCH = 500  # sessions that one worker is told to close at once
_NAME = re.compile(r"(?:(\d{1,9})\.)?(\d{1,6})-(\d{1,18})", re.ASCII)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Name:
    """Of a session: its worker's slot, its number there; and the generation's ordinal if it is not ours."""

    slot: int
    number: int
    ordinal: int = 0

    @classmethod
    def read(cls, text: str) -> Name | None:
        """`0-4711` or `1.0-4711`; None if it is nothing like that."""
        match = _NAME.fullmatch(text)
        return None if match is None else cls(int(match[2]), int(match[3]), int(match[1] or 0))


class Roster:
    """Lists and closes. `workers`: {identity on the bus: (incarnation, slot)}, of all there are."""

    def __init__(
        self, questions: Questions, workers: Callable[[], dict[bytes, tuple[int, int]]], ordinal: int, generation: str
    ) -> None:
        self._questions = questions
        self._workers = workers
        self._ordinal = ordinal
        self._generation = generation

    def listed(self, args: Document) -> tuple[list[Document], bool]:
        """Those that fit, and whether all could be told; blocks this greenlet."""
        columns, rows, whole = self._gather(args)
        return [dict(zip(columns, row, strict=True)) for row in rows], whole

    def one(self, name: Name) -> Document | None:
        """What is known of a session of ours."""
        if name.ordinal:
            return None
        slot = [identity for identity, (_, slot) in self._workers().items() if slot == name.slot]
        found = self._questions.ask_one(slot, "session", {"session": name.number})
        return found and {**found, "generation": self._generation}

    def _gather(self, args: Document) -> tuple[list[str], list[list[Any]], bool]:
        columns: list[str] = []
        rows: list[list[Any]] = []
        whole = True
        waiting = {
            identity: {**args, "after": 0}
            for identity, (incarnation, slot) in self._workers().items()
            if is_peer(incarnation) or args["worker"] in (None, slot)
        }
        while waiting:
            replies = self._questions.ask_each("sessions", waiting)
            whole = whole and replies.keys() == waiting.keys()
            waiting = {}
            for identity, reply in replies.items():
                told, ours = reply["columns"], "generation" not in reply["columns"]
                rows += ([*row, self._generation] for row in reply["rows"]) if ours else reply["rows"]
                columns = columns or ([*told, "generation"] if ours and told else told)
                if reply["next"] is not None and len(rows) < MOST:
                    waiting[identity] = {**args, "after": reply["next"]}
                elif reply["next"] is not None:
                    whole = False
        if generation := args["generation"]:
            rows = [row for row in rows if row[-1] == generation]
        return columns, rows, whole

    def close(self, names: Iterable[Name]) -> int:
        """Close those of these that are still there; how many were. Blocks."""
        wanted: dict[bytes, list[Any]] = {}
        for identity, (incarnation, slot) in self._workers().items():
            for name in names:
                if name.ordinal and incarnation == peer_incarnation(name.ordinal):
                    wanted.setdefault(identity, []).append([name.slot, name.number])
                elif not name.ordinal and slot == name.slot and not is_peer(incarnation):
                    wanted.setdefault(identity, []).append(name.number)
        closed = 0
        while wanted:
            args = {identity: {"sessions": some[:_BATCH], "end": "KD"} for identity, some in wanted.items()}
            peers = {identity for identity, (incarnation, _) in self._workers().items() if is_peer(incarnation)}
            for topic, those in (("close", args.keys() - peers), ("close-named", args.keys() & peers)):
                replies = self._questions.ask_each(topic, {identity: args[identity] for identity in those})
                closed += sum(reply["closed"] for reply in replies.values())
            wanted = {identity: rest for identity, some in wanted.items() if (rest := some[_BATCH:])}
        return closed

    # -- as a worker of another hub ---------------------------------------------------------

    def answer(self, question: Question) -> Reply | None:
        """For the hub that decides; None to other questions. Blocks."""
        match question.topic:
            case "sessions":
                columns, rows, _ = self._gather(question.args)
                named = [[f"{self._ordinal}.{row[0]}", *row[1:]] for row in rows]
                return Reply(question.id, {"columns": columns, "rows": named, "next": None})
            case "close-named":
                names = [Name(*pair) for pair in question.args["sessions"]]
                return Reply(question.id, {"closed": self.close(names)})
        return None
