"""Closing over all workers: asked all at once, the idle ones first, whoever has them."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

import control.questions
from control.closing import MOST, Closing
from control.questions import Questions
from director.messages import Message, Question, Reply


class Workers:
    """Workers by identity, each with connections {number: (busy, when)}; b"mute" never answers."""

    def __init__(self, **workers: dict[int, tuple[bool, float]]) -> None:
        self.all = {name.encode(): connections for name, connections in workers.items()}
        self.questions = Questions(self.tell)
        self.absent: set[int] = set()  # that have connections, and are not on the bus
        self.closing = Closing(self.questions, self.incarnations, lambda hosts: {10} | self.absent)
        self.closed: list[tuple[bytes, int, str]] = []

    def incarnations(self) -> dict[bytes, int]:
        return {name: 10 + at for at, name in enumerate(self.all)}

    def tell(self, identity: bytes, message: Message) -> None:
        assert isinstance(message, Question)
        document: dict[str, Any] = {}
        if message.topic == "offer":
            offers = sorted((*rank, number) for number, rank in self.all[identity].items())
            asked = offers if not message.args["places"] else [one for one in offers if one[2] == 1]
            document = {"offers": [list(offer) for offer in asked[: message.args["most"]]], "count": len(asked)}
        elif message.topic == "close":
            for number in message.args["sessions"]:
                del self.all[identity][number]
                self.closed.append((identity, number, message.args["end"]))
            document = {"closed": len(message.args["sessions"])}
        if identity != b"mute":
            gevent.spawn(self.questions.hear, Reply(message.id, document))


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.questions, "PATIENCE", 0.2)


def test_those_to_close_first_are_chosen_over_all_workers() -> None:
    workers = Workers(a={1: (False, 5.0), 2: (True, 1.0)}, b={1: (False, 4.0), 3: (True, 0.5)}, mute={9: (False, 0.0)})
    assert workers.closing.close([7], 3, "KD") == 3
    assert sorted(workers.closed) == [(b"a", 1, "KD"), (b"b", 1, "KD"), (b"b", 3, "KD")]


def test_all_are_closed_in_pieces() -> None:
    workers = Workers(a={number: (True, float(number)) for number in range(MOST + 20)}, b={})
    assert workers.closing.close_all([7], "KD") == MOST + 20
    assert workers.all[b"a"] == {}


def test_a_generation_that_retires_answers_for_its_workers() -> None:
    old = Workers(a={1: (False, 5.0)}, b={1: (True, 4.0)})
    args = {"hosts": [7], "most": 5, "before": None, "places": []}
    reply = old.closing.answer(Question(4, "offer", args))
    assert reply == Reply(4, {"offers": [(False, 5.0, (10, 1)), (True, 4.0, (11, 1))], "count": 2})
    reply = old.closing.answer(Question(5, "close", {"sessions": [[11, 1], [99, 1]], "end": "KD"}))
    assert reply == Reply(5, {"closed": 1}) and old.closed == [(b"b", 1, "KD")]
    assert old.closing.answer(Question(6, "sessions", {})) == Reply(6, None)


def test_what_goes_to_a_place_is_counted_unless_somebody_does_not_say() -> None:
    workers = Workers(a={1: (False, 5.0), 2: (True, 1.0)}, b={1: (True, 4.0)})
    assert workers.closing.count([7], ["10.0.0.1:80"]) == 2
    workers.absent = {99}
    assert workers.closing.count([7], ["10.0.0.1:80"]) is None
    workers.absent.clear()
    workers.all[b"mute"] = {1: (False, 5.0)}
    assert workers.closing.count([7], ["10.0.0.1:80"]) is None
    assert workers.closing.close([7], 9, "KD", places=["10.0.0.1:80"]) == 2
    assert workers.all[b"a"] == {2: (True, 1.0)}
