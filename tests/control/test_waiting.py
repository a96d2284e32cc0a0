"""Waiting for a drain: over lost hubs, on a terminal, broken off."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import control.waiting
from control.commands.command import CommandError, find
from control.commands.table import COMMANDS
from control.waiting import Bar, Wait
from director.errors import UnreachableError
from director.frames import FrameReader, pack, unpack
from tests.control.test_drainage import DRAIN

STEP = {"lines": ["12 left"], "drain": DRAIN}
LOST = b""
Answer = list[dict[str, Any] | bytes]


class Daemons:
    """One after another at the same socket; each answers one request as it is told, then hangs up."""

    def __init__(self, path: str, *answers: Answer) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, args=(answers,), daemon=True)
        self._thread.start()

    def _serve(self, answers: tuple[Answer, ...]) -> None:
        with self._listener:
            for answer in answers:
                with self._listener.accept()[0] as sock:
                    reader = FrameReader()
                    bodies: list[bytes] = []
                    while not bodies:
                        bodies = reader.feed(sock.recv(65536))
                    request = unpack(bodies[0])
                    self.asked.append((request["command"], request["args"]))
                    for piece in answer:
                        if isinstance(piece, dict):
                            sock.sendall(pack({"id": request["id"], **piece}))

    def join(self) -> None:
        self._thread.join(10)


def progress(step: Any) -> dict[str, Any]:
    return {"ok": True, "result": step, "more": True}


def result(value: Any) -> dict[str, Any]:
    return {"ok": True, "result": value, "more": False}


def failure(kind: str) -> dict[str, Any]:
    return {"ok": False, "error": {"kind": kind, "message": "no"}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.waiting, "PAUSE", 0.01)


def wait(path: str, show: Callable[[Any], None] | None) -> Wait:
    return Wait(path, find("host-drain", COMMANDS), show)


def test_who_answers_next_is_asked_how_it_goes_on(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    daemons = Daemons(path, [progress(STEP), LOST], [progress(STEP), failure("moved")], [result({"lines": ["done"]})])
    shown: list[Any] = []
    assert wait(path, shown.append).run({"service": "web", "wait": True}) == {"lines": ["done"]}
    daemons.join()
    assert shown == [STEP, STEP]
    again = ("drains", {"what": "web/main/a", "wait": True})
    assert daemons.asked == [("host-drain", {"service": "web", "wait": True}), again, again]


def test_what_was_refused_or_never_began_is_not_asked_again(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    daemons = Daemons(path, [failure("refused")], [LOST])
    with pytest.raises(CommandError):
        wait(path, None).run({})
    with pytest.raises(UnreachableError):
        wait(path, None).run({})
    daemons.join()
    assert len(daemons.asked) == 2


def test_what_the_next_one_does_not_know_was_taken_back(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    daemons = Daemons(path, [progress(STEP)], [failure("unknown")])
    with pytest.raises(CommandError, match="web/main/a is not drained any more"):
        wait(path, None).run({})
    daemons.join()


def test_a_daemon_that_does_not_come_back_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.waiting, "PATIENCE", 0.05)
    path = str(tmp_path / "s")
    daemons = Daemons(path, [progress(STEP)])
    with pytest.raises(UnreachableError):
        wait(path, None).run({})
    daemons.join()


def test_breaking_off_says_that_it_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "s")
    daemons = Daemons(path, [progress(STEP)])

    def interrupt(step: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wait(path, interrupt).run({})
    daemons.join()
    assert "web/main/a is drained on" in (err := capsys.readouterr().err)
    assert "host-up web main a" in err


def test_a_bar_shows_the_state_and_prints_lines_above(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    bar.close()
    bar.show({**STEP, "lines": ["host 'a' of web/main is draining"]})
    bar.show(STEP)
    bar.close()
    assert "host 'a' of web/main is draining" in capsys.readouterr().out
