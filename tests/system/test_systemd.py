"""What a service manager gives to a real daemon, and what it hears of it."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.system.addresses import ask_name, connect, free_address, listen
from tests.system.configs import director, group, host, one_service, service
from tests.system.daemon import ROOT, Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests
from tests.system.peers import need
from tests.waiting import wait_until

Serve = Callable[..., Host]
PATIENCE = 60.0  # seconds: interpreters start, on a busy machine


@dataclass
class Manager:
    """Hears datagrams as systemd does: (pid of who sent it, lines)."""

    path: str
    sock: socket.socket

    def hear(self) -> tuple[int, list[str]]:
        data, ancillary, _, _ = self.sock.recvmsg(4096, socket.CMSG_SPACE(12))
        ((_, _, credentials),) = ancillary
        return struct.unpack("iII", credentials)[0], data.decode().splitlines()

    def until(self, word: str) -> list[tuple[int, list[str]]]:
        """All up to the first that has this line, or one that begins so."""
        heard = [self.hear()]
        while not any(line.startswith(word) for line in heard[-1][1]):
            heard.append(self.hear())
        return heard


@pytest.fixture
def manager(daemon: Daemon, tmp_path: Path) -> Iterator[Manager]:
    """A service manager that the daemon tells how it is."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        sock.settimeout(PATIENCE)
        daemon.environment["NOTIFY_SOCKET"] = path
        daemon.environment["WATCHDOG_USEC"] = "4000000"
        yield Manager(path, sock)


def test_every_stage_is_said_by_the_main_process_and_it_names_its_successor(
    daemon: Daemon, serve: Serve, manager: Manager
) -> None:
    daemon.configure(one_service(free_address(), host("a", serve().address), upgrade_probation="5s"))
    process = daemon.spawn("start", "--foreground")
    ready = manager.until("READY=1")
    assert [sender for sender, _ in ready] == [process.pid] * len(ready)
    assert ready[-1][1] == ["READY=1", "STATUS=serving by 2 workers"]
    assert daemon.is_serving(2)
    good = daemon.config_file.read_text()
    daemon.configure(good.replace("roundrobin", "roundrobbin"))
    assert daemon.directord("reload").exit == 78
    failed = manager.until("STATUS=")[-1][1]
    assert failed[0].startswith("STATUS=serving by 2 workers; reload failed: ") and "config.xml:" in failed[0], failed
    daemon.reload(good)
    assert manager.until("STATUS=")[-1][1] == ["STATUS=serving by 2 workers"]
    upgrade = daemon.spawn("upgrade")
    commit = manager.until("MAINPID=")
    # The successor is silent until then: who is not the main process is not heard, and may yet be taken back.
    assert {sender for sender, _ in commit} == {process.pid}
    assert len([lines for _, lines in commit if lines == ["WATCHDOG=1"]]) >= 2
    assert upgrade.wait(PATIENCE) == 0
    assert commit[-1][1][0] == f"MAINPID={daemon.master}"
    assert process.wait(PATIENCE) == 0
    after = manager.until("WATCHDOG=1")
    assert {sender for sender, _ in after} <= {daemon.master, process.pid}
    successor = daemon.master
    os.kill(successor, signal.SIGTERM)
    end = manager.until("STOPPING=1")
    assert end[-1][0] == successor
    wait_until(lambda: not daemon.pids())
    said = {line.partition("=")[0] for _, lines in (*ready, *commit, *after, *end) for line in lines}
    assert said == {"READY", "STATUS", "WATCHDOG", "MAINPID", "STOPPING"}


@pytest.mark.fault(4)
def test_an_upgrade_that_is_taken_back_names_nobody(daemon: Daemon, serve: Serve, manager: Manager) -> None:
    daemon.configure(one_service(free_address(), host("a", serve().address), upgrade_probation="30s"))
    process = daemon.spawn("start", "--foreground")
    manager.until("READY=1")
    upgrade = daemon.spawn("upgrade")
    wait_until(lambda: "watching it for" in daemon.log, PATIENCE)
    (candidate,) = [int(line.split(" pid ")[1].split(":")[0]) for line in daemon.log.splitlines() if "is ready" in line]
    daemon.kill(candidate)
    assert upgrade.wait(PATIENCE) == 151
    process.send_signal(signal.SIGTERM)
    heard = manager.until("STOPPING=1")
    assert {sender for sender, _ in heard} == {process.pid}
    assert not any(line.startswith("MAINPID") for _, lines in heard for line in lines)
    assert process.wait(PATIENCE) == 0


def test_sockets_that_were_passed_are_adopted_by_address_and_kept_over_an_upgrade(
    daemon: Daemon, hosts: Callable[..., list[Host]], serve: Serve
) -> None:
    """Started by a program that does as systemd does: descriptors from 3 on, and our own pid."""
    a, b = hosts("a", "b")
    one, other, own, unused = (free_address() for _ in range(4))
    unix = f"unix:{daemon.folder}/web.sock"
    services = (
        service([other, unix], group(host("a", a.address))),
        service(one, group(host("b", b.address)), name="second"),
        service(own, group(host("echo", serve().address)), name="own"),
    )
    daemon.configure(director(*services, upgrade_probation="0.1s"))
    with listen(unused) as sock0, listen(one) as sock1, listen(other) as sock2, listen(unix) as sock3:
        code = (
            "import os, sys\n"
            "for at, fd in enumerate(map(int, sys.argv[1].split(',')), 3): os.dup2(fd, at + 100)\n"
            "for at in range(3, 7): os.dup2(at + 100, at); os.close(at + 100)\n"
            "os.environ.update(LISTEN_FDS='4', LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES='a:b:c:d')\n"
            "os.execv(sys.argv[2], sys.argv[2:])\n"
        )
        fds = [sock.fileno() for sock in (sock0, sock1, sock2, sock3)]
        done = subprocess.run(
            [sys.executable, "-c", code, ",".join(map(str, fds)), *daemon.command_line("start")],
            env=daemon.environment,
            pass_fds=fds,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        # Bound once, by us: if it listened there itself, it would not have started.
        for address, name in ((one, "b"), (other, "a"), (unix, "a")):
            assert ask_name(address) == name
        assert "no listen has this address" in daemon.log
        with ShortRequests(own) as requests:
            assert daemon.directord("upgrade").exit == 0
            for address, name in ((one, "b"), (other, "a"), (unix, "a")):
                assert {ask_name(address) for _ in range(5)} == {name}
        assert requests.failures == []
        daemon.stop()
        assert Path(unix.removeprefix("unix:")).exists()
        connect(one).close()  # it is ours still


def test_what_needs_a_restart_is_said_and_nothing_changes(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    a = serve().address
    daemon.start(one_service(address, host("a", a)))
    daemon.configure(one_service(address, host("a", a), user="root"))
    done = daemon.directord("reload")
    assert done.exit == 1
    assert "needs restart" in done.text
    assert daemon.is_serving(2)


def test_the_unit_is_good(tmp_path: Path) -> None:
    verify = need("systemd-analyze", "systemd")
    unit = tmp_path / "director.service"
    unit.write_text((ROOT / "etc/director.service").read_text().replace("/opt/director/bin/directord", "/bin/true"))
    done = subprocess.run([verify, "verify", str(unit)], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
