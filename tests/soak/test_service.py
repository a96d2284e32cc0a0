"""The unit under a real systemd, which is pid 1 of a namespace of its own: no machine is touched.

Only root can make one; where systemd does not come up so, that is said and skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.soak.cgroups import MemoryGroup
from tests.system.addresses import ask_name, connect, free_address
from tests.system.configs import host, one_service
from tests.system.daemon import MARK, ROOT, Daemon
from tests.system.hosts import Host, Named
from tests.system.peers import need, need_root
from tests.waiting import wait_until

PATIENCE = 90.0
# Nothing of the machine's own units is started: no target of theirs is wanted.
BOOT = """
mount -t tmpfs none /run && mkdir -p /run/systemd/system && cp "$0"/units/* /run/systemd/system/
export container=test
exec /usr/lib/systemd/systemd --system --log-target=console --unit=director-test.target
"""
TARGET = "[Unit]\nDefaultDependencies=no\n"


SOCKET = "/run/director/control.sock"


def _number_there(pid: int) -> int:
    """The pid that a process has in the innermost namespace that it is in."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("NSpid:")).split()[-1])


class Machine:
    """A systemd that manages our unit. `run` runs a command where it lives."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        units = daemon.folder / "units"
        units.mkdir()
        (units / "director-test.target").write_text(TARGET)
        (units / "director.service").write_text(self._unit())
        words = ["--pid", "--fork", "--mount", "--mount-proc", "--cgroup", "--kill-child"]
        self._process = subprocess.Popen(
            [need("unshare", "util-linux"), *words, "sh", "-c", BOOT, str(daemon.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _unit(self) -> str:
        """Ours, but for where things are, and whom it needs."""
        text = (ROOT / "etc/director.service").read_text()
        folder = self._daemon.folder
        options = f"--config {self._daemon.config_file} --run-dir /run/director --state-dir {folder}/state"
        text = text.replace("/opt/director/bin/directord $OPTIONS", f"{sys.executable} -m director {options}")
        text = text.replace("After=network-online.target\nWants=network-online.target", "DefaultDependencies=no")
        return text.replace("[Service]", f"[Service]\nEnvironment=PYTHONPATH={ROOT} {MARK}={folder}")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        (systemd,) = psutil.Process(self._process.pid).children()
        enter = [need("nsenter", "util-linux"), "-t", str(systemd.pid), "-p", "-m", "--"]
        return subprocess.run(
            [*enter, *words], capture_output=True, text=True, timeout=PATIENCE, env=self._daemon.environment
        )

    def is_up(self) -> bool:
        try:
            return self.run("systemctl", "is-active", "director-test.target").stdout == "active\n"
        except (ValueError, psutil.Error, subprocess.TimeoutExpired):
            return False

    def shows(self, name: str) -> str:
        return self.run("systemctl", "show", "-P", name, "director").stdout.strip()

    def directord(self, *words: str) -> subprocess.CompletedProcess[str]:
        options = ["--config", str(self._daemon.config_file), "--run-dir", "/run/director"]
        return self.run(sys.executable, "-m", "director", *options, *words)

    def workers(self) -> set[int]:
        """Their pids, as they are there."""
        stats = self.run(sys.executable, "-c", "from control.cli import main; main()", "-s", SOCKET, "--json", "stats")
        return {one["pid"] for one in json.loads(stats.stdout)["workers"]}

    def close(self) -> None:
        self._process.kill()  # and with it whatever is in the namespace
        self._process.wait()


@pytest.fixture
def machine(daemon: Daemon) -> Iterator[Machine]:
    need_root()
    if not os.path.exists("/usr/lib/systemd/systemd"):
        pytest.skip("there is no systemd")
    machine = Machine(daemon)
    try:
        try:
            wait_until(machine.is_up, 20)
        except AssertionError:
            pytest.skip("systemd does not come up in a namespace here")
        yield machine
    finally:
        machine.close()
        wait_until(lambda: not daemon.pids())


@pytest.mark.fault(23)
def test_the_unit_stays_active_whatever_happens_and_stop_leaves_no_process(
    daemon: Daemon, machine: Machine, serve: Callable[..., Host]
) -> None:
    address = free_address()
    good = one_service(address, host("a", serve(Named("a")).address), upgrade_probation="0.5s")
    daemon.configure(good)
    started = machine.run("systemctl", "start", "director")
    assert started.returncode == 0, started.stderr + daemon.log
    assert ask_name(address) == "a"
    main = machine.shows("MainPID")

    # A worker that the kernel kills for want of memory.
    victim = next(one.pid for one in daemon.processes() if _number_there(one.pid) in machine.workers())
    with MemoryGroup() as scarce:
        scarce.confine(victim, 256 * 1024)
        clients = [connect(address) for _ in range(500)]
        wait_until(lambda: victim not in daemon.pids(), PATIENCE)
        assert scarce.killed == 1
        for client in clients:
            client.close()
    wait_until(lambda: "killed by SIGKILL" in daemon.log and ask_name(address) == "a", PATIENCE)
    assert machine.shows("ActiveState") == "active"
    assert machine.shows("MainPID") == main

    # To all processes of the unit: only the master heeds it.
    assert machine.run("systemctl", "kill", "-s", "USR2", "director").returncode == 0
    wait_until(lambda: machine.shows("MainPID") not in ("0", main), PATIENCE)
    time.sleep(2)  # for a second one, were there any
    assert daemon.log.count("upgrade started") == daemon.log.count("upgrade committed") == 1
    assert machine.shows("ActiveState") == "active"

    daemon.configure(good.replace("roundrobin", "roundrobbin"))
    assert machine.run("systemctl", "reload", "director").returncode != 0
    assert "reload failed: " in machine.shows("StatusText") and "config.xml:" in machine.shows("StatusText")
    assert machine.shows("ActiveState") == "active"
    assert ask_name(address) == "a"
    daemon.configure(good)
    assert machine.run("systemctl", "reload", "director").returncode == 0
    assert machine.shows("StatusText") == "serving by 2 workers"

    main = machine.shows("MainPID")
    upgraded = machine.directord("upgrade")
    assert upgraded.returncode == 0, upgraded.stdout + upgraded.stderr
    assert machine.shows("MainPID") != main
    assert machine.run("systemctl", "stop", "director").returncode == 0
    assert machine.shows("ActiveState") == "inactive"
    wait_until(lambda: not daemon.pids())
