"""A child's end of its link."""

from __future__ import annotations

import socket

import gevent

from director.lifeline import Lifeline
from director.link import Link
from director.messages import Applied, Drain, Heartbeat, Message
from tests.waiting import until


def test_orders_come_in_reports_go_out_and_the_end_is_told_once() -> None:
    ours, theirs = socket.socketpair()
    master = Link(ours)
    orders: list[Message] = []
    ends: list[str] = []
    lifeline = Lifeline(
        Link(theirs), gevent.get_hub().loop, lambda order, _: orders.append(order), lambda: ends.append("gone")
    )
    master.send(Drain(1.0))
    lifeline.start()
    assert orders == [Drain(1.0)]
    master.send(Drain(2.0))
    until(lambda: len(orders) == 2)
    for number in range(20_000):  # more than the socket takes at once
        lifeline.tell(Applied(number))
    got: list[Message] = []

    def all_came() -> bool:
        received = master.receive()
        assert received is not None
        got.extend(message for message, _ in received)
        return len(got) == 20_000

    until(all_came)
    assert got[-1] == Applied(19_999)
    ready: list[bool] = []
    lifeline.tell_when(lambda: bool(ready), Drain(3.0))
    gevent.sleep(0.05)
    assert master.receive() == []
    ready.append(True)
    told: list[Message] = []

    def came() -> bool:
        told.extend(message for message, _ in master.receive() or ())
        return bool(told)

    until(came)
    gevent.sleep(0.05)
    assert told == [Drain(3.0)] and master.receive() == []
    master.close()
    until(lambda: ends)
    lifeline.tell(Heartbeat(0.0))  # nobody is there: no error
    assert ends == ["gone"]
