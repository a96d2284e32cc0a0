"""What operators changed."""

from __future__ import annotations

from werkzeug.test import Client

from tests.control.web.visiting import CHANGE, Told, log_in


def test_the_last_change_comes_first_and_can_be_undone(client: Client, told: Told) -> None:
    log_in(client)
    told.results["journal"] = {"changes": [{**CHANGE, "number": 1, "undone": True}, {**CHANGE, "number": 22}]}
    text = client.get("/journal").text
    assert text.index(">22<") < text.index(">1<")
    assert text.count('action="/command/undo"') == 1


def test_when_nothing_was_changed_it_says_so(client: Client, told: Told) -> None:
    log_in(client)
    told.results["journal"] = {"changes": []}
    assert "Nothing was changed" in client.get("/journal").text
