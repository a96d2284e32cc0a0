"""Programs that outlive the hub which ran them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from control.memory import Memory
from control.offspring import Offspring
from tests.waiting import wait_until


@pytest.fixture
def fd() -> Iterator[int]:
    fd = os.memfd_create("test")
    yield fd
    os.close(fd)


@pytest.fixture
def program() -> Iterator[subprocess.Popen[bytes]]:
    """Leads a process group, and has a child."""
    with subprocess.Popen(["sh", "-c", "sleep 60 & wait"], process_group=0) as program:
        yield program
        program.kill()


def test_what_a_dead_hub_left_is_ended_with_its_children(fd: int, program: subprocess.Popen[bytes]) -> None:
    Offspring(Memory(fd)).add(program.pid)
    Offspring(Memory(fd)).end_orphans()
    assert program.wait(10) == -9
    wait_until(lambda: not _has_members(program.pid))


def test_children_whose_parent_is_gone_are_ended_as_well(fd: int, program: subprocess.Popen[bytes]) -> None:
    Offspring(Memory(fd)).add(program.pid)
    program.kill()
    program.wait()
    Offspring(Memory(fd)).end_orphans()
    wait_until(lambda: not _has_members(program.pid))


def test_what_has_ended_or_is_somebody_elses_by_now_is_left_alone(fd: int, program: subprocess.Popen[bytes]) -> None:
    before = Offspring(Memory(fd))
    before.add(program.pid)
    before.remove(program.pid)
    Offspring(Memory(fd)).end_orphans()
    Memory(fd).save({program.pid: 1})  # long ago another one had this number
    Offspring(Memory(fd)).end_orphans()
    assert program.poll() is None


def _has_members(group: int) -> bool:
    """Zombies that nobody reaps aside."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                state, _, found = file.read().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(found) == group and state != "Z":
            return True
    return False
