"""Buttons, and what they say."""

from __future__ import annotations

from werkzeug.test import Client

from control.commands.command import CommandError, ErrorKind
from control.commands.table import COMMANDS
from director.access import Access
from director.config.usability import FORCE_HINT
from tests.control.web.visiting import DES, EVIL, HOST, Told, log_in


def test_a_button_that_asks_first_shows_the_plan_and_does_nothing(client: Client, told: Told) -> None:
    csrf = log_in(client)
    answer = client.post("/command/host-del", data={**HOST, "csrf": csrf, "ask": "yes", "back": "/service/web"})
    assert answer.status_code == 200
    assert "done: host-del" in answer.text and 'action="/command/host-del"' in answer.text
    assert [given.get("dry-run") for _, given, _ in told.said] == [True]
    assert 'name="ask"' not in answer.text
    assert client.post("/command/stop", data={"csrf": csrf, "ask": "yes"}).status_code == 200
    assert all(given["dry-run"] for _, given, _ in told.said)


def test_nobody_has_the_hub_busy_for_as_long_as_something_goes_on(client: Client, told: Told) -> None:
    csrf = log_in(client)
    client.post("/command/host-drain", data={**HOST, "csrf": csrf, "within": "10m", "wait": "yes"})
    ((_, given, _),) = told.said
    assert given == {**HOST, "within": "10m"}


def test_no_button_only_looks(client: Client) -> None:
    csrf = log_in(client, "bob")
    for row in COMMANDS:
        if row.access is not Access.FULL:
            sent = {argument.name: "web" for argument in row.arguments} | {"csrf": csrf, "ask": "", "follow": "yes"}
            assert client.post(f"/command/{row.name}", data=sent).status_code == 400, row.name
    assert DES not in client.get("/").text


def test_what_would_hurt_clients_is_offered_by_force(client: Client, told: Told) -> None:
    csrf = log_in(client)
    told.results["host-down"] = CommandError(ErrorKind.REFUSED, "a is the last one" + FORCE_HINT)
    answer = client.post("/command/host-down", data={**HOST, "csrf": csrf, "reason": "why"})
    assert answer.status_code == 409
    assert "a is the last one" in answer.text and "--force" not in answer.text
    for field in ('name="force" value="yes"', 'name="reason" value="why"', 'name="host" value="a"'):
        assert field in answer.text


def test_what_fails_is_said_with_its_reason_and_a_way_back(client: Client, told: Told) -> None:
    csrf = log_in(client)
    for error, status in ((ErrorKind.REFUSED, 409), (ErrorKind.UNKNOWN, 404), (ErrorKind.FAILED, 502)):
        told.results["host-up"] = CommandError(error, f"can't: {EVIL}")
        sent = {**HOST, "csrf": csrf, "back": "/service/web?at=100"}
        answer = client.post("/command/host-up", data=sent, headers={"Accept": "text/html"})
        assert answer.status_code == status
        assert "can&#39;t" in answer.text and EVIL not in answer.text
        assert 'href="/service/web?at=100"' in answer.text
    assert client.post("/command/no-such", data={"csrf": csrf}).status_code == 400
    assert client.post("/command/host-up", data={"csrf": csrf}).status_code == 400


def test_what_was_typed_can_be_mended_where_it_did_not_work(client: Client, told: Told) -> None:
    csrf = log_in(client)
    told.results["host-down"] = CommandError(ErrorKind.REFUSED, "bad --for '1y'")
    sent = {**HOST, "csrf": csrf, "reason": EVIL, "for": "1y", "close": "yes", "back": "/service/web", "ask": "yes"}
    text = client.post("/command/host-down", data=sent, headers={"Accept": "text/html"}).text
    form = text.partition('action="/command/host-down"')[2]
    for field in ('name="host" value="a"', 'name="for" value="1y"', 'name="close" value="yes" checked', 'name="ask"'):
        assert field in form, field
    assert 'name="back" value="/service/web"' in form and 'name="reason" value="&lt;script' in form
    assert 'name="within"' not in form and "force" not in form


def test_a_config_that_can_not_be_applied_stays_to_be_mended(client: Client, told: Told) -> None:
    csrf = log_in(client)
    told.results["config-apply"] = CommandError(ErrorKind.REFUSED, "plan p1 is not that any more")
    sent = {"csrf": csrf, "plan": "p1", "file": "<director>mine</director>"}
    answer = client.post("/command/config-apply", data=sent, headers={"Accept": "text/html"})
    assert answer.status_code == 409
    assert "not that any more" in answer.text and "&lt;director&gt;mine" in answer.text.partition("<textarea")[2]
