"""The control socket: how many clients, which rights, from beginning to end."""

from __future__ import annotations

import grp
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.commands.command import find
from control.commands.table import COMMANDS
from control.rights import Peer
from control.server import Limits
from director.access import Access
from director.config.model import Admin, Control, Endpoint, User
from director.errors import Exit
from director.messages import Answer, Running
from tests.control.hubs import FakeHub, allow
from tests.control.oddcommands import odd
from tests.control.serving import Served, ask, everything, is_alive, reply, request, say, serving
from tests.waiting import wait_until

OWNER = 4711  # a uid that runs no test
HASH = "$6$salt$hash"
OWN_GROUP = grp.getgrgid(os.getgid()).gr_name


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
