"""In the foreground one pid lasts: for shells, supervisors and containers."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import psutil

from tests.system.addresses import accepts, free_address, listen
from tests.system.configs import host, one_service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests, Streams
from tests.waiting import wait_until

Serve = Callable[..., Host]
PATIENCE = 60.0  # seconds: interpreters start, on a busy machine


def start(daemon: Daemon) -> subprocess.Popen[str]:
    process = daemon.spawn("start", "--foreground")
    wait_until(lambda: daemon.is_serving(2), PATIENCE)
    return process


def test_one_pid_lasts_over_upgrades_and_tells_the_master_what_it_is_told(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.configure(one_service(address, host("a", serve().address), upgrade_probation="0.2s"))
    launcher = start(daemon)
    masters = [daemon.master]
    assert masters[0] != launcher.pid
    with Streams(address, 5) as streams, ShortRequests(address) as requests:
        wait_until(lambda: requests.done > 10)
        assert daemon.directord("upgrade").exit == 0
        masters.append(daemon.master)
        launcher.send_signal(signal.SIGUSR2)
        wait_until(lambda: daemon.master not in masters, PATIENCE)
        masters.append(daemon.master)
        launcher.send_signal(signal.SIGHUP)
        launcher.send_signal(signal.SIGTTIN)
        launcher.send_signal(signal.SIGWINCH)  # a terminal was resized
        wait_until(lambda: daemon.is_serving(3), PATIENCE)
        more = requests.done + 20
        wait_until(lambda: requests.done > more)
    assert streams.broken == {}
    assert requests.failures == []
    assert launcher.poll() is None
    # The generations that were are reaped, not left as zombies.
    wait_until(lambda: len(psutil.Process(launcher.pid).children()) == 1, PATIENCE)
    assert psutil.Process(daemon.master).ppid() == launcher.pid
    launcher.send_signal(signal.SIGTERM)
    output, _ = launcher.communicate(timeout=PATIENCE)
    assert launcher.returncode == 0, output
    assert "directord: running" in output
    wait_until(lambda: not daemon.pids())


def test_its_end_is_that_of_the_daemon(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.configure(one_service(address, host("a", serve().address), orphan_timeout="1s"))
    launcher = start(daemon)
    again = daemon.spawn("start", "--foreground")
    assert (again.wait(PATIENCE), "already running" in again.communicate()[0]) == (0, True)
    daemon.kill(daemon.master)
    assert launcher.wait(PATIENCE) == 128 + signal.SIGKILL
    wait_until(lambda: not daemon.pids(), PATIENCE)
    with listen(address):
        failed = daemon.spawn("start", "--foreground")
        assert (failed.wait(PATIENCE), address in failed.communicate()[0]) == (1, True)
    launcher = start(daemon)
    os.kill(launcher.pid, signal.SIGKILL)
    launcher.wait(PATIENCE)
    wait_until(lambda: not daemon.pids(), PATIENCE)
    assert not accepts(address)


def test_orphans_of_others_are_reaped(daemon: Daemon, serve: Serve) -> None:
    """As pid 1 of a container must: here a script of a check leaves one behind."""
    script = daemon.folder / "check"
    pid_file = daemon.folder / "orphan"
    left = f"setsid sh -c 'echo $$ > {pid_file}; sleep 0.5'"
    script.write_text(f"#!/bin/sh\n[ -e {pid_file} ] || {left} >/dev/null 2>&1 &\n")
    script.chmod(0o755)
    daemon.folder.chmod(0o777)  # as root, the script has no rights of its own
    text = one_service(free_address(), host("a", serve().address))
    check = f'<check type="script" command="{script}" interval="0.2s"/><host'
    daemon.configure(text.replace("<host", check, 1))
    launcher = start(daemon)
    orphan = int(wait_until(lambda: pid_file.exists() and pid_file.read_text(), PATIENCE))
    wait_until(lambda: not os.path.exists(f"/proc/{orphan}"), PATIENCE)
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(PATIENCE) == 0
