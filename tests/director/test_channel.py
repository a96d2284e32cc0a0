"""ZeroMQ by callbacks: every message is heard soon, in whatever order calls come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
import zmq

from director import logs
from director.channel import Channel
from director.messages import Happened


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[zmq.Socket[bytes], zmq.Socket[bytes]]]:
    """A ROUTER and a DEALER that are connected."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    router.bind(f"ipc://{tmp_path}/r")
    dealer.connect(f"ipc://{tmp_path}/r")
    yield router, dealer
    context.destroy(linger=0)


def test_no_message_waits_for_the_next_signal(ends: tuple[zmq.Socket[bytes], zmq.Socket[bytes]]) -> None:
    router, dealer = ends
    loop = gevent.get_hub().loop
    heard: list[bytes] = []

    def answer(parts: list[bytes]) -> None:
        back.send(parts[0], b"re:" + parts[1])
        back.send(parts[0], b"and")

    back = Channel(router, loop, answer)
    forth = Channel(dealer, loop, lambda parts: heard.append(parts[0]))
    with gevent.Timeout(5):
        for number in range(300):
            forth.send(b"%d" % number)
            if number % 7 == 0:
                gevent.sleep(0)
        while len(heard) < 600:
            gevent.sleep(0.001)
    assert heard[::2] == [b"re:%d" % number for number in range(300)]
    back.close()
    forth.close()


def test_a_message_that_can_not_be_dealt_with_costs_no_other(tmp_path: Path) -> None:
    context = zmq.Context()
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    told: list[Happened] = []
    logs.listen(told.append)
    try:
        router.bind(f"ipc://{tmp_path}/r")
        dealer.connect(f"ipc://{tmp_path}/r")
        heard: list[int] = []
        back = Channel(router, gevent.get_hub().loop, lambda parts: heard.append(int(parts[-1])))
        with gevent.Timeout(5):
            for word in (b"1", b"no number", b"2"):
                dealer.send(word)
                gevent.sleep(0.01)
            while heard != [1, 2]:
                gevent.sleep(0.001)
        assert [one.event for one in told] == ["process crashed"]
        back.close()
    finally:
        logs.listen(None)
        context.destroy(linger=0)


def test_what_can_not_be_sent_is_counted() -> None:
    context = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    try:
        channel = Channel(dealer, gevent.get_hub().loop, lambda parts: None)
        assert not channel.send(b"nobody is connected")
        assert channel.dropped == 1
        channel.close()
    finally:
        context.destroy(linger=0)


def test_what_comes_during_a_rest_is_heard_together_after_it(
    ends: tuple[zmq.Socket[bytes], zmq.Socket[bytes]],
) -> None:
    router, dealer = ends
    heard: list[bytes] = []
    turns: list[int] = []

    def rest() -> float:
        turns.append(len(heard))
        return 0.05

    def answer(parts: list[bytes]) -> None:
        heard.append(parts[1])
        back.send(parts[0], b"again")  # which calls for another look

    back = Channel(router, gevent.get_hub().loop, answer, rest)
    with gevent.Timeout(5):
        for number in range(60):
            dealer.send(b"%d" % number)
            gevent.sleep(0.002)
        while len(heard) < 60:
            gevent.sleep(0.001)
    assert heard == [b"%d" % number for number in range(60)]
    assert len(turns) < 20  # one message each would be 60
    back.close()
    dealer.send(b"late")
    gevent.sleep(0.1)
    assert len(heard) == 60


def test_who_was_closed_hears_nothing_though_it_was_about_to_look(
    ends: tuple[zmq.Socket[bytes], zmq.Socket[bytes]],
) -> None:
    router, dealer = ends
    heard: list[list[bytes]] = []
    dealer.send(b"late")
    assert router.poll(5000)
    Channel(router, gevent.get_hub().loop, heard.append).close()
    gevent.sleep(0.01)
    assert heard == []
