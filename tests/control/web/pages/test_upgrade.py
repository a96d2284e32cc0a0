"""The page about the upgrade."""

from __future__ import annotations

from typing import Any

from werkzeug.test import Client

from control.commands.command import CommandError, ErrorKind
from control.web.pages.upgrade import last
from tests.control.web.visiting import EVENT, EVIL, Told, log_in


def event(name: str, stage: str = "", reason: str = "") -> dict[str, Any]:
    return {**EVENT, "event": name, "reason": reason, "by": "", "fields": {"stage": stage} if stage else {}}


START, STAGE, DONE, OTHER = (event(f"upgrade {name}") for name in ("started", "stage", "committed", "x"))


def test_the_last_upgrade_begins_with_its_start() -> None:
    refused = event("upgrade refused")
    assert last([]) == last([OTHER]) == []
    assert last([START, STAGE, DONE, OTHER, START, OTHER, STAGE]) == [START, STAGE]
    assert last([START, OTHER, STAGE, DONE, OTHER]) == [START, STAGE, DONE]
    assert last([START, STAGE, DONE, refused]) == [refused]


def test_one_under_way_is_shown_and_looked_at_again(client: Client, told: Told) -> None:
    log_in(client)
    told.results["events"] = {"events": [START, event("upgrade stage", stage=EVIL)]}
    text = client.get("/upgrade").text
    assert "data-again" in text and "under way" in text
    assert "&lt;script&gt;" in text and EVIL not in text
    assert "/command/upgrade" not in text


def test_one_that_is_over_may_be_followed_by_another(client: Client, told: Told) -> None:
    log_in(client)
    told.results["events"] = {"events": [START, event("upgrade undone", reason="it was too slow")]}
    text = client.get("/upgrade").text
    assert "data-again" not in text and "it was too slow" in text
    assert 'action="/command/upgrade"' in text


def test_without_a_hub_it_looks_again(client: Client, told: Told) -> None:
    log_in(client)
    told.results["events"] = CommandError(ErrorKind.FAILED, "it is being replaced")
    text = client.get("/upgrade").text
    assert "data-again" in text and "it is being replaced" in text


def test_the_button_asks_first_and_why_it_was_refused_is_said(client: Client, told: Told) -> None:
    csrf = log_in(client)
    assert "replace every process" in client.post("/command/upgrade", data={"csrf": csrf, "ask": "yes"}).text
    assert told.said == []
    told.results["upgrade"] = CommandError(ErrorKind.NOT_UPGRADED, "can't upgrade: the new code has a fault")
    answer = client.post("/command/upgrade", data={"csrf": csrf})
    assert answer.status_code == 409 and "the new code has a fault" in answer.text
    del told.results["upgrade"]
    answer = client.post("/command/upgrade", data={"csrf": csrf})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/upgrade")
    assert [name for name, _, _ in told.said] == ["upgrade"]
