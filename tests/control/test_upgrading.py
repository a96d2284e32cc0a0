"""An upgrade at its client: the answer of whoever was asked, or what others tell when that got lost."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import pytest

import control.upgrading
from control.commands.command import CommandError, ErrorKind
from control.upgrading import follow
from director.errors import UnreachableError
from director.events import Event
from director.frames import FrameReader, pack, unpack
from tests.control.test_waiting import failure, progress, result

SEEN = 41  # the number of the last event before an upgrade is asked for
FIRST = {"lines": ["checking the new version"]}

Reply = Sequence[dict[str, Any]]  # the pieces that one request is answered by


class Hubs:
    """At a socket, one connection after the other: requests are answered as told, then it hangs up.

    The last one is there again and again.
    """

    def __init__(self, path: Path, *connections: Sequence[Reply]) -> None:
        self.path = str(path)
        self.asked: list[str] = []
        self._connections = connections
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        for replies in itertools.chain(self._connections, itertools.repeat(self._connections[-1])):
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                reader = FrameReader()
                for pieces in replies:
                    bodies: list[bytes] = []
                    while not bodies and (data := client.recv(65536)):
                        bodies = reader.feed(data)
                    if not bodies:
                        break
                    request = unpack(bodies[0])
                    self.asked.append(request["command"])
                    for piece in pieces:
                        client.sendall(pack({"id": request["id"], **piece}))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.upgrading, "_PAUSE", 0.01)
    monkeypatch.setattr(control.upgrading, "LATE", 0.05)


def status(pid: int, state: str = "serving") -> dict[str, Any]:
    return result({"processes": [{"kind": "master", "pid": pid, "state": state}, {"kind": "hub", "pid": 9}]})


def event(name: Event, reason: str, number: int = SEEN + 1) -> dict[str, Any]:
    """After it was asked for, unless it says otherwise. No clock has a part in that: it may be set meanwhile."""
    return {"event": name.value, "reason": reason, "number": number, "time": 1000.0 - number}


# What there is before it is asked for.
BEGIN: list[Reply] = [[status(1)], [result({"events": [event(Event.UPGRADE_UNDONE, "the one before", SEEN)]})]]


def look(pid: int, state: str, *events: dict[str, Any]) -> list[Reply]:
    """What one look at the daemon is answered: its three questions, at one connection."""
    return [[status(pid, state)], [result({"events": list(events)})], [result({"daemon": "2.0"})]]


def followed(hubs: Hubs) -> list[tuple[list[str], bool]]:
    return [(document["lines"], more) for document, more in follow(hubs.path)]


def test_an_answer_that_comes_is_the_outcome(tmp_path: Path) -> None:
    with Hubs(tmp_path / "s", BEGIN, [[progress(FIRST), result({"lines": ["upgraded"]})]]) as hubs:
        assert followed(hubs) == [(FIRST["lines"], True), (["upgraded"], False)]
    assert hubs.asked == ["status", "events", "upgrade"]


def test_a_refusal_is_one_and_nobody_else_is_asked(tmp_path: Path) -> None:
    with (
        Hubs(tmp_path / "s", BEGIN, [[failure("not-upgraded")]]) as hubs,
        pytest.raises(CommandError) as caught,
    ):
        followed(hubs)
    assert caught.value.kind is ErrorKind.NOT_UPGRADED
    assert hubs.asked == ["status", "events", "upgrade"]


def test_another_master_that_serves_means_that_it_was_upgraded(tmp_path: Path) -> None:
    stage, known = event(Event.UPGRADE_STAGE, "starting version 2.0"), event(Event.UPGRADE_STAGE, FIRST["lines"][0])
    old = event(Event.UPGRADE_UNDONE, "long ago", SEEN)
    looks: tuple[list[Reply], ...] = (
        look(1, "upgrading", old, known, stage),
        [],  # it hangs up
        [[failure("moved")]],
        look(2, "in probation", known, stage),
        look(2, "serving", known, stage),
    )
    with Hubs(tmp_path / "s", BEGIN, [[progress(FIRST)]], *looks) as hubs:
        assert followed(hubs) == [
            (FIRST["lines"], True),
            (["starting version 2.0"], True),
            (["upgraded to version 2.0, pid 2"], False),
        ]


@pytest.mark.parametrize(
    ("events", "kind", "said"),
    [
        ([event(Event.UPGRADE_UNDONE, "it died")], ErrorKind.ROLLED_BACK, "rolled back to the running version: it d"),
        ([event(Event.UPGRADE_REFUSED, "SyntaxError")], ErrorKind.NOT_UPGRADED, "can't upgrade: SyntaxError; nothing"),
        ([event(Event.UPGRADE_UNDONE, "before", SEEN)], ErrorKind.ROLLED_BACK, "has stayed; the log tells why"),
    ],
)  # fmt: skip
def test_the_same_master_that_serves_means_that_it_was_not(
    tmp_path: Path, events: list[dict[str, Any]], kind: ErrorKind, said: str
) -> None:
    with (
        Hubs(tmp_path / "s", BEGIN, [[progress(FIRST)]], look(1, "serving", *events)) as hubs,
        pytest.raises(CommandError, match=said) as caught,
    ):
        followed(hubs)
    assert caught.value.kind is kind


def test_an_upgrade_that_the_hub_took_with_it_never_began(tmp_path: Path) -> None:
    with (
        Hubs(tmp_path / "s", BEGIN, [[]], look(1, "serving")) as hubs,
        pytest.raises(CommandError, match="before it began; nothing was changed") as caught,
    ):
        followed(hubs)
    assert caught.value.kind is ErrorKind.NOT_UPGRADED


def test_a_daemon_that_died_without_a_successor_is_given_up_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control.upgrading, "GONE", 0.05)
    with Hubs(tmp_path / "s", BEGIN, [[progress(FIRST)]], []) as hubs:
        upgrade = follow(hubs.path)
        assert next(upgrade) == (FIRST, True)
    with pytest.raises(UnreachableError, match="can't upgrade: the daemon died before it had a successor"):
        next(upgrade)


def test_a_daemon_that_does_not_come_back_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.upgrading, "PATIENCE", 0.05)
    with Hubs(tmp_path / "s", BEGIN, [[progress(FIRST)]], []) as hubs, pytest.raises(UnreachableError):
        followed(hubs)
