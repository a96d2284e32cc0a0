"""All sessions there are: those of our workers, and those of generations that retire.

Workers tell theirs a page at a time. The hub of a generation that retires is
asked like a worker, and tells those of all its workers at once: it has no
traffic to keep waiting. Their names begin with the ordinal of its generation,
`1.0-4711`, since their workers' slots are others' now.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from control.questions import Questions
from control.turn import let_others
from director.messages import Question, Reply, is_peer, peer_incarnation

MOST = 100_000  # sessions in a list
# What one asks for sessions with, for those that fit. See workers.roster for what each means.
EVERYTHING: Mapping[str, Any] = {
    **dict.fromkeys(("service", "group", "host", "generation", "client"), ""),
    **dict.fromkeys(("older", "idle", "bytes"), 0),
    "worker": None,
}
_SLICE = 1_000  # sessions that are made documents of at once: 1 ms
_BATCH = 500  # sessions that one worker is told to close at once
_NAME = re.compile(r"(?:(\d{1,9})\.)?(\d{1,6})-(\d{1,18})", re.ASCII)

Document = dict[str, Any]


@dataclass(slots=True)
class Listing:
    """Sessions as rows of values: thousands of them are dear as anything else. `whole`: all could be told."""

    columns: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    whole: bool = True

    def sort(self, by: Sequence[str]) -> None:
        """Those with the most of these values, added up, come first."""
        if self.rows:
            values = itemgetter(*map(self.columns.index, by))
            self.rows.sort(key=values if len(by) == 1 else lambda row: sum(values(row)), reverse=True)

    def documents(self, limit: int | None = None) -> list[Document]:
        """The first so many by the names of their values. Others get their turn meanwhile."""
        found: list[Document] = []
        rows = self.rows[:limit]
        for start in range(0, len(rows), _SLICE):
            found += [dict(zip(self.columns, row, strict=True)) for row in rows[start : start + _SLICE]]
            let_others()
        return found


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

    def listed(self, args: Document) -> Listing:
        """Those that fit; blocks this greenlet."""
        found = Listing()
        waiting = {
            identity: {**args, "after": 0}
            for identity, (incarnation, slot) in self._workers().items()
            if is_peer(incarnation) or args["worker"] in (None, slot)
        }
        while waiting:
            replies = self._questions.ask_each("sessions", waiting)
            found.whole = found.whole and replies.keys() == waiting.keys()
            waiting = {}
            for identity, reply in replies.items():
                told, rows, ours = reply["columns"], reply["rows"], "generation" not in reply["columns"]
                if ours:
                    for row in rows:
                        row.append(self._generation)
                found.rows += rows
                found.columns = found.columns or ([*told, "generation"] if ours and told else told)
                if reply["next"] is not None and len(found.rows) < MOST:
                    waiting[identity] = {**args, "after": reply["next"]}
                elif reply["next"] is not None:
                    found.whole = False
        if generation := args["generation"]:
            found.rows = [row for row in found.rows if row[-1] == generation]
        return found

    def one(self, name: Name) -> Document | None:
        """What is known of a session."""
        if name.ordinal:
            elder = [
                identity for identity, (one, _) in self._workers().items() if one == peer_incarnation(name.ordinal)
            ]
            return self._questions.ask_one(elder, "session-named", {"session": [name.slot, name.number]})
        slot = [identity for identity, (_, slot) in self._workers().items() if slot == name.slot]
        found = self._questions.ask_one(slot, "session", {"session": name.number})
        return found and {**found, "generation": self._generation}

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
                found = self.listed(question.args)
                named = [[f"{self._ordinal}.{row[0]}", *row[1:]] for row in found.rows]
                return Reply(question.id, {"columns": found.columns, "rows": named, "next": None})
            case "session-named":
                one = self.one(Name(*question.args["session"]))
                return Reply(question.id, one and {**one, "session": f"{self._ordinal}.{one['session']}"})
            case "close-named":
                names = [Name(*pair) for pair in question.args["sessions"]]
                return Reply(question.id, {"closed": self.close(names)})
        return None
