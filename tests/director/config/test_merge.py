"""What stays of an operator's change when the file is read again."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from director.config.edits import by_place
from director.config.merge import merge
from director.config.model import Admin, Config, Endpoint, Service, User
from director.config.numbering import assign
from director.messages import GroupEnable, HostAdd, HostDelete, HostDown, HostWeight, ListenAdd, Running
from tests.director.config.configs import RUNNING, WEB, after, host, runnings


def now(*services: Service) -> Running:
    config, _ = assign(Config(services=services), RUNNING.config, 100)
    return Running(1, config)


DB = RUNNING.config.services[1]


def test_a_change_stays_while_the_file_says_the_same_of_it() -> None:
    runs = after(GroupEnable("web", "next"), HostWeight("web", "main", "a", 3.0), HostDown("web", "main", "b"))
    merged = merge(RUNNING.config, now(replace(WEB, maxconn=7), DB), runs)
    web = merged.running.config.services[0]
    assert (web.enabled, web.maxconn, web.groups[0].hosts[0].weight) == ("next", 7, 3.0)
    assert by_place(merged.running) == by_place(runs)
    assert (merged.kept, merged.conflicts) == (3, ())


def test_the_file_wins_where_it_changed_the_same_thing() -> None:
    main = replace(WEB.groups[0], hosts=(host("a", weight=2.0), host("b")))
    merged = merge(
        RUNNING.config, now(replace(WEB, groups=(main, WEB.groups[1])), DB), after(HostWeight("web", "main", "a", 3.0))
    )
    assert merged.running.config.services[0].groups[0].hosts[0].weight == 2.0
    assert merged.conflicts == ("the file changed host 'a' of web/main, weight: the file wins",)
    assert merged.kept == 0


def test_what_both_say_is_no_conflict() -> None:
    main = replace(WEB.groups[0], hosts=(host("a", weight=3.0), host("b")))
    merged = merge(
        RUNNING.config, now(replace(WEB, groups=(main, WEB.groups[1])), DB), after(HostWeight("web", "main", "a", 3.0))
    )
    assert (merged.kept, merged.conflicts) == (0, ())


def test_changes_in_what_the_file_took_out_are_gone_and_told() -> None:
    runs = after(HostDown("web", "next", "c"), GroupEnable("web", "next"))
    merged = merge(RUNNING.config, now(replace(WEB, groups=WEB.groups[:1]), DB), runs)
    assert merged.running.config.services[0].enabled == "main"
    assert merged.running.admin == {}
    assert len(merged.conflicts) >= 1


def test_what_an_operator_took_out_and_the_file_changed_comes_back() -> None:
    main = replace(WEB.groups[0], hosts=(host("a", weight=9.0), host("b")))
    merged = merge(
        RUNNING.config, now(replace(WEB, groups=(main, WEB.groups[1])), DB), after(HostDelete("web", "main", "a"))
    )
    assert [one.name for one in merged.running.config.services[0].groups[0].hosts] == ["a", "b"]
    assert len(merged.conflicts) == 1


def test_an_address_that_the_file_gave_to_another_is_the_files() -> None:
    listen = replace(WEB.listens[0], ip=replace(WEB.listens[0].ip, port=81))
    merged = merge(
        RUNNING.config, now(WEB, replace(DB, listens=(*DB.listens, listen))), after(ListenAdd("web", listen))
    )
    assert len(merged.running.config.services[0].listens) == 1
    assert len(merged.conflicts) == 1


def test_the_last_user_of_an_admin_stays_if_the_file_took_the_others() -> None:
    ann, bob, carl = (User(name=name, password="$x$y") for name in ("ann", "bob", "carl"))
    admin = Admin(listen=Endpoint("127.0.0.1", 7001), users=(ann, bob))
    loaded = replace(RUNNING.config, admins=(admin,))
    file = Running(1, replace(loaded, admins=(replace(admin, users=(ann,)),)))
    without = merge(loaded, file, Running(1, replace(loaded, admins=(replace(admin, users=(bob,)),))))
    assert without.running.config.admins == file.config.admins
    assert without.conflicts == ("the file changed user 'ann' of 127.0.0.1:7001: the file wins",)
    instead = merge(loaded, file, Running(1, replace(loaded, admins=(replace(admin, users=(bob, carl)),))))
    assert (instead.running.config.admins[0].users, instead.conflicts) == ((carl,), ())


def test_a_host_that_both_added_is_the_files() -> None:
    main = replace(WEB.groups[0], hosts=(*WEB.groups[0].hosts, host("new", weight=5.0)))
    runs = after(HostAdd("web", "main", host("new", weight=6.0)))
    merged = merge(RUNNING.config, now(replace(WEB, groups=(main, WEB.groups[1])), DB), runs)
    assert merged.running.config.services[0].groups[0].hosts[2].weight == 5.0


@given(runnings(), runnings())
def test_without_a_change_of_the_file_all_stays(loaded: Running, runs: Running) -> None:
    runs = replace(runs, config=assign(runs.config, loaded.config, 1000)[0], admin={})
    merged = merge(loaded.config, replace(loaded, admin={}), runs)
    assert merged.conflicts == ()
    services = {service.name: service for service in merged.running.config.services}
    assert services == {service.name: service for service in runs.config.services}


@given(runnings(), runnings())
def test_without_run_time_changes_the_file_runs(loaded: Running, new: Running) -> None:
    merged = merge(loaded.config, replace(new, admin={}), replace(loaded, admin={}))
    assert (merged.running.config, merged.kept) == (new.config, 0)
