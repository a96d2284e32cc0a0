"""Commands that look."""

from __future__ import annotations

import json
import time

import pytest

from control.commands.command import CommandError, ErrorKind, find
from control.commands.table import COMMANDS
from director.access import Access
from director.config.model import Admin, Config, Endpoint, Group, Host, Listen, Service
from director.messages import Kind, ProcessInfo, Running, Slot, peer_incarnation, peer_slot
from tests.control.commands.running import run
from tests.control.hubs import FakeHub


@pytest.mark.parametrize("name", ["status", "stats", "services", "hosts", "workers", "version", "help"])
def test_looking_needs_no_right_to_change_and_its_result_is_json(hub: FakeHub, name: str) -> None:
    assert find(name, COMMANDS).access is Access.READONLY
    result = run(hub, name)
    assert json.loads(json.dumps(result)) == result
    assert hub.asked == []


def test_status_has_one_entry_a_process_with_the_connections_of_workers(hub: FakeHub) -> None:
    result = run(hub, "status")
    assert (result["pid"], result["generation"], result["stop_timeout"]) == (100, "g100-7", 30.0)
    told = [(one["kind"], one["slot"], one["pid"], one["state"], one["open"]) for one in result["processes"]]
    assert told == [
        ("master", None, 100, "serving", None),
        ("hub", None, 101, "serving", None),
        ("worker", 0, 102, "serving", 2),
        ("worker", 1, 103, "booting", 3),
    ]
    assert all(one["uptime_seconds"] > 0 for one in result["processes"])


def test_a_place_that_nobody_is_in_has_no_age(hub: FakeHub) -> None:
    hub.retirees = (ProcessInfo(Kind.WORKER, Slot(2), 0, 4, "backing off", 0.0),)
    assert run(hub, "status")["processes"][-1]["uptime_seconds"] == 0


def test_an_age_is_by_a_clock_that_nobody_sets(hub: FakeHub) -> None:
    hub.retirees = (ProcessInfo(Kind.WORKER, Slot(2), 104, 4, "serving", time.monotonic() - 50.0),)
    assert 50.0 <= run(hub, "status")["processes"][-1]["uptime_seconds"] < 60.0


def test_status_has_a_line_for_a_retiring_generation(hub: FakeHub) -> None:
    hub.retirees = (ProcessInfo(Kind.MASTER, peer_slot(1), 90, peer_incarnation(1), "retiring", 5.0, 0.0, "g90-1"),)
    hub.document["retiring"] = [{"generation": "g90-1", "pid": 90, "state": "retiring", "open": 7}]
    last = run(hub, "status")["processes"][-1]
    assert (last["generation"], last["pid"], last["state"], last["open"]) == ("g90-1", 90, "retiring", 7)


def test_stats_are_the_hubs(hub: FakeHub) -> None:
    assert run(hub, "stats") == hub.document


def test_services_count_the_hosts_of_the_enabled_group(hub: FakeHub) -> None:
    web, db = run(hub, "services")["services"]
    assert (web["name"], web["groups"], web["hosts"], web["hosts_up"]) == ("web", ["main", "next"], 2, 1)
    assert (db["hosts"], db["hosts_up"]) == (1, 0)


@pytest.mark.parametrize(
    ("args", "names"),
    [
        ({}, ["a", "b", "n", "one"]),
        ({"service": "web"}, ["a", "b", "n"]),
        ({"service": "web", "group": "next"}, ["n"]),
    ],
)
def test_hosts_are_those_of_all_of_a_service_of_a_group(hub: FakeHub, args: dict[str, str], names: list[str]) -> None:
    assert [host["name"] for host in run(hub, "hosts", **args)["hosts"]] == names


def test_names_are_those_that_may_stand_in_a_place(hub: FakeHub) -> None:
    listens = (Listen(ip=Endpoint("127.0.0.1", 80)), Listen(ip=Endpoint(path="/run/web.sock")))
    groups = tuple(Group(name=name, hosts=(Host(name="a", ip=Endpoint("127.0.0.1", 1)),)) for name in ("main", "next"))
    services = Service(name="web", listens=listens, groups=groups), Service(name="db", groups=groups)
    admins = (Admin(listen=Endpoint("127.0.0.1", 7001)),)
    hub.running = Running(1, Config(services=services, admins=admins))
    for args, found in (
        ({}, ["web", "db"]),
        ({"service": "web"}, ["main", "next"]),
        ({"service": "web", "group": "next"}, ["a"]),
        ({"groups": True}, ["main", "next"]),
        ({"hosts": True}, ["a"]),
        ({"service": "db", "listens": True}, []),
        ({"listens": True}, ["127.0.0.1:80", "unix:/run/web.sock"]),
        ({"admins": True}, ["127.0.0.1:7001"]),
    ):
        assert run(hub, "names", **args)["lines"] == found
    assert "listener" in run(hub, "names", subsystems=True)["lines"]


def test_a_host_says_where_it_is(hub: FakeHub) -> None:
    (n,) = run(hub, "hosts", service="web", group="next")["hosts"]
    assert (n["service"], n["group"], n["enabled"]) == ("web", "next", False)


@pytest.mark.parametrize(
    ("args", "near"), [({"service": "wed"}, "'web'"), ({"service": "web", "group": "mian"}, "'main'")]
)
def test_an_unknown_name_gets_the_nearest(hub: FakeHub, args: dict[str, str], near: str) -> None:
    with pytest.raises(CommandError, match=near) as failed:
        run(hub, "hosts", **args)
    assert failed.value.kind is ErrorKind.UNKNOWN


def test_version_is_the_hubs(hub: FakeHub) -> None:
    assert run(hub, "version") == {"daemon": "9.9"}


def test_workers_say_their_digests_when_asked(hub: FakeHub) -> None:
    assert [one["digest"] for one in run(hub, "workers", digest=True)["workers"]] == ["abc", "abc"]
    assert all("digest" not in one for one in run(hub, "workers")["workers"])
