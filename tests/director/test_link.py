"""Links: messages and descriptors over a real socketpair."""

from __future__ import annotations

import os
import socket

import pytest

from director.errors import RemoteProtocolError
from director.link import Link
from director.messages import Accept, Applied, Heartbeat, ListenerRef, Message, Slot


def pair() -> tuple[Link, Link]:
    ours, theirs = socket.socketpair()
    return Link(ours), Link(theirs)


def receive_all(link: Link, sender: Link, count: int) -> list[tuple[Message, tuple[int, ...]]]:
    got: list[tuple[Message, tuple[int, ...]]] = []
    while len(got) < count:
        sender.flush()
        received = link.receive()
        assert received is not None
        got += received
    return got


def refs(count: int) -> tuple[ListenerRef, ...]:
    return tuple(ListenerRef(1, f"*:{number}", Slot(0)) for number in range(count))


def test_messages_come_in_order() -> None:
    here, there = pair()
    for number in range(100):
        here.send(Applied(number))
    assert [message for message, _ in receive_all(there, here, 100)] == [Applied(number) for number in range(100)]


@pytest.mark.parametrize("count", [1, 3, 600])
def test_descriptors_come_with_their_message_and_are_copies(count: int) -> None:
    here, there = pair()
    read, write = os.pipe()
    here.send(Heartbeat(0.0))
    here.send(Accept(refs(count)), [write] * count)
    here.send(Accept(refs(1)), [read])
    os.close(write)
    os.close(read)
    (_, none), (_, writers), (_, readers) = receive_all(there, here, 3)
    assert (len(none), len(writers), len(readers)) == (0, count, 1)
    os.write(writers[-1], b"x")
    assert os.read(readers[0], 1) == b"x"
    for fd in (*writers, *readers):
        os.close(fd)


def test_a_peer_that_does_not_read_blocks_nobody() -> None:
    here, there = pair()
    big = Accept(tuple(ListenerRef(1, "x" * 1000, Slot(0)) for _ in range(0)))
    for _ in range(20_000):
        here.send(big)
    assert here.wants_write
    receive_all(there, here, 20_000)
    assert not here.wants_write


def test_the_end_of_the_stream_is_told_once_all_has_been_read() -> None:
    here, there = pair()
    here.send(Applied(1))
    here.close()
    assert there.receive() == [(Applied(1), ())]
    assert there.receive() is None
    there.send(Applied(2))  # nobody is there: no error


def test_nothing_to_read_is_an_empty_list() -> None:
    _, there = pair()
    assert there.receive() == []


def test_garbage_is_refused() -> None:
    ours, theirs = socket.socketpair()
    link = Link(ours)
    theirs.send(b"\x00\x00\x00\x01\xc1")
    with pytest.raises(RemoteProtocolError):
        link.receive()


def test_undelivered_descriptors_are_closed_with_the_link() -> None:
    before = len(os.listdir("/proc/self/fd"))
    here, there = pair()
    read, write = os.pipe()
    here.send(Accept(refs(1)), [write])
    os.close(read)
    os.close(write)
    here.close()
    there.receive()
    there.close()
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the one that was delivered
