"""The new side of an upgrade, with the test as the old master."""

from __future__ import annotations

import os
import socket

import pytest

from director.framing import FrameReader, decode
from director.link import Link
from director.master.bond import Bond
from director.master.candidate import Candidate
from director.master.pidfile import read_pid_file
from director.master.run import Master
from director.master.stage import Stage
from director.messages import Commit, Elder, Failed, Go, HandedOver, Handover, Message, Serving, Standby, Withdraw


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
    old.candidate.died("its hub died", while_booting=False)
    assert old.heard() == []
    old.candidate.died("its worker 0 died", while_booting=False)
    assert old.heard() == [Failed("its worker 0 died")]
    old.candidate.died("its worker 1 died", while_booting=True)
    assert old.heard() == [Failed("its worker 1 died")]
