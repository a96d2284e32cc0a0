"""What must not be lost when a hub dies."""

from __future__ import annotations

import os

from hypothesis import given, strategies

from control.memory import Memory
from tests.shortage import no_room


def test_an_empty_memory_holds_nothing() -> None:
    assert Memory(os.memfd_create("t")).load() is None


@given(strategies.lists(strategies.dictionaries(strategies.integers(0, 99), strategies.binary(max_size=9)), min_size=1))
def test_a_successor_gets_the_last_value(values: list[dict[int, bytes]]) -> None:
    fd = os.memfd_create("t")
    memory = Memory(fd)
    for value in values:
        memory.save(value)
    successor = Memory(fd)
    assert successor.load() == values[-1]
    successor.save("next")
    assert Memory(fd).load() == "next"
    os.close(fd)


def test_a_torn_write_leaves_the_value_before() -> None:
    fd = os.memfd_create("t")
    memory = Memory(fd)
    memory.save("first")
    memory.save("second")
    os.pwrite(fd, b"\xff\xff", 16)  # into the data of the second
    assert Memory(fd).load() == "first"
    os.close(fd)


def test_writes_that_fail_or_are_cut_short_leave_the_value_before_and_later_ones_succeed() -> None:
    fd = os.memfd_create("t")
    memory = Memory(fd)
    assert memory.save("first" * 1000)
    for beyond in (0, 3000, 0, 3000):  # nothing of it is written, or a part
        with no_room(beyond=beyond):
            assert not memory.save("second" * 1000)
        assert Memory(fd).load() == "first" * 1000
    assert memory.save("third")
    assert Memory(fd).load() == "third"
    os.close(fd)
