"""Changes as the master takes them; whole daemons are changed in tests/system."""

from __future__ import annotations

from director.master.listeners import Address
from director.master.run import Master
from director.master.stage import Stage
from director.messages import Actor, HostDown, Request


def hold(master: Master) -> None:
    """Have its addresses be open, without opening them."""
    for _, listen in master.running.config.listens():
        master.addresses[str(listen.ip)] = Address(listen, shared=False)


def test_a_change_makes_a_new_version_and_a_refused_one_does_not(master: Master) -> None:
    hold(master)
    actor = Actor("me")
    master.changing.request(Request(1, actor, HostDown("web", "main", "a", "why")))
    assert master.running.version == 2
    assert set(master.running.admin) == {3}
    master.changing.request(Request(2, actor, HostDown("web", "main", "b")))  # the last usable host
    master.changing.request(Request(3, actor, HostDown("web", "main", "a")))  # is down already
    master.changing.request(Request(4, actor, HostDown("web", "nain", "a")))
    assert master.running.version == 2
    master.changing.request(Request(5, actor, HostDown("web", "main", "b"), force=True))
    assert master.running.version == 3


def test_without_a_config_file_there_is_nothing_to_reload(master: Master) -> None:
    master.stage = Stage.SERVING
    master.changing.loading.hup()
    assert master.running.version == 1
