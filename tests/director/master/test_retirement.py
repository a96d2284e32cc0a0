"""A master whose generation is no longer the one."""

from __future__ import annotations

from director.master.family import TICK
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


def test_it_ends_who_hangs_before_it_is_ended_itself() -> None:
    assert OVERTIME + 2 * TICK < FAST_STOP
