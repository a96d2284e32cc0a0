"""What a service manager hears of a real daemon."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from pathlib import Path

from tests.system.addresses import free_address
from tests.system.configs import host, one_service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.waiting import wait_until


def test_ready_is_said_once_it_serves_and_stopping_when_it_stops(
    daemon: Daemon, serve: Callable[..., Host], tmp_path: Path
) -> None:
    address = free_address()
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(20)
        daemon.environment["NOTIFY_SOCKET"] = path
        daemon.configure(one_service(address, host("a", serve().address)))
        process = daemon.spawn("start", "--foreground")
        assert sock.recv(1000).startswith(b"READY=1\nSTATUS=")
        wait_until(lambda: daemon.is_serving(2))
        process.send_signal(signal.SIGTERM)
        assert sock.recv(1000) == b"STOPPING=1"
        assert process.wait(20) == 0
    wait_until(lambda: not daemon.pids())


def test_an_upgrade_names_the_new_main_process_once_it_holds(
    daemon: Daemon, serve: Callable[..., Host], tmp_path: Path
) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(30)
        daemon.environment["NOTIFY_SOCKET"] = path
        daemon.configure(one_service(free_address(), host("a", serve().address), upgrade_probation="0.2s"))
        process = daemon.spawn("start", "--foreground")
        assert sock.recv(1000).startswith(b"READY=1\n")
        assert daemon.directord("upgrade").exit == 0
        said = b""
        while b"MAINPID=" not in said:
            said = sock.recv(1000)
            assert b"STOPPING" not in said
        assert said.startswith(b"MAINPID=%d\n" % daemon.master)
        assert process.wait(20) == 0
        assert daemon.is_serving(2)
        daemon.stop()
        while sock.recv(1000) != b"STOPPING=1":
            pass


def test_what_needs_a_restart_is_said_and_nothing_changes(daemon: Daemon, serve: Callable[..., Host]) -> None:
    address = free_address()
    a = serve().address
    daemon.start(one_service(address, host("a", a)))
    daemon.configure(one_service(address, host("a", a), user="root"))
    done = daemon.directord("reload")
    assert done.exit == 1
    assert "needs restart" in done.text
    assert daemon.is_serving(2)
