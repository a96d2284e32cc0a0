"""The control socket under good clients and bad ones."""

from __future__ import annotations

import grp
import json
import os
import socket
import struct
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import msgpack
import pytest

from control.commands.command import MAX_REQUEST, Command, Section, find
from control.commands.table import COMMANDS
from control.rights import Peer
from control.server import Limits
from director import logs
from director.access import Access
from director.config.model import Admin, Control, Endpoint, User
from director.errors import Exit, RefusedError, SystemFailure, UsageError
from director.messages import Answer, Happened, HostDown, Running
from tests.control.hubs import FakeHub, allow
from tests.control.serving import Served, everything, framed, reply, request, serving
from tests.waiting import wait_until

OWNER = 4711  # a uid that runs no test
HASH = "$6$salt$hash"
OWN_GROUP = grp.getgrgid(os.getgid()).gr_name


# -- commands that the table does not have ------------------------------------------


def progress(hub: Any, args: Any, actor: Any) -> Generator[dict[str, int], None, dict[str, str]]:
    yield {"step": 1}
    yield {"step": 2}
    return {"end": "of it"}


def wait(hub: Any, args: Any, actor: Any) -> dict[str, str]:
    while not hub.may_go_on:
        gevent.sleep(0.01)
    return {"waited": "yes"}


def broken(hub: Any, args: Any, actor: Any) -> None:
    raise ZeroDivisionError


def unknown(hub: Any, args: Any, actor: Any) -> None:
    raise UsageError("unknown host 'x'")


def failing(hub: Any, args: Any, actor: Any) -> None:
    raise SystemFailure("can't write: the disk is full")


def large(hub: Any, args: Any, actor: Any) -> dict[str, str]:
    return {"text": "x" * 5_000_000}


ODD = (
    Command("progress", Section.LOOK, "", progress),
    Command("wait", Section.LOOK, "", wait),
    Command("broken", Section.LOOK, "", broken),
    Command("unknown", Section.LOOK, "", unknown),
    Command("failing", Section.LOOK, "", failing),
    Command("large", Section.LOOK, "", large),
    Command("upload", Section.LOOK, "", lambda hub, args, actor: {}, max_request=16 * 1024 * 1024),
)


class PatientHub(FakeHub):
    """Lets `wait` go on when told."""

    may_go_on = False


@contextmanager
def odd(folder: Path, limits: Limits | None = None) -> Iterator[Served]:
    with serving(PatientHub(), str(folder / "odd.sock"), commands=(*COMMANDS, *ODD), limits=limits) as served:
        yield served


def ask(served: Served, data: bytes) -> dict[str, Any]:
    with served.connect() as client:
        client.sendall(data)
        return reply(client)


def say(served: Served, text: str | bytes) -> str:
    """What the line dialect answers until it hangs up."""
    with served.connect() as client:
        client.sendall(text.encode() if isinstance(text, str) else text)
        return everything(client).decode()


def is_alive(served: Served) -> bool:
    return bool(ask(served, request("version"))["ok"])


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
    assert "test_server.py" in line


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


def test_a_thousand_idle_clients_do_not_matter(served: Served) -> None:
    with ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(served.connect())
        assert is_alive(served)
        assert served.server.clients >= 1000


def test_who_has_waited_longest_makes_room(folder: Path) -> None:
    with odd(folder, Limits(clients=3)) as served, ExitStack() as stack:
        first, second, third = (stack.enter_context(served.connect()) for _ in range(3))
        first.sendall(request("version"))
        assert reply(first)["ok"]  # so now the second has waited longest
        fourth = stack.enter_context(served.connect())
        fourth.sendall(request("version"))
        assert reply(fourth)["ok"]
        assert second.recv(1) == b""
        for client in (first, third):
            client.sendall(request("version"))
            assert reply(client)["ok"]


def test_who_is_being_worked_for_does_not_make_room(folder: Path) -> None:
    with odd(folder, Limits(clients=2)) as served, ExitStack() as stack:
        clients = [stack.enter_context(served.connect()) for _ in range(2)]
        for client in clients:
            client.sendall(request("progress") + request("wait"))
            assert [reply(client)["more"] for _ in range(3)] == [True, True, False]
        wait_until(lambda: not served.server.waiting)
        with served.connect() as late:
            assert late.recv(1) == b""
        served.hub.may_go_on = True  # type: ignore[attr-defined]
        assert [reply(client)["result"] for client in clients] == [{"waited": "yes"}] * 2


# -- rights ------------------------------------------------------------------------


def as_member(gid: int) -> Any:
    return lambda sock: Peer(1, OWNER + 1, frozenset({gid}))


CHANGE = request("host-up", service="web", group="main", host="a")


@contextmanager
def for_members(folder: Path, access: Access | None) -> Iterator[Served]:
    """Every client is a member of the group of who runs the test, which has this access."""
    hub = FakeHub(*([allow(OWN_GROUP, access)] if access else []))
    with serving(hub, str(folder / "c.sock"), owner=OWNER, identify=as_member(os.getgid())) as served:
        yield served


def test_a_member_of_a_group_with_full_access_may_change(folder: Path) -> None:
    with for_members(folder, Access.FULL) as served:
        assert ask(served, CHANGE)["ok"]


def test_a_member_of_a_group_that_may_look_may_only_look(folder: Path, log: list[str]) -> None:
    with for_members(folder, Access.READONLY) as served, served.connect() as client:
        client.sendall(CHANGE)
        error = reply(client)["error"]
        assert error["kind"] == "rights"
        assert "may look" in error["message"]
        assert served.hub.asked == []
        client.sendall(request("stats"))
        assert reply(client)["ok"]
    assert [line.split(":")[0] for line in log] == ["command refused"]


@pytest.mark.parametrize("data", [CHANGE, request("version"), request("hots")])
def test_everybody_else_is_refused_and_hung_up_on(folder: Path, data: bytes) -> None:
    with for_members(folder, None) as served, served.connect() as client:
        client.sendall(data + request("version"))
        assert reply(client)["error"]["kind"] == "rights"
        assert served.hub.asked == []
        with pytest.raises((AssertionError, ConnectionError)):
            reply(client)


CONFIG_TEXTS = ("config-running", "config-file")


@pytest.mark.parametrize(
    ("access", "name", "told"),
    [
        *((Access.READONLY, row.name, False) for row in COMMANDS if row.access is Access.READONLY),
        *((Access.FULL, name, True) for name in CONFIG_TEXTS),
    ],
)
def test_who_may_only_look_is_told_no_hash_of_a_password(folder: Path, access: Access, name: str, told: bool) -> None:
    words = [{"shell": "bash"}.get(one.name, "web") for one in find(name, COMMANDS).arguments if one.required]
    with for_members(folder, access) as served:
        admin = Admin(listen=Endpoint("127.0.0.1", 1), users=(User(name="ann", password=HASH),))
        served.hub.running = Running(1, replace(served.hub.running.config, admins=(admin,)))
        text = f"<director><user password='{HASH}'/></director>".encode()
        file = {"name": "/etc/c.xml", "text": text}
        served.hub.answer = Answer(0, Exit.DONE, data=file if name == "config-file" else {"actions": [], "changes": []})
        args: Any = dict(zip((one.name for one in find(name, COMMANDS).arguments), words, strict=False))
        assert (HASH in str(ask(served, request(name, **args)))) is told
        assert (HASH in say(served, " ".join([name, *words]) + "\n")) is told


def test_lines_know_the_same_rights(folder: Path) -> None:
    with for_members(folder, None) as served:
        assert "has no rights" in say(served, "stats; workers\n")
        assert "has no rights" in say(served, "hots\n")


def test_rights_follow_the_config_that_runs(folder: Path) -> None:
    with for_members(folder, None) as served:
        assert not ask(served, CHANGE)["ok"]
        served.hub.running = FakeHub(allow(OWN_GROUP, Access.FULL)).running
        assert ask(served, CHANGE)["ok"]


def test_each_socket_has_its_own_rights_and_goes_when_it_is_told(folder: Path) -> None:
    other, gid = str(folder / "other.sock"), os.getgid()
    hub = FakeHub(Control(group=str(gid), access=Access.READONLY), Control(socket=other, group=str(gid)))
    with serving(hub, str(folder / "c.sock"), owner=OWNER, identify=as_member(gid)) as served:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(other)
        listener.listen()
        served.ask(lambda: served.server.serve({other: os.dup(listener.fileno())}))
        assert not ask(served, CHANGE)["ok"]
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(other)
            client.sendall(CHANGE)
            assert reply(client)["ok"]
        served.ask(lambda: served.server.serve({}))
        listener.settimeout(10)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(other)
            listener.accept()[0].close()  # nobody else does
        listener.close()
        assert ask(served, request("version"))["ok"]


def test_sockets_that_were_given_up_refuse_who_connects_once_nobody_else_has_them(folder: Path) -> None:
    with serving(FakeHub(), str(folder / "c.sock")) as served:
        assert ask(served, request("version"))["ok"]
        served.ask(served.server.surrender)
        served.listener.close()
        wait_until(lambda: is_refused(served))


def is_refused(served: Served) -> bool:
    try:
        served.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_who_started_the_daemon_may_all(folder: Path) -> None:
    def identify(sock: Any) -> Peer:
        return Peer(1, OWNER, frozenset())

    with serving(FakeHub(), str(folder / "c.sock"), owner=OWNER, identify=identify) as served:
        assert ask(served, CHANGE)["ok"]


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


# -- beginning and end ------------------------------------------------------------------------


def test_clients_wait_in_the_backlog_for_the_next_hub(served: Served) -> None:
    served.stop()
    with served.connect() as client:
        client.sendall(request("version"))
        served.start()
        assert reply(client)["ok"]


def test_stopping_hangs_up_on_those_who_wait(served: Served) -> None:
    with served.connect() as client:
        client.sendall(request("version"))
        assert reply(client)["ok"]
        served.stop()
        assert client.recv(1) == b""


def test_what_is_being_worked_on_is_answered_before_the_end(folder: Path) -> None:
    with odd(folder) as served, served.connect() as client:
        client.sendall(request("wait"))
        wait_until(lambda: served.server.clients == 1 and not served.server.waiting)
        stopping = threading.Thread(target=served.stop)
        stopping.start()
        served.hub.may_go_on = True  # type: ignore[attr-defined]
        assert reply(client)["result"] == {"waited": "yes"}
        stopping.join()


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Messages of the log, as they are told."""
    lines: list[str] = []

    def keep(happened: Happened) -> None:
        lines.append(f"{happened.event}: " + " ".join(f"{key}={value}" for key, value in happened.fields.items()))

    logs.listen(keep)
    yield lines
    logs.listen(None)


# -- many who ask for much -------------------------------------------------------------


class Watched(dict[str, Any]):
    """Statistics that count how often somebody begins to tell of their services."""

    told = 0

    def __getitem__(self, key: str) -> Any:
        self.told += key == "services"
        return super().__getitem__(key)


@pytest.mark.parametrize("line", [b"show stat\n", b"stats --format csv\n", b"show servers state\n"])
def test_what_many_ask_for_is_told_once_for_all(folder: Path, line: bytes) -> None:
    hub = FakeHub()
    hub.document = watched = Watched(hub.document)
    with serving(hub, str(folder / "c")) as served:
        found = set()
        for _ in range(5):
            with served.connect() as client:
                client.sendall(line)
                found.add(everything(client))
    assert len(found) == 1
    assert watched.told == 1


def test_what_changes_something_has_the_next_statistics_made_anew(folder: Path) -> None:
    hub = FakeHub()
    with serving(hub, str(folder / "c")) as served, served.connect() as client:
        client.sendall(request("stats"))
        reply(client)
        assert hub.outdatings == 0
        client.sendall(request("host-up", service="web", group="main", host="a"))
        assert reply(client)["ok"]
        assert hub.outdatings == 1
