"""Hosts that an operator wants tested now: with an address, without one, and with many."""

from __future__ import annotations

from collections.abc import Callable

from control.dialogues import Outcome
from control.lookup import NoAnswerError
from control.retries import Retries, Tried
from control.verdicts import ELSEWHERE
from director.config.model import Endpoint, Host
from director.messages import Member

HOST = Host(name="app", ip=Endpoint("app.test", 80), number=5)
GOOD, BAD = Outcome(True, "L4OK"), Outcome(False, "L4CON", "Connection refused")


class Places:
    """What names stand for; `answers`: those to come, by number."""

    def __init__(self, **unresolved: str | NoAnswerError) -> None:
        self.members: dict[int, tuple[Member, ...]] = {}
        self.answers = {{"host": 5, "check": ELSEWHERE + 5}[whose]: answer for whose, answer in unresolved.items()}

    def is_unresolved(self, number: int) -> bool:
        return number in self.answers

    def look_up_now(self, number: int) -> str:
        answer = self.answers.pop(number)
        if isinstance(answer, NoAnswerError):
            raise answer
        return answer


def tried(places: Places, outcomes: dict[int, Outcome]) -> list[Tried]:
    def test(number: int, done: Callable[[Outcome], None]) -> float:
        done(outcomes[number])
        return 0.1

    return Retries(places, test).retry(HOST)


def test_who_has_an_address_is_tested() -> None:
    assert tried(Places(), {5: GOOD}) == [Tried("app", "")]
    assert tried(Places(), {5: BAD}) == [Tried("app", "Connection refused")]


def test_who_has_none_is_looked_up_first() -> None:
    assert tried(Places(host="10.0.0.7"), {5: BAD}) == [Tried("app", "Connection refused", "10.0.0.7")]
    cause = "it has no address, asked for just now: NXDOMAIN"
    assert tried(Places(host=NoAnswerError("NXDOMAIN")), {}) == [Tried("app", cause)]
    cause = "what its check goes to has no address, asked for just now: no answer"
    assert tried(Places(check=NoAnswerError("no answer")), {}) == [Tried("app", cause)]


def test_who_is_several_is_tested_in_all_places() -> None:
    places = Places()
    places.members[5] = tuple(
        Member(-number, f"app:10.0.0.{number}:80", Endpoint(f"10.0.0.{number}", 80), 1.0, False) for number in (1, 2)
    )
    assert tried(places, {-1: GOOD, -2: BAD}) == [
        Tried("app:10.0.0.1:80", ""),
        Tried("app:10.0.0.2:80", "Connection refused"),
    ]


def test_who_is_not_tested_in_time_is_told_so() -> None:
    (told,) = Retries(Places(), lambda number, done: -4.9).retry(HOST)
    assert told.cause == "no test was made in time"
