"""Following events over the death of those who tell them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from control import following
from control.commands.command import CommandError, ErrorKind, find
from control.commands.table import COMMANDS
from director.errors import UnreachableError

EVENTS = find("events", COMMANDS)


def piece(*numbers: int) -> dict[str, Any]:
    return {"events": [{"number": number} for number in numbers]}


class Daemon:
    """Gives each connection the next of these answers, then hangs up."""

    def __init__(self, *answers: list[dict[str, Any]] | Exception) -> None:
        self.answers: Iterator[list[dict[str, Any]] | Exception] = iter(answers)
        self.asked: list[dict[str, Any]] = []

    def __call__(self, path: str, timeout: float, heard: bool) -> Daemon:
        assert heard
        return self

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def call(self, name: str, args: Mapping[str, Any], progress: Callable[[Any], None]) -> None:
        self.asked.append(dict(args))
        answer = next(self.answers, KeyboardInterrupt())
        if isinstance(answer, BaseException):
            raise answer
        for step in answer:
            progress(step)
        raise UnreachableError("it hung up")


@pytest.fixture
def follow(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[int]]]:
    def told(daemon: Daemon, quiet: bool = False) -> list[list[int]]:
        shown: list[list[int]] = []
        monkeypatch.setattr(following, "Client", daemon)
        monkeypatch.setattr(following, "PAUSE", 0.0)
        follower = following.Follower(
            "/s", EVENTS, lambda step: shown.append([event["number"] for event in step["events"]]), quiet
        )
        with pytest.raises(KeyboardInterrupt):
            follower.run({"count": "2", "follow": True})
        return shown

    return told


def test_the_next_hub_tells_what_was_missed_and_nothing_twice(follow: Callable[..., list[list[int]]]) -> None:
    daemon = Daemon([piece(4, 5), piece(), piece(6)], [piece(3, 4, 5, 6, 7, 8), piece(9)])
    assert follow(daemon) == [[4, 5], [6], [7, 8], [9]]
    assert [args["count"] for args in daemon.asked] == ["2", "1000", "1000"]


def test_who_wants_nothing_of_before_gets_nothing_of_it_later_either(follow: Callable[..., list[list[int]]]) -> None:
    daemon = Daemon([piece(5)], [piece(4, 5, 6)])
    assert follow(daemon, quiet=True) == [[6]]
    assert daemon.asked[0]["count"] == "1"


def test_another_daemon_counts_anew(follow: Callable[..., list[list[int]]]) -> None:
    daemon = Daemon([piece(4, 5)], UnreachableError("nobody there"), [piece(1, 2), piece(3)])
    assert follow(daemon) == [[4, 5], [1, 2], [3]]


def test_a_hub_that_goes_says_so(follow: Callable[..., list[list[int]]]) -> None:
    daemon = Daemon([piece(1)], CommandError(ErrorKind.MOVED, "ask the next one"), [piece(1, 2)])
    assert follow(daemon) == [[1], [2]]


@pytest.mark.parametrize(
    "answers",
    [
        [UnreachableError("nobody there")],
        [[piece(1)], CommandError(ErrorKind.RIGHTS, "not you")],
    ],
)
def test_who_never_answered_or_refuses_is_not_asked_again(answers: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "Client", Daemon(*answers))
    monkeypatch.setattr(following, "PAUSE", 0.0)
    with pytest.raises((UnreachableError, CommandError)):
        following.Follower("/s", EVENTS, lambda step: None, False).run({"follow": True})


def test_nobody_is_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "Client", Daemon([piece(1)], *[UnreachableError("nobody there")] * 3))
    monkeypatch.setattr(following, "PAUSE", 0.0)
    monkeypatch.setattr(following, "PATIENCE", -1.0)
    with pytest.raises(UnreachableError):
        following.Follower("/s", EVENTS, lambda step: None, False).run({"follow": True})
