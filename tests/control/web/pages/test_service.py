"""A service, its groups and hosts."""

from __future__ import annotations

from werkzeug.test import Client

from director.scheduling.policies import POLICIES
from tests.control import hubs
from tests.control.web.visiting import Told, log_in


def test_every_host_can_be_changed_where_it_stands(client: Client) -> None:
    log_in(client)
    text = client.get("/service/web").text
    for command in ("host-down", "host-up", "host-retry", "host-weight", "host-maxconn", "host-del", "host-add"):
        assert f'action="/command/{command}"' in text, command
    for command in ("group-scheduler", "group-add", "group-del", "service-del", "service-disable", "listen-add"):
        assert f'action="/command/{command}"' in text, command
    assert all(f"<option>{name}</option>" in text for name in POLICIES)


def test_a_drain_shows_how_far_it_has_got(client: Client, told: Told) -> None:
    log_in(client)
    drain = {"left": 3, "open_at_start": 20, "deadline": 1.7e9}
    told.document["services"] = [hubs.service("web", hubs.group("main", hubs.host("a", "drain", drain=drain)))]
    text = client.get("/service/web").text
    assert '<progress max="20" value="17"' in text and "of 20 left, to be closed from" in text


def test_many_hosts_come_in_parts_over_all_groups(client: Client, told: Told) -> None:
    log_in(client)
    groups = [hubs.group(name, *(hubs.host(f"{name}{n}") for n in range(80)), enabled=name == "x") for name in "xy"]
    told.document["services"] = [hubs.service("web", *groups)]
    first, second = client.get("/service/web").text, client.get("/service/web?at=100").text
    assert first.count('<th scope="row">') == 100 and second.count('<th scope="row">') == 60
    assert "None of its 80 hosts is on this page" in second
    assert "hosts 101 to 160 of 160" in second
    found = client.get("/service/web?find=y7").text
    assert found.count('<th scope="row">') == 11


def test_a_group_that_has_no_hosts_says_what_becomes_of_clients(client: Client, told: Told) -> None:
    log_in(client)
    told.document["services"] = [hubs.service("web", hubs.group("main"))]
    assert "clients of this group are closed at once" in client.get("/service/web").text


def test_an_unknown_service_is_answered_by_the_nearest(client: Client) -> None:
    log_in(client)
    answer = client.get("/service/wbe")
    assert answer.status_code == 404
    assert "did you mean" in answer.text or "web" in answer.text
