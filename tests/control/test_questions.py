"""Questions to workers: answered, late, never."""

from __future__ import annotations

import time
from typing import Any

import gevent
import pytest

import control.questions
from control.questions import Questions
from director.messages import Message, Question, Reply


class Workers:
    """Answer at once, by their identity; b"mute" never."""

    def __init__(self) -> None:
        self.questions = Questions(self.tell)
        self.asked: list[Question] = []

    def tell(self, identity: bytes, message: Message) -> None:
        assert isinstance(message, Question)
        self.asked.append(message)
        document: dict[str, Any] | None = None if identity == b"empty" else {"who": identity.decode()}
        if identity != b"mute":
            gevent.spawn(self.questions.hear, Reply(message.id, document))


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.questions, "PATIENCE", 0.5)


def test_all_answers_come_back_and_the_silent_are_left_out() -> None:
    workers = Workers()
    assert workers.questions.ask([b"a", b"mute", b"empty", b"b"], "t", {"x": 1}) == [{"who": "a"}, {"who": "b"}]
    assert {(one.topic, one.args["x"]) for one in workers.asked} == {("t", 1)}
    workers.questions.hear(Reply(2, {"who": "late"}))


def test_nobody_waits_for_the_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.questions, "PATIENCE", 60)
    workers = Workers()
    gevent.spawn(workers.questions.gone, b"mute")
    with gevent.Timeout(5):
        assert workers.questions.ask([b"mute", b"a"], "t", {}) == [{"who": "a"}]


def test_who_passes_a_question_on_is_done_before_who_asked_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.questions, "PATIENCE", 0.4)
    asking, passing = Workers(), Workers()
    passing.questions.passing_on = True
    began = time.monotonic()
    assert passing.questions.ask([b"mute"], "t", {}) == []
    passed_on = time.monotonic() - began
    began = time.monotonic()
    assert asking.questions.ask([b"mute"], "t", {}) == []
    assert passed_on < time.monotonic() - began


def test_one_answer_is_enough() -> None:
    workers = Workers()
    assert workers.questions.ask_one([b"mute", b"empty", b"b", b"a"], "t", {}) == {"who": "b"}
    assert workers.questions.ask_one([b"mute"], "t", {}) is None
    assert workers.questions.ask_one([], "t", {}) is None
