"""The client, against daemons that are not there or do not behave."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from control.client import Client
from control.commands.command import CommandError
from director.errors import DirectorError, Exit, RightsError, UnreachableError
from director.frames import FrameReader, pack, unpack


def daemon(path: str, answer: Callable[[dict[str, object]], list[bytes]]) -> threading.Thread:
    """A daemon that reads one request and sends what `answer` says."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve() -> None:
        with listener, listener.accept()[0] as sock:
            reader = FrameReader()
            bodies: list[bytes] = []
            while not bodies:
                bodies = reader.feed(sock.recv(65536))
            for piece in answer(unpack(bodies[0])):
                sock.sendall(piece)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_a_result_comes_after_its_progress(tmp_path: Path) -> None:
    path = str(tmp_path / "s")

    def answer(request: dict[str, object]) -> list[bytes]:
        assert (request["v"], request["command"], request["args"]) == (1, "stop", {"a": "b"})
        number = request["id"]
        return [
            pack({"id": number, "ok": True, "result": 1, "more": True}),
            pack({"id": number, "ok": True, "result": 2, "more": False}),
        ]

    thread = daemon(path, answer)
    steps: list[object] = []
    assert Client(path).call("stop", {"a": "b"}, steps.append) == 2
    assert steps == [1]
    thread.join()


@pytest.mark.parametrize(("kind", "status"), [("config", Exit.BAD_CONFIG), ("rights", Exit.NO_RIGHTS)])
def test_a_refusal_has_its_kind_and_exit_status(tmp_path: Path, kind: str, status: Exit) -> None:
    path = str(tmp_path / "s")

    def answer(request: dict[str, object]) -> list[bytes]:
        error = {"kind": kind, "message": "no", "lines": ["c.xml:1: x"]}
        return [pack({"id": request["id"], "ok": False, "error": error})]

    thread = daemon(path, answer)
    with pytest.raises(CommandError, match="no") as caught:
        Client(path).call("reload")
    assert (caught.value.exit, caught.value.lines) == (status, ("c.xml:1: x",))
    thread.join()


@pytest.mark.parametrize(
    "reply", [[], [b"\x00\x00"], [pack(3)], [pack({"id": 99, "ok": True})], [b"\x00\x00\x00\x01\xc1"]]
)
def test_a_daemon_that_talks_nonsense_is_an_error_not_a_traceback(tmp_path: Path, reply: list[bytes]) -> None:
    path = str(tmp_path / "s")
    thread = daemon(path, lambda request: reply)
    with pytest.raises(DirectorError):
        Client(path).call("stats")
    thread.join()


def test_where_nobody_is_it_says_so_with_exit_7(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="no such socket") as caught:
        Client(str(tmp_path / "s")).call("stats")
    assert caught.value.exit == 7
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "d"))
    with pytest.raises(UnreachableError, match="nobody listens"):
        Client(str(tmp_path / "d")).call("stats")


def test_who_may_not_open_the_socket_is_told_so_by_the_exit_status_too(tmp_path: Path) -> None:
    path = tmp_path / "s"
    us = os.geteuid()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o000)
        if us == 0:
            os.seteuid(65534)
        try:
            with pytest.raises(RightsError, match="you have no rights to it"):
                Client(str(path)).call("stats")
        finally:
            os.seteuid(us)


def test_who_does_not_answer_in_time_is_unreachable(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(UnreachableError, match="no answer within"):
            Client(str(tmp_path / "s"), timeout=0.2).call("stats")


def test_a_text_is_passed_on_as_it_comes_and_made_where_the_daemon_knows_none(tmp_path: Path) -> None:
    def texts(name: str, *said: dict[str, object]) -> str:
        path = str(tmp_path / name)

        def answer(request: dict[str, object]) -> list[bytes]:
            assert request["form"] == "json"
            return [pack({"id": request["id"], "ok": True, **one}) for one in said]

        thread = daemon(path, answer)
        found = "".join(Client(path).texts("stats"))
        thread.join()
        return found

    assert texts("new", {"json": '{"a": ', "more": True}, {"json": "1}\n", "more": False}) == '{"a": 1}\n'
    assert texts("old", {"result": {"a": 1}, "more": False}) == '{"a": 1}\n'
