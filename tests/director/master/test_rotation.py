"""Log files that were moved away, with the test as the children; tests/system rotates with logrotate."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from director.config.model import Logging
from director.errors import SystemFailure
from director.frames import FrameReader
from director.framing import decode
from director.link import Link
from director.master.family import Child
from director.master.logfiles import LogFiles, setup_of
from director.master.rotation import PATIENCE
from director.master.run import Master
from director.messages import HUB_SLOT, Actor, Answer, LogReopen, Message, Reopen, Reopened, Request, Slot


def child(master: Master, slot: int) -> tuple[Child, socket.socket]:
    """A child of the master, and its end of the link."""
    ours, theirs = socket.socketpair()
    found = Child(Slot(slot), 4700 + slot, slot + 10, Link(ours), 0.0)
    master.family.children[found.slot] = found
    return found, theirs


def heard(end: socket.socket) -> list[Message]:
    return [decode(body) for body in FrameReader().feed(end.recv(1 << 16))]


@pytest.fixture
def logging(master: Master, tmp_path: Path) -> Master:
    master.family.log_files = LogFiles.opened(setup_of(Logging(file=str(tmp_path / "log")), foreground=True))
    return master


def test_who_asked_is_answered_when_the_last_child_has_moved(logging: Master) -> None:
    hub, hub_end = child(logging, HUB_SLOT)
    worker, worker_end = child(logging, 0)
    logging.changing.request(Request(5, Actor("me"), LogReopen()))
    (order,) = heard(worker_end)
    assert isinstance(order, Reopen) and order.number == 1
    logging.rotation.moved(hub, 1)
    logging.rotation.moved(worker, 0)  # that was an earlier one
    assert heard(hub_end) == [order]
    logging.rotation.moved(worker, 1)
    assert heard(hub_end) == [Answer(5, 0, ("1 log file opened again",))]
    logging.rotation.moved(worker, 1)
    logging.rotation.tick(logging.system.now() + 2 * PATIENCE)
    for end in (hub_end, worker_end):
        end.close()


def test_who_is_dead_or_silent_is_not_waited_for_and_the_silent_one_is_named(logging: Master) -> None:
    hub, hub_end = child(logging, HUB_SLOT)
    dead, dead_end = child(logging, 0)
    _, silent_end = child(logging, 1)
    logging.changing.request(Request(6, Actor("me"), LogReopen()))
    logging.rotation.moved(hub, 1)
    logging.rotation.gone(dead)
    heard(hub_end)
    logging.rotation.tick(logging.system.now())
    logging.rotation.tick(logging.system.now() + PATIENCE)
    (answer,) = heard(hub_end)
    assert isinstance(answer, Answer)
    assert answer.data == {"warnings": ["process 4701 may write to the old files for a while"]}
    for end in (hub_end, dead_end, silent_end):
        end.close()


def test_a_file_that_can_not_be_opened_is_told_and_nobody_moves(logging: Master, tmp_path: Path) -> None:
    logging.family.log_files = LogFiles(setup_of(Logging(file=str(tmp_path / "no" / "log")), foreground=True))
    with pytest.raises(SystemFailure):
        logging.rotation.begin()
    logging.usr1()


def test_a_generation_that_retires_opens_its_own_anew(logging: Master) -> None:
    told: list[Message] = []

    class Bond:
        open = True
        tell = staticmethod(told.append)

    logging.retirees.all[1] = (None, Bond())  # type: ignore[assignment]
    logging.rotation.begin()
    assert told == [Reopen()]
    assert Reopened(1).number == 1
