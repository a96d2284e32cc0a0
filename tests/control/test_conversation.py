"""Good clients of the control socket and bad ones, in both dialects."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from pathlib import Path
from typing import Any

import msgpack
import pytest

from control.commands.command import MAX_REQUEST
from control.commands.table import COMMANDS
from control.server import Limits
from director.errors import Exit, RefusedError
from director.messages import Answer, HostDown
from tests.control.hubs import FakeHub
from tests.control.oddcommands import PatientHub, odd
from tests.control.serving import Served, ask, everything, framed, is_alive, reply, request, say, serving
from tests.waiting import wait_until

# -- frames ------------------------------------------------------------------------


def test_a_request_is_answered_with_its_id(served: Served) -> None:
    assert ask(served, request("version", 17)) == {"id": 17, "ok": True, "result": {"daemon": "9.9"}, "more": False}


def test_one_connection_carries_many_requests(served: Served) -> None:
    with served.connect() as client:
        for ident in range(5):
            client.sendall(request("version", ident))
            assert reply(client)["id"] == ident


def test_requests_that_come_at_once_are_answered_in_order(served: Served) -> None:
    with served.connect() as client:
        client.sendall(b"".join(request("version", ident) for ident in range(50)))
        assert [reply(client)["id"] for _ in range(50)] == list(range(50))


def test_a_request_may_come_byte_by_byte(served: Served) -> None:
    with served.connect() as client:
        for byte in request("version"):
            client.sendall(bytes([byte]))
        assert reply(client)["ok"]


def test_a_change_goes_to_the_master_in_the_callers_name(served: Served, hub: FakeHub) -> None:
    told = ask(served, request("host-down", service="web", group="main", host="a", reason="disk"))
    assert told["result"]["lines"] == ["host a is down"]
    ((order, actor, force),) = hub.asked
    assert (order, force) == (HostDown("web", "main", "a", "disk"), False)
    assert actor.name
    assert actor.origin == f"control socket, pid {os.getpid()}"


def test_progress_comes_before_the_result(folder: Path) -> None:
    with odd(folder) as served, served.connect() as client:
        client.sendall(request("progress"))
        told = [reply(client) for _ in range(3)]
    assert [(one["result"], one["more"]) for one in told] == [
        ({"step": 1}, True),
        ({"step": 2}, True),
        ({"end": "of it"}, False),
    ]


def test_a_result_comes_as_json_where_that_is_wanted(served: Served) -> None:
    def ask(command: str, **more: object) -> list[dict[str, Any]]:
        with served.connect() as client:
            client.sendall(framed({"v": 1, "id": 1, "command": command, "args": {}, **more}))
            found = [reply(client)]
            while found[-1].get("more"):
                found.append(reply(client))
            return found

    (known,) = ask("stats")
    text = "".join(piece["json"] for piece in ask("stats", form="json"))
    assert text.endswith("}\n")
    assert json.loads(text).keys() == known["result"].keys()
    assert ask("stats", form=["json"])[0].keys() == known.keys()
    assert ask("stast", form="json")[0]["error"]["kind"] == "usage"


def test_a_large_reply_arrives_whole(folder: Path) -> None:
    with odd(folder) as served:
        assert len(ask(served, request("large"))["result"]["text"]) == 5_000_000


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (request("hots"), "usage", "'hosts'"),
        (request("hosts", service="wed"), "unknown", "'web'"),
        (request("host-down", service="web"), "usage", "GRP is missing"),
        (request("stats", colour="red"), "usage", "colour"),
        (framed({"v": 2, "id": 1, "command": "stats"}), "usage", "version 2"),
        (framed({"v": 1, "id": 1}), "usage", "unknown command"),
        (framed({"v": 1, "id": 1, "command": "stats", "args": [1]}), "usage", "not a map"),
    ],
)
def test_a_wrong_request_is_told_why(served: Served, data: bytes, kind: str, words: str) -> None:
    told = ask(served, data)
    assert (told["id"], told["ok"], told["error"]["kind"]) == (1, False, kind)
    assert words in told["error"]["message"]


def test_a_connection_goes_on_after_a_wrong_request(served: Served) -> None:
    with served.connect() as client:
        client.sendall(request("hots") + request("version"))
        assert [reply(client)["ok"] for _ in range(2)] == [False, True]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(1, Exit.FAILED, ("no",)), "refused"),
        (Answer(1, Exit.BAD_CONFIG), "config"),
        (RefusedError("can't reach the master"), "refused"),
    ],
)
def test_what_the_master_makes_of_it_has_a_kind(served: Served, hub: FakeHub, answer: Any, kind: str) -> None:
    hub.answer = answer
    assert ask(served, request("reload"))["error"]["kind"] == kind


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("broken", "failed", "an internal error"),
        ("unknown", "unknown", "unknown host 'x'"),
        ("failing", "failed", "the disk is full"),
    ],
)
def test_a_command_that_raises_is_answered_by_its_kind(folder: Path, name: str, kind: str, words: str) -> None:
    with odd(folder) as served, served.connect() as client:
        client.sendall(request(name) + request("version"))
        told = reply(client)
        assert told["error"]["kind"] == kind
        assert words in told["error"]["message"]
        assert reply(client)["ok"]


def test_a_bug_in_a_command_is_in_the_log_with_its_place(folder: Path, log: list[str]) -> None:
    with odd(folder) as served:
        ask(served, request("broken"))
    (line,) = log
    assert line.startswith("command failed: command=broken reason=ZeroDivisionError()")
    assert "oddcommands.py" in line


# -- nonsense ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        framed([1, 2, 3]),
        framed("stats"),
        struct.pack(">I", 3) + b"\xc1\xc1\xc1",
        struct.pack(">I", 0),
        struct.pack(">I", 56) + msgpack.packb({"v": 1}) * 14,
    ],
)
def test_garbage_in_a_frame_is_told_and_ends_the_connection(served: Served, data: bytes) -> None:
    with served.connect() as client:
        client.sendall(data)
        assert reply(client)["error"]["kind"] == "usage"
        assert client.recv(1) == b""
    assert is_alive(served)


def test_a_request_over_the_size_of_all_is_refused_before_it_is_read(folder: Path) -> None:
    small = tuple(row for row in COMMANDS if row.max_request == MAX_REQUEST)
    with serving(PatientHub(), str(folder / "small.sock"), commands=small) as served, served.connect() as client:
        client.sendall(struct.pack(">I", 64 * 1024 + 1))
        assert "65537 bytes" in reply(client)["error"]["message"]
        assert client.recv(1) == b""


def test_a_command_that_carries_a_file_may_be_larger_and_only_that(folder: Path) -> None:
    with odd(folder) as served:
        assert "at most" in ask(served, request("stats", format="x" * 100_000))["error"]["message"]
        told = ask(served, request("upload", text="x" * 100_000))
        assert "there is no argument 'text'" in told["error"]["message"]


@pytest.mark.parametrize("length", [0, 1, 3, 4, 10])
def test_one_who_leaves_early_harms_nobody(served: Served, length: int) -> None:
    with served.connect() as client:
        client.sendall(request("stats")[:length])
    assert is_alive(served)


def test_one_who_leaves_without_the_answer_harms_nobody(folder: Path) -> None:
    with odd(folder) as served:
        for _ in range(20):
            with served.connect() as client:
                client.sendall(request("large"))
        assert is_alive(served)


def test_one_who_does_not_read_is_dropped(folder: Path) -> None:
    with odd(folder, Limits(reply=0.2)) as served, served.connect() as client:
        client.sendall(request("large"))
        assert is_alive(served)
        wait_until(lambda: served.server.clients == 0)
        with pytest.raises((AssertionError, ConnectionError)):
            reply(client)


def test_a_flood_of_requests_leaves_room_for_others(served: Served) -> None:
    def flood(client: socket.socket) -> None:
        try:
            while True:
                client.sendall(request("stats") * 100)
        except OSError:
            return  # hung up on by the test

    with served.connect() as client:
        flooding = threading.Thread(target=flood, args=(client,))
        flooding.start()
        assert is_alive(served)
        client.shutdown(socket.SHUT_RDWR)
        flooding.join()


# -- patience ------------------------------------------------------------------------


def test_a_silent_client_is_hung_up_on(folder: Path) -> None:
    with odd(folder, Limits(silence=0.05)) as served, served.connect() as client:
        assert client.recv(1) == b""


def test_one_who_falls_silent_after_a_request_is_hung_up_on(folder: Path) -> None:
    with odd(folder, Limits(silence=0.05)) as served, served.connect() as client:
        client.sendall(request("version"))
        assert reply(client)["ok"]
        assert client.recv(1) == b""


@pytest.mark.parametrize("begin", [request("version")[:7], b"stat"])
def test_half_a_request_is_hung_up_on(folder: Path, begin: bytes) -> None:
    with odd(folder, Limits(request=0.05)) as served, served.connect() as client:
        client.sendall(begin)
        assert client.recv(1) == b""


@pytest.mark.parametrize("data", [request("version"), b"version"])
def test_dribbling_does_not_buy_time(folder: Path, data: bytes) -> None:
    with odd(folder, Limits(request=0.2)) as served, served.connect() as client:
        client.settimeout(0.05)
        with pytest.raises(ConnectionError):  # or else the loop ends
            for byte in data[:-1]:
                client.sendall(bytes([byte]))
                try:
                    if client.recv(1) == b"":
                        raise ConnectionResetError
                except TimeoutError:
                    continue


def test_work_is_not_the_clients_silence(folder: Path) -> None:
    with odd(folder, Limits(silence=0.05, request=0.05)) as served, served.connect() as client:
        client.sendall(request("wait"))
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        served.hub.may_go_on = True  # type: ignore[attr-defined]
        client.settimeout(10)
        assert reply(client)["result"] == {"waited": "yes"}


# -- lines ------------------------------------------------------------------------


def test_a_verb_is_answered_in_text_and_the_connection_ends(served: Served) -> None:
    assert say(served, "version\nversion\n") == "daemon 9.9\n\n"


def test_a_line_needs_no_newline_at_the_end(served: Served) -> None:
    with served.connect() as client:
        client.sendall(b"version")
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b"daemon 9.9\n\n"


def test_several_commands_in_a_line(served: Served) -> None:
    assert say(served, "version; version\n") == "daemon 9.9\n\ndaemon 9.9\n\n"


def test_words_are_quoted_as_in_a_shell(served: Served, hub: FakeHub) -> None:
    told = say(served, "host-down web main a --reason 'new disk; soon'\n")
    assert told == "host a is down\napplied by 2 of 2 workers\n\n"
    assert hub.asked[0][0] == HostDown("web", "main", "a", "new disk; soon")


def test_a_warning_is_a_line(served: Served, hub: FakeHub) -> None:
    hub.answer = Answer(1, Exit.DONE, ("host a is up",), applied=1, workers=2)
    told = say(served, "host-up web main a\n").splitlines()
    assert told[:2] == ["host a is up", "applied by 1 of 2 workers"]
    assert told[2].startswith("warning: 1 of 2 workers has not answered")


@pytest.mark.parametrize("line", ["version --json\n", "stats --format json\n"])
def test_lines_give_json_too(served: Served, line: str) -> None:
    assert say(served, line).startswith("{")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"hots\n", "did you mean 'hosts'"),
        (b"hosts wed\n", "did you mean 'web'"),
        (b"host-down web\n", "usage: host-down"),
        (b"host-down 'web\n", "not closed"),
        (b"\xff\xfe\n", "not UTF-8"),
        (b"x" * 70_000, "more than 65536 bytes"),
    ],
)
def test_a_wrong_line_is_told_why(served: Served, line: bytes, words: str) -> None:
    with served.connect() as client:
        client.sendall(line)
        told = client.recv(65536).decode()
    assert words in told
    assert told.endswith("\n\n")


def test_an_error_does_not_stop_the_commands_behind_it(served: Served) -> None:
    assert say(served, "hots; version\n").endswith("daemon 9.9\n\n")


def test_with_prompt_the_connection_stays(served: Served) -> None:
    assert say(served, "prompt\nversion\n\nversion; quit\n") == "\n> daemon 9.9\n\n\n> \n> daemon 9.9\n\n"


def test_prompt_twice_is_none(served: Served) -> None:
    assert say(served, "prompt; prompt\nversion\n") == ""
