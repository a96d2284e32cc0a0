"""What each process may, holds and runs: rights, descriptors, threads."""

from __future__ import annotations

import grp
import os
import pwd
import re
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.system.addresses import free_address
from tests.system.configs import director, host, one_service
from tests.system.daemon import DIRECTORCTL, Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests
from tests.system.peers import need_root
from tests.waiting import wait_until


@pytest.fixture
def address(daemon: Daemon, serve: Callable[..., Host]) -> str:
    listen = free_address()
    daemon.start(one_service(listen, host("a", serve().address), workers=3))
    with ShortRequests(listen) as requests:
        wait_until(lambda: requests.done > 10)
    return listen


def children(daemon: Daemon) -> list[int]:
    return [daemon.hub(), *daemon.workers().values()]


def descriptors(pid: int) -> set[str]:
    """What its descriptors are, as the kernel names them: `socket:[12]`, paths, ..."""
    folder = Path(f"/proc/{pid}/fd")
    found = set()
    for number in os.listdir(folder):
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(os.readlink(folder / number))
    return found


def listening(pid: int, address: str) -> set[str]:
    """The sockets it holds that listen at this address."""
    where, _, port = address.rpartition(":")
    packed = bytes(map(int, where.split(".")))[::-1].hex().upper() + f":{int(port):04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listeners = {f"socket:[{line[9]}]" for line in lines if line[1] == packed and line[3] == "0A"}
    return descriptors(pid) & listeners


def status_of(pid: int) -> dict[str, str]:
    return dict(re.findall(r"^(\w+):\s*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))


def test_the_master_has_one_thread_no_gevent_hub_and_no_zeromq_context(daemon: Daemon, address: str) -> None:
    assert len(os.listdir(f"/proc/{daemon.master}/task")) == 1
    # Both make themselves an eventfd at the first use.
    assert "anon_inode:[eventfd]" not in descriptors(daemon.master)


def test_every_worker_has_its_own_listening_socket_and_the_master_all(daemon: Daemon, address: str) -> None:
    of_master = listening(daemon.master, address)
    of_workers = [listening(pid, address) for pid in daemon.workers().values()]
    assert [len(sockets) for sockets in of_workers] == [1, 1, 1]
    assert set.union(*of_workers) == of_master
    assert len(of_master) == 3


def test_the_hub_holds_no_traffic_listener(daemon: Daemon, address: str) -> None:
    assert listening(daemon.hub(), address) == set()


def test_children_share_no_socket_with_each_other(daemon: Daemon, address: str) -> None:
    # Else the end of one would not be noticed by who waits for it.
    held = [{name for name in descriptors(pid) if name.startswith("socket:")} for pid in children(daemon)]
    for one in held:
        for other in held:
            assert one is other or not one & other


def test_a_child_has_the_same_descriptors_as_the_one_it_replaces(daemon: Daemon, address: str) -> None:
    def kinds(pid: int) -> list[str]:
        names = [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
        return sorted(re.sub(r"\d+", "N", name) for name in names)

    before = daemon.workers()
    expected = kinds(before[1])
    daemon.kill(before[0])
    wait_until(lambda: daemon.is_serving(3) and daemon.workers()[0] != before[0])
    wait_until(lambda: kinds(daemon.workers()[0]) == expected)


def test_processes_use_all_the_descriptors_they_are_allowed(daemon: Daemon, address: str) -> None:
    for pid in daemon.workers().values():
        limits = Path(f"/proc/{pid}/limits").read_text()
        (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
        soft, hard = line.split()[3:5]
        assert soft == hard


def test_as_root_children_become_somebody_without_rights(daemon: Daemon, address: str) -> None:
    need_root()
    try:
        account = pwd.getpwnam("director")
    except KeyError:
        account = pwd.getpwnam("nobody")
    for pid in children(daemon):
        status = status_of(pid)
        assert set(status["Uid"].split()) == {str(account.pw_uid)}
        assert set(status["Gid"].split()) == {str(account.pw_gid)}
        assert set(status["Groups"].split()) <= {str(account.pw_gid)}
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status_of(daemon.master)["Uid"].split()[0] == "0"


def test_as_root_children_become_whom_the_config_names(daemon: Daemon, serve: Callable[..., Host]) -> None:
    need_root()
    account, group = pwd.getpwnam("daemon"), grp.getgrnam("games")
    text = one_service(free_address(), host("a", serve().address), user="daemon", group="games")
    daemon.start(text)
    for pid in children(daemon):
        assert status_of(pid)["Uid"].split()[1] == str(account.pw_uid)
        assert status_of(pid)["Gid"].split()[1] == str(group.gr_gid)


def test_files_are_as_open_as_they_must_be(daemon: Daemon, address: str) -> None:
    def mode(path: Path) -> int:
        return path.stat().st_mode & 0o777

    assert mode(daemon.socket) == 0o660
    assert mode(daemon.run_dir) == 0o755 if os.getuid() == 0 else mode(daemon.run_dir) in (0o700, 0o755)
    for generation in daemon.run_dir.glob("g*"):
        assert mode(generation) == 0o700


def test_groups_get_their_control_socket_by_start_reload_and_upgrade(daemon: Daemon) -> None:
    need_root()
    other = daemon.folder / "other.sock"

    def text(*controls: str) -> str:
        return director(*controls, workers=1, upgrade_probation="0.1s")

    def may(group: str, path: Path) -> bool:
        setpriv = ["setpriv", "--reuid=65534", "--regid=65534", f"--groups={group}"]
        words = [*setpriv, *DIRECTORCTL, "-s", str(path), "services"]
        return subprocess.run(words, capture_output=True, timeout=30, cwd="/", env=daemon.environment).returncode == 0

    def theirs(group: str) -> str:
        return f'<control socket="{other}" group="{group}"/>'

    def default(group: str) -> str:
        return f'<control group="{group}" access="readonly"/>'

    daemon.start(text(theirs("8")))
    assert may("mail", other) and not may("mail", daemon.socket)
    assert daemon.reload(text(theirs("8"), default("games"))).exit == 0
    assert may("mail", other) and may("games", daemon.socket) and not may("games", other)
    daemon.configure(text(theirs("games"), default("mail")))
    assert daemon.directord("upgrade").exit == 0
    assert may("games", other) and may("mail", daemon.socket) and not may("mail", other)
    daemon.kill(daemon.hub())
    wait_until(lambda: may("games", other))
    assert daemon.reload(text()).exit == 0
    assert not other.exists() and not may("mail", daemon.socket)


def test_the_control_socket_may_be_named_by_the_path_that_it_has_anyway(daemon: Daemon) -> None:
    need_root()
    assert not daemon.run_dir.exists()  # nor is it there when a machine starts

    def text(access: str) -> str:
        control = f'<control socket="{daemon.socket}" group="games" access="{access}"/>'
        return director(control, workers=1, upgrade_probation="0.1s")

    def may(command: str) -> bool:
        setpriv = ["setpriv", "--reuid=65534", "--regid=65534", "--groups=games"]
        words = [*setpriv, *DIRECTORCTL, "-s", str(daemon.socket), command]
        return subprocess.run(words, capture_output=True, timeout=30, cwd="/", env=daemon.environment).returncode == 0

    daemon.start(text("readonly"))
    assert may("services") and not may("log-reopen")
    assert daemon.reload(text("full")).exit == 0
    assert may("log-reopen")
    assert daemon.directord("upgrade").exit == 0
    assert may("log-reopen")
    assert daemon.reload(director(workers=1)).exit == 0
    assert daemon.socket.exists() and not may("services")
