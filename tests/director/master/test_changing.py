"""Changes as the master takes them; whole daemons are changed in tests/system."""

from __future__ import annotations

from dataclasses import replace

import pytest

from director.access import Access
from director.config.model import Admin, Endpoint, User
from director.errors import RefusedError
from director.events import Event
from director.master.listeners import Address
from director.master.records import Changed
from director.master.run import Master
from director.master.stage import Stage
from director.messages import (
    Actor,
    ChangeScheduler,
    Discard,
    Happened,
    HostDown,
    HostUp,
    Request,
    Undo,
    UserAdd,
    UserDelete,
)


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


def test_the_event_of_a_change_says_why_if_anybody_did(master: Master) -> None:
    hold(master)
    master.changing.request(Request(1, Actor("ann"), HostDown("web", "main", "a", "new disk")))
    master.changing.request(Request(2, Actor("ann"), HostUp("web", "main", "a")))
    told: list[Happened] = []
    master.outbox.flush(told.append)
    down, up = (one.fields for one in told if one.event == Event.CHANGE_APPLIED)
    assert (down["reason"], down["by"], down["old"], down["new"]) == ("new disk", "ann", "in use", "maint")
    assert "reason" not in up


def test_the_end_of_a_time_waits_for_the_end_of_an_upgrade(master: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(master)
    master.changing.request(Request(1, Actor("me"), HostDown("web", "main", "a", until_at=1.0)))
    done: list[Request] = []
    monkeypatch.setattr(master.changing, "request", done.append)
    for stage in set(Stage) - {Stage.SERVING}:
        master.stage = stage
        master.changing.tick(10.0)
    assert not done
    master.stage = Stage.SERVING
    for now in (20.0, 20.1, 29.9):
        master.changing.tick(now)
    assert [request.order for request in done] == [HostUp("web", "main", "a")]
    master.changing.tick(30.0)  # it could not be done the first time
    assert len(done) == 2
    monkeypatch.undo()
    master.changing.tick(40.0)
    assert not master.running.admin


def test_when_there_is_nothing_to_drop_that_is_said(master: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(master)
    said: list[tuple[str, ...]] = []
    monkeypatch.setattr(master.changing, "answer", lambda request, exit, lines, **more: said.append(lines))
    master.changing.request(Request(1, Actor("me"), Discard()))
    master.changing.request(Request(2, Actor("me"), HostDown("web", "main", "a")))
    master.changing.request(Request(3, Actor("me"), Discard()))
    master.changing.tick(master.system.now() + 2.0)
    assert [lines[0] for lines in said] == [
        "there are no run-time changes to drop",
        "host 'a' of web/main is in maint",
        "run-time changes are dropped",
    ]


def test_a_change_that_is_not_remembered_says_so(master: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(master)
    master.journal.failure = "changes are not remembered: Read-only file system"
    told: list[dict[str, object]] = []
    monkeypatch.setattr(master.changing, "answer", lambda *words, data, **more: told.append(data))
    master.changing.request(Request(1, Actor("me"), HostDown("web", "main", "a")))
    master.changing.tick(master.system.now() + 2.0)
    assert told[0]["warnings"] == ["changes are not remembered: Read-only file system; this one ends with the daemon"]


def test_an_admin_keeps_its_last_user_since_no_config_file_may_have_one_without(master: Master) -> None:
    hold(master)
    ann, eva = (User(name=name, password="iy9l0V1MkG1DE", access=Access.FULL) for name in ("ann", "eva"))
    admin = Admin(listen=Endpoint("127.0.0.1", 7001), users=(ann,))
    master.running = replace(master.running, config=replace(master.running.config, admins=(admin,)))
    me = Actor("me")
    cause = "admin 127.0.0.1:7001 would have no user left; user-add another before"
    for dry_run in (False, True):
        with pytest.raises(RefusedError, match=cause):
            master.changing.perform(Request(1, me, UserDelete("ann"), force=True, dry_run=dry_run))
    for order in (UserAdd(eva), UserDelete("ann")):
        master.changing.request(Request(1, me, order))
        master.changing.tick(master.system.now() + 2.0)
    assert master.running.config.admins[0].users == (eva,)
    with pytest.raises(RefusedError, match=f"can't undo 1: {cause}"):
        master.changing.perform(Request(1, me, Undo(1), force=True))


def test_that_a_time_is_over_is_not_undone(master: Master) -> None:
    hold(master)
    master.stage = Stage.SERVING
    master.changing.request(Request(1, Actor("me"), HostDown("web", "main", "a", until_at=1.0)))
    master.changing.tick(10.0)
    with pytest.raises(RefusedError, match="can't undo 2: the time for which its host was down is over"):
        master.changing.perform(Request(2, Actor("me"), Undo(2)))


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


def test_what_an_interlock_forbids_is_not_done_by_undoing_either(master: Master) -> None:
    hold(master)
    me = Actor("me")
    for order in (HostDown("web", "main", "a"), HostUp("web", "main", "a"), HostDown("web", "main", "b")):
        master.changing.request(Request(1, me, order))
    with pytest.raises(RefusedError, match="can't undo 2: service 'web' would have no usable host; --force does"):
        master.changing.perform(Request(1, me, Undo(2)))
    master.changing.request(Request(1, me, Undo(2), force=True))
    assert set(master.running.admin) == {3, 4}


def test_run_time_changes_that_clients_live_by_are_not_dropped_by_mistake(master: Master) -> None:
    hold(master)
    loaded = master.loaded
    master.loaded = replace(loaded, services=())
    with pytest.raises(RefusedError, match="can't drop run-time changes: service 'web' would go, and has 2 open"):
        master.changing.perform(Request(1, Actor("me"), Discard((("web", 2),))))
    assert master.running.config == loaded
