"""What has happened."""

from __future__ import annotations

from werkzeug.test import Client

from tests.control.web.visiting import EVENT, Told, log_in


def test_the_last_event_comes_first(client: Client, told: Told) -> None:
    log_in(client)
    told.results["events"] = {"events": [{**EVENT, "subject": "first"}, {**EVENT, "subject": "second"}]}
    text = client.get("/events").text
    assert text.index("second") < text.index("first")
    assert "up → down" in text


def test_events_can_be_searched(client: Client, told: Told) -> None:
    log_in(client)
    told.results["events"] = {"events": [{**EVENT, "subject": "web/main/a"}, {**EVENT, "subject": "db"}]}
    text = client.get("/events?find=MAIN").text
    assert "web/main/a" in text and ">db<" not in text
    assert "is remembered" in client.get("/events?find=nothing").text
