"""A master whose generation is no longer the one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from director.master.controls import open_control
from director.master.family import TICK
from director.master.lock import probe
from director.master.retirement import OVERTIME, Retirement
from director.master.run import FAST_STOP, Master
from director.master.stage import Stage
from director.messages import Drain, Redirect, Reopen


def test_it_lets_go_of_the_addresses_and_drains(master: Master) -> None:
    master.stage = Stage.RETIRING
    retirement = Retirement(master, None, 60.0)
    assert master.family.supervisor.stopping
    assert not master.addresses
    retirement.hear(Redirect("/run/g2-2"))  # it has no hub: nothing to tell
    retirement.hear(Reopen())
    retirement.hear(Drain(1.0))
    assert not master.reigns


def test_what_only_the_daemon_may_have_does_not_outlive_it_with_us(master: Master, tmp_path: Path) -> None:
    listener = master.family.control = open_control(str(tmp_path / "control.sock")).detach()
    master.stage = Stage.RETIRING
    successor = os.dup(master.lock.fd)
    Retirement(master, None, 60.0)
    assert probe(master.lock.path).master_lives
    os.close(successor)
    assert not probe(master.lock.path).master_lives
    with pytest.raises(OSError):
        os.fstat(listener)
    assert master.family.control == -1  # nor does a hub that comes after ours get it


def test_it_ends_who_hangs_before_it_is_ended_itself() -> None:
    assert OVERTIME + 2 * TICK < FAST_STOP
