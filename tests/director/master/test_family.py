"""The master's children, with children that do what the test says."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from director.config.model import Logging
from director.master.child import Birth
from director.master.family import Child, Family, Roles, all_accept, make_supervisor
from director.master.logfiles import LogFiles, setup_of
from director.master.loop import Loop
from director.master.supervisor import State
from director.master.system import System
from director.messages import HUB_SLOT, Accepting, Drain, Failed, Held, Message, Ready


def obedient(birth: Birth) -> int:
    """A child that is ready at once and ends when told to drain."""
    birth.link.send(Ready())
    birth.link.send(Accepting())
    while True:
        received = birth.link.receive()
        if received is None or any(isinstance(message, Drain) for message, _ in received):
            return 0
        time.sleep(0.001)  # a child without a loop has nothing else to wait with


def hopeless(birth: Birth) -> int:
    birth.link.send(Failed("no way"))
    return 71


class Household:
    """A family with a loop that can be run until something is so."""

    def __init__(self, folder: Path, worker: object = obedient) -> None:
        self.loop = Loop(time.monotonic)
        self.reports: list[Message] = []
        self.exits: list[int] = []
        lock = folder / "lock"
        lock.touch()
        self.family = Family(
            system=System(),
            loop=self.loop,
            roles=Roles(hub=obedient, worker=worker, web=obedient, judge=lambda admin, files: ()),  # type: ignore[arg-type]
            supervisor=make_supervisor(2, 15.0),
            directory=str(folder),
            lock_path=str(lock),
            owner=os.getuid(),
            identity=None,
            control=-1,
            memory=-1,
            log_files=LogFiles(setup_of(Logging(), foreground=True)),
            addresses={},
            refs=lambda slot: [],
            on_born=lambda child: None,
            on_report=lambda child, message: self.reports.append(message),
            on_exit=self._exited,
        )
        self.family.tick()

    def _exited(self, child: Child, status: int) -> None:
        self.exits.append(os.waitstatus_to_exitcode(status))

    def until(self, condition: object, seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():  # type: ignore[operator]
            assert time.monotonic() < deadline
            self.loop.after(0.01, lambda: None)
            self.loop.step()
            self.family.reap()
            self.family.tick()


@pytest.fixture
def household(tmp_path: Path) -> Iterator[Household]:
    household = Household(tmp_path)
    yield household
    household.family.supervisor.stopping = True
    household.family.kill_all()
    household.until(lambda: not household.family.by_pid)
    household.loop.close()


def test_children_are_born_and_report(household: Household) -> None:
    household.until(lambda: all_accept(household.family.supervisor) or len(household.reports) >= 6)
    assert len(household.family.workers()) == 2
    assert {one.kind.value for one in household.family.processes()} == {"hub", "worker"}


def test_who_dies_is_replaced_under_a_new_incarnation(household: Household) -> None:
    household.until(lambda: len(household.reports) >= 6)
    victim = household.family.workers()[0]
    os.kill(victim.pid, 9)
    household.until(lambda: household.exits == [-9] and len(household.family.workers()) == 2)
    successor = household.family.workers()[0]
    assert (successor.slot, successor.pid != victim.pid) == (victim.slot, True)
    assert successor.incarnation > victim.incarnation


def test_who_says_late_that_it_holds_was_told_to_go_on_meanwhile(household: Household) -> None:
    family = household.family
    household.until(lambda: len(household.reports) >= 6)
    worker = family.workers()[0]
    family.hold()
    family._hear(worker, Held())
    assert family.supervisor.places[worker.slot].state is State.PAUSED
    family.resume()
    family._hear(worker, Held())
    assert family.supervisor.places[worker.slot].state is State.SERVING


def test_all_end_when_told(household: Household) -> None:
    household.until(lambda: len(household.reports) >= 6)
    household.family.drain(0.0)
    household.until(lambda: not household.family.workers())
    assert HUB_SLOT in household.family.children
    household.until(lambda: [one.slot for one in household.family.processes()] == [HUB_SLOT])  # who ended is no process
    household.family.end_hub()
    household.until(lambda: not household.family.by_pid)
    assert household.exits == [0, 0, 0]


def test_a_child_that_hangs_up_is_ended(household: Household) -> None:
    household.until(lambda: len(household.reports) >= 6)
    child = household.family.workers()[1]
    child.link._sock.shutdown(2)
    household.until(lambda: len(household.exits) == 1)


def test_last_words_are_heard_before_the_exit(tmp_path: Path) -> None:
    household = Household(tmp_path, hopeless)
    household.until(lambda: len(household.exits) >= 2)
    assert Failed("no way") in household.reports
    household.family.supervisor.stopping = True
    household.family.kill_all()
    household.until(lambda: not household.family.by_pid)
    household.loop.close()
