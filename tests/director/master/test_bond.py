"""The link between two masters, both played by the test."""

from __future__ import annotations

import socket
import time

from director.link import Link
from director.master.bond import Bond
from director.master.loop import Loop
from director.messages import Drain, Message, Redirect


def test_what_one_says_the_other_hears_and_the_end_is_told_once() -> None:
    loop = Loop(time.monotonic)
    heard: list[Message] = []
    gone: list[int] = []
    one, other = socket.socketpair()
    talker = Bond(loop, Link(one), heard.append, lambda: None)
    listener = Bond(loop, Link(other), heard.append, lambda: gone.append(1))
    talker.tell(Redirect("/run/g1-1"))
    talker.tell(Drain(3.0))
    while len(heard) < 2:
        loop.step()
    assert heard == [Redirect("/run/g1-1"), Drain(3.0)]
    talker.close()
    while not gone:
        loop.step()
    assert gone == [1]
    assert not listener.open
    talker.tell(Drain(0.0))  # nobody there, nothing happens
    loop.close()
