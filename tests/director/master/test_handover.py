"""What one master leaves to the next."""

from __future__ import annotations

import os

import pytest

from director.config.model import Config
from director.errors import SystemFailure
from director.master import handover
from director.messages import Elder, Handover, Inherited, Running
from tests.descriptors import descriptors
from tests.shortage import no_room


def left(fds: list[int]) -> Handover:
    lock, control, memory, other, link, retired, listener = fds
    return Handover(
        elder=Elder(2, "g1-1", 1, 1, link),
        retirees=(Elder(1, "g0-0", 7, 7, retired),),
        lock=lock,
        control=control,
        left=memory,
        memory=other,
        listeners=(Inherited("127.0.0.1:80", False, 1, (listener,)),),
        loaded=Config(),
        running=Running(5, Config()),
        last_number=9,
        foreground=False,
        owner=0,
        ordinal=3,
    )


def test_what_is_taken_is_what_was_written_and_its_descriptors_go_no_further() -> None:
    fds = [os.memfd_create("test") for _ in range(7)]
    for fd in fds:
        os.set_inheritable(fd, True)
    given = left(fds)
    assert sorted(handover.descriptors(given)) == sorted(fds)
    environ = {handover.VARIABLE: str(handover.write(given)), "HOME": "/"}
    assert handover.take(environ) == given
    assert environ == {"HOME": "/"}
    assert not any(os.get_inheritable(fd) for fd in fds)
    for fd in fds:
        os.close(fd)


def test_what_can_not_be_written_leaves_no_descriptor_open() -> None:
    given = left(list(range(100, 107)))
    before = descriptors()
    with no_room(), pytest.raises(OSError):
        handover.write(given)
    assert descriptors() <= before


@pytest.mark.parametrize("environ", [{}, {handover.VARIABLE: "x"}, {handover.VARIABLE: "99999"}])
def test_without_a_daemon_that_called_it_there_is_nothing_to_take(environ: dict[str, str]) -> None:
    with pytest.raises(SystemFailure, match="no daemon has called this process"):
        handover.take(environ)
