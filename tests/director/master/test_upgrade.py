"""The old side of an upgrade, with the test as the candidate."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from director.frames import FrameReader
from director.framing import decode
from director.link import Link
from director.master.bond import Bond
from director.master.family import Child
from director.master.journal import Journal
from director.master.pidfile import read_pid_file
from director.master.run import Master
from director.master.stage import Stage, Turn
from director.master.system import start_ticks
from director.master.upgrade import _HANDLERS, Step, Upgrade, UpgradeRefused
from director.messages import (
    HUB_SLOT,
    Born,
    Commit,
    Elder,
    Failed,
    Go,
    HandedOver,
    Happened,
    Heartbeat,
    Message,
    Reopen,
    Serving,
    Standby,
    Withdraw,
)
from director.places import Places


def stage_of(master: Master) -> Stage:
    """As it is now, whatever it was known to be."""
    return master.stage


class Candidate:
    """The other end of the bond of an upgrade that has just started its candidate."""

    def __init__(self, master: Master) -> None:
        self.master = master
        ours, self.sock = socket.socketpair()
        self.sock.setblocking(False)
        master.stage = Stage.SERVING
        master.turn(Turn.UPGRADE)
        self.upgrade = master.upgrade = Upgrade(master, None)
        self.upgrade.step = Step.BOOT
        self.upgrade._memory = os.memfd_create("test")
        self.upgrade._bond = Bond(master.loop, Link(ours), self.upgrade._hear, self.upgrade._lost)

    def says(self, *messages: Message) -> None:
        for message in messages:
            self.upgrade._hear(message)

    def heard(self) -> list[Message]:
        try:
            return [decode(body) for body in FrameReader().feed(self.sock.recv(65536))]
        except BlockingIOError:
            return []


@pytest.fixture
def candidate(master: Master) -> Candidate:
    return Candidate(master)


def test_every_step_knows_what_the_candidate_may_say() -> None:
    assert set(_HANDLERS) == set(Step)


def test_it_goes_from_ready_to_serving_to_the_daemon(candidate: Candidate, master: Master) -> None:
    candidate.says(Born(os.getpid(), 1), Heartbeat(0.0), Standby())
    assert candidate.heard() == [Go()]
    assert stage_of(master) is Stage.PROBATION
    candidate.says(Serving())
    assert candidate.upgrade.step.value == Step.PROBATION.value
    candidate.upgrade._commit()
    assert candidate.heard() == [Commit()]
    candidate.says(Serving())
    assert stage_of(master) is Stage.RETIRING
    assert not master.reigns


def test_one_that_fails_before_the_switch_is_withdrawn_and_nothing_has_changed(
    candidate: Candidate, master: Master
) -> None:
    candidate.says(Born(2**22 + 1, 1), Failed("no good"))
    (order,) = candidate.heard()
    assert isinstance(order, Withdraw)
    assert (order.reason, order.seconds) == ("no good", 0.0)
    candidate.says(HandedOver())
    assert stage_of(master) is Stage.SERVING
    assert master.upgrade is None


def test_one_that_fails_after_the_switch_keeps_its_connections(candidate: Candidate, master: Master) -> None:
    candidate.says(Born(2**22 + 1, 1), Standby(), Serving(), Failed("its worker 1 died"))
    assert isinstance(order := candidate.heard()[-1], Withdraw)
    assert order.seconds == master.running.config.drain_timeout
    candidate.says(HandedOver())
    assert stage_of(master) is Stage.SERVING
    assert list(master.retirees.all) == [2]


def test_one_that_says_nothing_is_taken_back(candidate: Candidate, master: Master) -> None:
    candidate.says(Born(2**22 + 1, 1), Standby(), Serving())
    began = master.system.now()
    for tenths in range(29):
        candidate.upgrade.tick(began + tenths / 10)
    assert candidate.upgrade.step.value == Step.PROBATION.value
    for tenths in range(29, 40):
        candidate.upgrade.tick(began + tenths / 10)
    assert candidate.upgrade.step.value == Step.WITHDRAWING.value


def test_a_master_that_was_stopped_hears_its_candidate_before_it_judges(candidate: Candidate, master: Master) -> None:
    candidate.says(Born(2**22 + 1, 1), Standby(), Serving())
    began = master.system.now()
    candidate.upgrade.tick(began)
    candidate.upgrade.tick(began + 60)
    candidate.upgrade.tick(began + 60.1)
    assert candidate.upgrade.step.value == Step.PROBATION.value


def test_a_stop_takes_it_back_first(candidate: Candidate, master: Master) -> None:
    candidate.says(Born(2**22 + 1, 1), Standby(), Serving())
    master.stop(fast=False)
    assert stage_of(master) is Stage.PROBATION
    candidate.says(HandedOver())
    assert stage_of(master) is Stage.STOPPING


def test_a_stop_that_comes_too_late_is_told_to_who_is_the_daemon_by_then(candidate: Candidate, master: Master) -> None:
    heir = subprocess.Popen(["sleep", "60"])
    candidate.says(Born(heir.pid, start_ticks(heir.pid) or 0), Standby(), Serving())
    candidate.upgrade._commit()
    master.stop(fast=False)
    assert candidate.upgrade.step.value == Step.COMMIT.value
    candidate.says(Serving())
    assert stage_of(master) is Stage.RETIRING
    assert heir.wait(10) == -signal.SIGTERM


def test_one_that_was_the_daemon_for_a_moment_is_so_no_more(candidate: Candidate, master: Master) -> None:
    master.journal = Journal(f"{master.places.state_dir}/journal")
    candidate.says(Born(2**22 + 1, 1), Standby(), Serving())
    candidate.upgrade._commit()
    Path(master.places.pid_file).write_text(f"{2**22 + 1}\n")
    candidate.upgrade._bond.close()  # type: ignore[union-attr]
    candidate.upgrade._lost()
    candidate.upgrade._take_back()
    assert stage_of(master) is Stage.SERVING
    assert read_pid_file(master.places.pid_file) == os.getpid()
    assert not master.journal.closed


def test_a_hub_that_can_not_write_down_what_it_knows_ends_it(candidate: Candidate, master: Master) -> None:
    ours, theirs = socket.socketpair()
    hub = master.family.children[HUB_SLOT] = Child(HUB_SLOT, 4700, 10, Link(ours), 0.0)
    candidate.says(Born(2**22 + 1, 1), Standby())
    assert candidate.upgrade.step.value == Step.HANDOVER.value
    master.heard(hub, HandedOver("no memory"))
    (order,) = candidate.heard()
    assert isinstance(order, Withdraw) and order.reason == "no memory"
    theirs.close()


def test_log_files_that_were_moved_are_moved_for_both(candidate: Candidate, master: Master) -> None:
    candidate.says(Born(2**22 + 1, 1), Standby(), Serving())
    candidate.heard()
    master.usr1()
    assert candidate.heard() == [Reopen()]
    candidate.says(Reopen())
    assert candidate.heard() == []


def test_what_happens_to_it_is_remembered_here_too(candidate: Candidate, master: Master) -> None:
    happened = Happened(1.0, "info", "process started", "master", 4711, {"slot": "0"})
    candidate.says(happened)
    told: list[Message] = []
    master.outbox.flush(told.append)
    assert happened in told


def test_another_one_at_the_same_time_is_refused(candidate: Candidate, master: Master) -> None:
    with pytest.raises(UpgradeRefused, match="the daemon is upgrading"):
        Upgrade(master, None).begin()


def test_without_a_config_file_it_is_refused(master: Master) -> None:
    master.stage = Stage.SERVING
    with pytest.raises(UpgradeRefused, match="without a config file"):
        Upgrade(master, None).begin()


def test_where_a_successor_could_not_write_it_is_refused_before_anything_begins(master: Master, tmp_path: Path) -> None:
    master.stage = Stage.SERVING
    master.places = Places(str(tmp_path), str(tmp_path), "/c.xml", str(tmp_path / "pid"))
    master.family.directory = str(tmp_path / "gone" / "g1-1")
    with pytest.raises(
        UpgradeRefused, match=r"can't write .*/g1-1\.new: No such file or directory; nothing was changed"
    ):
        master.begin_upgrade(None)
    master.family.directory = str(tmp_path / "g1-1")
    master.journal = Journal(str(tmp_path / "journal"))
    (tmp_path / "journal").unlink()
    (tmp_path / "journal").mkdir()
    with pytest.raises(UpgradeRefused, match=r"can't write .*/journal: Is a directory; nothing was changed"):
        master.begin_upgrade(None)
    assert (master.stage, master.upgrade) == (Stage.SERVING, None)


def test_too_many_retiring_generations_refuse_it_and_the_oldest_is_named(master: Master) -> None:
    master.stage = Stage.SERVING
    master.places = Places(master.places.run_dir, master.places.state_dir, "/c.xml", master.places.pid_file)
    for ordinal in range(3, 11):
        ours, _theirs = socket.socketpair()
        bond = Bond(master.loop, Link(ours), lambda message: None, lambda: None)
        master.retirees.add(Elder(ordinal, f"g{ordinal}-1", ordinal, 1, -1), bond)
    with pytest.raises(UpgradeRefused, match="8 generations still have connections, the oldest is g3-1"):
        Upgrade(master, None).begin()
    assert stage_of(master) is Stage.SERVING
