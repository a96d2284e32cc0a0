"""Asking the hub, for somebody."""

from __future__ import annotations

import gevent
import pytest
from gevent import socket

from control.commands.command import CommandError, ErrorKind
from control.rights import Person
from control.server import Server
from control.web.inquiry import Inquiry
from director.access import Access
from tests.control.hubs import FakeHub

ANN, BOB = (Person("ann", Access.FULL, "web, 10.0.0.1"), Person("bob", Access.READONLY, "web, 10.0.0.2"))

HOST = {"service": "web", "group": "main", "host": "a"}


def introduced(hub: FakeHub, inquiry: Inquiry) -> Server:
    listener, _ = socket.socketpair()
    server = Server(listener.detach(), hub, 0)
    pairs = [socket.socketpair() for _ in range(2)]
    for ours, _ in pairs:
        server.adopt(ours.detach())
    inquiry.introduce([theirs.detach() for _, theirs in pairs])
    return server


def test_commands_are_run_in_the_name_of_who_wants_them() -> None:
    hub, inquiry = FakeHub(), Inquiry(lambda: None)
    introduced(hub, inquiry)
    with gevent.Timeout(10):
        assert inquiry.stats()["version"] == "9.9"
        inquiry.command("host-down", {**HOST, "reason": "x"}, ANN)
        ((_, actor, _),) = hub.asked
        assert (actor.name, actor.origin) == ("ann", "web, 10.0.0.1")
        with pytest.raises(CommandError) as caught:
            inquiry.command("host-down", HOST, BOB)
        assert caught.value.kind is ErrorKind.RIGHTS
        with pytest.raises(CommandError):
            inquiry.ask("host-down", HOST)  # for nobody
        assert len(hub.asked) == 1


def test_without_a_hub_the_master_is_asked_for_another() -> None:
    lonely: list[int] = []
    inquiry = Inquiry(lambda: lonely.append(1))
    server = introduced(FakeHub(), inquiry)
    with gevent.Timeout(20):
        server.stop(0)
        for _ in range(2):
            with pytest.raises(CommandError, match="try again"):
                inquiry.ask("version", {})
        assert lonely == [1]
        introduced(FakeHub(), inquiry)
        assert inquiry.ask("version", {}) == {"daemon": "9.9"}


def test_statistics_asked_for_before_a_change_are_not_shown_after_it() -> None:
    hub, inquiry = FakeHub(), Inquiry(lambda: None)
    introduced(hub, inquiry)
    with gevent.Timeout(10):
        first = inquiry.stats()
        assert inquiry.stats() is first  # all pages share them
        inquiry.command("host-up", HOST, ANN)
        assert inquiry.stats() is not first
        asking = gevent.spawn(lambda: inquiry.command("host-up", HOST, ANN))
        early = gevent.spawn(inquiry.stats)
        gevent.joinall([asking, early], raise_error=True)
        assert inquiry.stats() is not early.value
