"""The new side of an upgrade, with the test as the old master."""

from __future__ import annotations

import os
import socket

import pytest

from director.frames import FrameReader
from director.framing import decode
from director.link import Link
from director.master.bond import Bond
from director.master.candidate import Candidate
from director.master.family import Child
from director.master.pidfile import read_pid_file
from director.master.run import Master
from director.master.stage import Stage
from director.master.supervisor import State
from director.messages import (
    HUB_SLOT,
    Commit,
    Elder,
    Failed,
    Go,
    HandedOver,
    Handover,
    Happened,
    Message,
    Reopen,
    Serving,
    Slot,
    Standby,
    Withdraw,
)


def stage_of(master: Master) -> Stage:
    """As it is now, whatever it was known to be."""
    return master.stage


class Old:
    """The master that is to be replaced."""

    def __init__(self, master: Master) -> None:
        ours, self.sock = socket.socketpair()
        self.sock.setblocking(False)
        bond = Bond(master.loop, Link(ours), lambda message: None, lambda: None)
        self.awaited, pledge = os.pipe()
        left = Handover(
            elder=Elder(1, "g1-1", 1, 1, bond.fileno()),
            retirees=(),
            lock=-1,
            control=-1,
            left=os.memfd_create("test"),
            memory=-1,
            listeners=(),
            loaded=master.loaded,
            running=master.running,
            last_number=0,
            foreground=False,
            owner=0,
            ordinal=2,
            pledge=pledge,
        )
        master.stage = Stage.CANDIDATE
        self.candidate = master.candidate = Candidate(master, bond, left)
        self.bond = bond

    def heard(self) -> list[Message]:
        try:
            return [decode(body) for body in FrameReader().feed(self.sock.recv(65536))]
        except BlockingIOError:
            return []

    def dies(self) -> None:
        self.sock.close()
        self.bond._read()


@pytest.fixture
def old(master: Master) -> Old:
    return Old(master)


def test_it_gets_ready_goes_and_becomes_the_daemon_as_it_is_told(old: Old, master: Master) -> None:
    old.candidate.all_ready()
    assert old.heard() == [Standby()]
    assert not master.reigns
    old.bond.hear(Go())
    assert stage_of(master) is Stage.PROBATION_NEW
    assert old.heard() == []
    old.candidate.all_accept()
    assert old.heard() == [Serving()]
    assert list(master.retirees.all) == [1]
    assert read_pid_file(master.places.pid_file) is None
    old.bond.hear(Commit())
    assert stage_of(master) is Stage.PROBATION_NEW, "its hub does not decide yet"
    old.candidate.hub_decides()
    assert stage_of(master) is Stage.SERVING
    assert old.heard() == [Serving()]
    assert read_pid_file(master.places.pid_file) == os.getpid()


def test_withdrawn_it_only_finishes(old: Old, master: Master) -> None:
    old.candidate.all_ready()
    old.bond.hear(Go())
    old.bond.hear(Withdraw("no good", "/run/g1-1", 3.0))
    assert stage_of(master) is Stage.RETIRING
    assert old.heard()[-1] == HandedOver()
    assert master.candidate is None


def test_withdrawn_it_lets_go_once_its_hub_has_written_down_what_it_knows(old: Old, master: Master) -> None:
    ours, theirs = socket.socketpair()
    master.family.children[HUB_SLOT] = Child(HUB_SLOT, 4700, 10, Link(ours), 0.0)
    old.candidate.all_ready()
    old.bond.hear(Go())
    old.bond.hear(Withdraw("no good", "/run/g1-1", 3.0))
    assert HandedOver() not in old.heard()
    master.heard(master.family.children[HUB_SLOT], HandedOver())
    assert old.heard()[-1] == HandedOver()
    old.candidate.handed_over()  # it was late
    assert old.heard() == []
    theirs.close()


def test_a_hub_that_died_does_not_decide(old: Old, master: Master) -> None:
    old.candidate.all_ready()
    old.bond.hear(Go())
    old.candidate.hub_decides()
    old.candidate.died(HUB_SLOT, "its hub died", while_booting=False)
    old.bond.hear(Commit())
    assert stage_of(master) is Stage.PROBATION_NEW


def test_in_probation_a_child_that_hangs_is_no_good(old: Old, master: Master) -> None:
    old.candidate.all_ready()
    old.bond.hear(Go())
    place = master.family.supervisor.places[Slot(1)]
    now = master.system.now()
    place.state, place.pid, place.beat = State.SERVING, os.getpid(), now
    for tenths in range(45):
        old.candidate.tick(now + tenths / 10)
    failures = [message for message in old.heard() if isinstance(message, Failed)]
    assert failures[0] == Failed("its worker 1 has been silent for 4 s")


def test_after_a_stop_of_us_all_nobody_is_said_to_hang(old: Old, master: Master) -> None:
    old.candidate.all_ready()
    old.bond.hear(Go())
    place = master.family.supervisor.places[Slot(1)]
    now = master.system.now()
    place.state, place.pid, place.beat = State.SERVING, os.getpid(), now
    for moment in (now, now + 60, now + 60.1, now + 63):
        old.candidate.tick(moment)
    assert not any(isinstance(message, Failed) for message in old.heard())


def test_what_happens_before_it_serves_is_told_to_the_old_master(old: Old, master: Master) -> None:
    ours, theirs = socket.socketpair()
    master.family.children[HUB_SLOT] = Child(HUB_SLOT, 4700, 10, Link(ours), 0.0)
    before = Happened(1.0, "info", "process started", "master", 4711, {"slot": "0"})
    master.outbox.add(before)
    master._report()
    assert before in old.heard()
    old.candidate.all_ready()
    old.bond.hear(Go())
    old.heard()
    master.outbox.add(Happened(2.0, "info", "process ready", "master", 4711, {"slot": "0"}))
    master._report()
    assert old.heard() == []
    theirs.close()


def test_what_the_old_master_opens_anew_it_does_too_and_does_not_tell_it_back(old: Old, master: Master) -> None:
    old.candidate.all_ready()
    old.bond.hear(Go())
    old.heard()
    old.bond.hear(Reopen())
    assert old.heard() == []


@pytest.mark.parametrize("when", ["booting", "ready", "in probation"])
def test_if_the_old_master_dies_it_is_the_daemon_as_soon_as_it_can_be(old: Old, master: Master, when: str) -> None:
    if when == "booting":
        old.dies()
        assert stage_of(master) is Stage.CANDIDATE
        old.candidate.all_ready()
    else:
        old.candidate.all_ready()
        if when == "in probation":
            old.bond.hear(Go())
        old.dies()
    assert stage_of(master) is Stage.SERVING
    assert read_pid_file(master.places.pid_file) == os.getpid()
    # What the dead generation's workers still have counts for a while.
    assert list(master.retirees.all) == [1]
    assert os.read(old.awaited, 1) == b"", "workers without a master must be told that others accept"


def test_a_death_while_booting_is_one_too_many_in_probation_two(old: Old, master: Master) -> None:
    old.candidate.died(HUB_SLOT, "its hub died", while_booting=False)
    assert old.heard() == []
    old.candidate.died(Slot(0), "its worker 0 died", while_booting=False)
    assert old.heard() == [Failed("its worker 0 died")]
    old.candidate.died(Slot(1), "its worker 1 died", while_booting=True)
    assert old.heard() == [Failed("its worker 1 died")]
