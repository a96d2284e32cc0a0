"""Either master killed at each step of an upgrade, and more ways in which a new version may be broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.addresses import free_address
from tests.system.configs import host, one_service
from tests.system.daemon import ROOT, Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests, Streams
from tests.waiting import wait_until

PATIENCE = 60.0

# Whoever finds the flag dies: at the step itself, or once what it begins with is done.
DYING = """

def _die(flag):
    try:
        os.unlink(flag)
    except OSError:
        return
    os.kill(os.getpid(), 9)


def _reach(name, master):
    if name == "{name}":
        master.loop.after(0.0, lambda: _die("{flag}")) if {later} else _die("{flag}")

"""
OLD = (
    DYING
    + """
def _set(self, step):
    self.__dict__["step"] = step
    _reach(step.name, self._master)


Upgrade.step = property(lambda self: self.__dict__["step"], _set)
"""
)
NEW = (
    DYING
    + """
def _turn(self, turn, old=Master.turn):
    old(self, turn)
    _reach(self.stage.name, self)


Master.turn = _turn
"""
)


def is_alone(daemon: Daemon) -> bool:
    return len(daemon.pids()) == 4 and len(list(daemon.run_dir.glob("g*-*"))) == 1


def prepare(daemon: Daemon, serve: Callable[..., Host], copy: Path, path: str, code: str) -> tuple[str, Path]:
    """A daemon of that code, who dies once the flag is there; its address, and the flag."""
    flag = daemon.folder / "die"
    with (copy / path).open("a") as file:
        file.write(code.replace("{flag}", str(flag)))
    address = free_address()
    daemon.environment["PYTHONPATH"] = str(copy)
    hosts = host("a", serve().address), host("b", serve().address)
    daemon.start(one_service(address, *hosts, upgrade_probation="2s", orphan_timeout="20s", upgrade_timeout="60s"))
    daemon.environment["PYTHONPATH"] = str(ROOT)
    return address, flag


def upgrade_under_load(daemon: Daemon, address: str, flag: Path) -> int:
    """Somebody dies of it, no client notices, and then all is as before. Returns the exit status."""
    with Streams(address, 10) as streams, ShortRequests(address, timeout=PATIENCE) as requests:
        wait_until(lambda: requests.done > 20, PATIENCE)
        flag.touch()
        command = daemon.spawn("upgrade")
        wait_until(lambda: not flag.exists(), PATIENCE)
        command.communicate(timeout=PATIENCE)
        wait_until(lambda: daemon.master in daemon.pids() and daemon.is_serving(2), PATIENCE)
        more, exchanged = requests.done + 50, streams.exchanged + 50_000
        wait_until(lambda: requests.done > more and streams.exchanged > exchanged, PATIENCE)
        assert daemon.directord("status").exit == 0
    assert streams.broken == {}
    assert requests.failures == []
    assert requests.slowest < 10
    wait_until(lambda: is_alone(daemon), PATIENCE + 60)
    assert daemon.directord("upgrade").exit == 0
    wait_until(lambda: is_alone(daemon), PATIENCE)
    return command.returncode


@pytest.mark.fault(6)
@pytest.mark.parametrize("later", [False, True], ids=["at", "after"])
@pytest.mark.parametrize("step", ["BOOT", "HOLD", "HANDOVER", "SWITCH", "PROBATION", "COMMIT"])
def test_the_old_master_is_killed_at_any_step(
    daemon: Daemon, serve: Callable[..., Host], copy: Path, step: str, later: bool
) -> None:
    code = OLD.replace("{name}", step).replace("{later}", str(later))
    address, flag = prepare(daemon, serve, copy, "director/master/upgrade.py", code)
    master = daemon.master
    upgrade_under_load(daemon, address, flag)
    assert master not in daemon.pids()


@pytest.mark.fault(6)
@pytest.mark.parametrize(
    ("stage", "later"),
    # Once it has said that it is the daemon, it is like any other master that is killed.
    [("READY", False), ("READY", True), ("PROBATION_NEW", False), ("PROBATION_NEW", True), ("SERVING", False)],
)
def test_the_new_master_is_killed_at_any_step(
    daemon: Daemon, serve: Callable[..., Host], copy: Path, stage: str, later: bool
) -> None:
    code = NEW.replace("{name}", stage).replace("{later}", str(later))
    address, flag = prepare(daemon, serve, copy, "director/master/run.py", code)
    assert upgrade_under_load(daemon, address, flag) == 151
    assert daemon.log.count("upgrade undone") == 1
