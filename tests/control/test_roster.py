"""All sessions there are, of ours and of generations that retire."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

import control.questions
import control.roster
from control.questions import Questions
from control.roster import Listing, Name, Roster
from director.messages import Message, Question, Reply, peer_incarnation

ALL = {"worker": None, "generation": ""}
SEATS = {b"w0": (5, 0), b"w1": (6, 1), b"old": (peer_incarnation(1), -100)}


class Daemon:
    """Two workers with sessions, one of which tells them in two pages, and a generation that retires."""

    def __init__(self, seats: dict[bytes, tuple[int, int]]) -> None:
        self.questions = Questions(self.tell)
        self.asked: list[tuple[bytes, Question]] = []
        self.roster = Roster(self.questions, lambda: seats, 2, "g2")

    def tell(self, identity: bytes, message: Message) -> None:
        assert isinstance(message, Question)
        self.asked.append((identity, message))
        reply = self.answer(identity, message.topic, message.args)
        if reply is not None:
            gevent.spawn(self.questions.hear, Reply(message.id, reply))

    def answer(self, identity: bytes, topic: str, args: dict[str, Any]) -> dict[str, Any] | None:
        columns = ["session", "open_seconds"]
        match identity, topic:
            case b"w0", "sessions" if not args["after"]:
                return {"columns": columns, "rows": [["0-1", 9.0]], "next": 1}
            case b"w0", "sessions":
                return {"columns": columns, "rows": [["0-2", 8.0]], "next": None}
            case b"w1", "sessions":
                return {"columns": [], "rows": [], "next": None}
            case b"old", "sessions":
                return {"columns": [*columns, "generation"], "rows": [["1.0-7", 99.0, "g1"]], "next": None}
            case b"w0", "session":
                return {"session": f"0-{args['session']}"}
            case b"old", "session-named":
                return {"session": "1.{}-{}".format(*args["session"]), "generation": "g1"}
            case _, "close" | "close-named":
                return {"closed": len(args["sessions"])}
        return None


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.questions, "PATIENCE", 5.0)


def test_all_pages_of_all_workers_come_together() -> None:
    found = Daemon(SEATS).roster.listed(ALL)
    assert sorted((one["session"], one["generation"]) for one in found.documents()) == [
        ("0-1", "g2"), ("0-2", "g2"), ("1.0-7", "g1"),
    ]  # fmt: skip
    assert found.whole
    found.sort(("open_seconds",))
    assert [one["session"] for one in found.documents(2)] == ["1.0-7", "0-1"]


def test_only_who_is_meant_is_asked() -> None:
    daemon = Daemon({b"w0": (5, 0), b"w1": (6, 1)})
    found = daemon.roster.listed({**ALL, "worker": 0})
    assert len(found.rows) == 2 and {identity for identity, _ in daemon.asked} == {b"w0"}
    found = Daemon(SEATS).roster.listed({**ALL, "generation": "g1"})
    assert [one["session"] for one in found.documents()] == ["1.0-7"]


def test_a_worker_that_is_silent_and_too_many_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.roster, "MOST", 1)
    assert Daemon(SEATS).roster.listed(ALL).whole is False
    monkeypatch.setattr(control.questions, "PATIENCE", 0.05)
    assert Daemon({b"mute": (5, 0)}).roster.listed(ALL) == Listing(whole=False)


def test_sessions_are_closed_by_whoever_has_them() -> None:
    daemon = Daemon(SEATS)
    names = [Name(0, number) for number in range(700)] + [Name(1, 3), Name(0, 7, ordinal=1), Name(9, 1)]
    assert daemon.roster.close(names) == 702
    sizes = [(identity, one.topic, len(one.args["sessions"])) for identity, one in daemon.asked]
    assert sorted(sizes) == [
        (b"old", "close-named", 1), (b"w0", "close", 200), (b"w0", "close", 500), (b"w1", "close", 1),
    ]  # fmt: skip


def test_a_generation_that_retires_tells_its_own_by_its_ordinal() -> None:
    daemon = Daemon({b"w0": (5, 0)})
    answer = daemon.roster.answer(Question(4, "sessions", ALL))
    assert answer is not None and answer.document is not None
    assert [row[0] for row in answer.document["rows"]] == ["2.0-1", "2.0-2"]
    closed = daemon.roster.answer(Question(4, "close-named", {"sessions": [[0, 1], [0, 2]], "end": "KD"}))
    assert closed == Reply(4, {"closed": 2})
    assert daemon.roster.answer(Question(4, "offer", {})) is None
    one = daemon.roster.answer(Question(4, "session-named", {"session": [0, 4]}))
    assert one == Reply(4, {"session": "2.0-4", "generation": "g2"})
    assert daemon.roster.answer(Question(4, "session-named", {"session": [8, 4]})) == Reply(4, None)


def test_one_is_told_of_by_its_worker() -> None:
    assert Daemon(SEATS).roster.one(Name(0, 4)) == {"session": "0-4", "generation": "g2"}
    assert Daemon(SEATS).roster.one(Name(8, 4)) is None
    assert Daemon(SEATS).roster.one(Name(0, 4, ordinal=1)) == {"session": "1.0-4", "generation": "g1"}
    assert Daemon(SEATS).roster.one(Name(0, 4, ordinal=3)) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [("0-4711", Name(0, 4711)), ("12.3-4", Name(3, 4, 12)), ("x", None), ("1", None), ("-1-2", None), ("1.2", None)],
)
def test_a_name_has_slot_and_number_and_maybe_an_ordinal(text: str, name: Name | None) -> None:
    assert Name.read(text) == name
