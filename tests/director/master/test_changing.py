"""Changes as the master takes them; whole daemons are changed in tests/system."""

from __future__ import annotations

from dataclasses import replace

from director.master.listeners import Address
from director.master.records import Changed
from director.master.run import Master
from director.master.stage import Stage
from director.messages import Actor, ChangeScheduler, HostDown, Request, Undo


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


def test_a_scheduler_that_failed_and_is_chosen_again_is_an_act_like_others(master: Master) -> None:
    hold(master)
    actor = Actor("me")
    scheduler = master.running.config.services[0].groups[0].scheduler
    order = ChangeScheduler("web", "main", scheduler)
    master.changing.request(Request(1, actor, order))
    assert (master.running.version, master.journal.records) == (1, [])
    config = master.running.config
    master.changing.request(Request(2, actor, replace(order, again=True)))
    (record,) = master.journal.records
    assert isinstance(record, Changed)
    assert record.said == f"group 'main' of web is scheduled by {scheduler} again, which had failed"
    assert (master.running.version, master.running.config) == (2, config)
    master.changing.request(Request(3, actor, Undo(record.number)))
    assert master.journal.records == [record]


def test_without_a_config_file_there_is_nothing_to_reload(master: Master) -> None:
    master.stage = Stage.SERVING
    master.changing.loading.hup()
    assert master.running.version == 1
