"""What keeps pages as they are now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from werkzeug.test import Client

from control.commands.command import CommandError, ErrorKind
from control.web import live
from tests.control.web.visiting import ANN, Told, log_in


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_PERIOD", 0.0)


def events(client: Client, path: str, **options: Any) -> Iterator[tuple[str, Any]]:
    for text in client.get(path, **options).response:
        word = text.decode() if isinstance(text, bytes) else text
        kind = "trouble" if word.startswith("event: trouble") else ""
        yield kind, json.loads(word.partition("data: ")[2])


def test_a_page_gets_all_it_shows_and_then_what_changes(client: Client, told: Told) -> None:
    with gevent.Timeout(10):
        stream = events(client, "/live?service=web", auth=ANN)
        _, first = next(stream)
        assert first["main/a/state"] == "up"
        told.document["services"][0]["groups"][0]["hosts"][0]["state"] = "down"
        assert next(stream) == ("", {"main/a/state": "down"})
        assert next(events(client, "/live", auth=ANN))[1]["service/web/open"] == 4


def test_a_hub_that_is_gone_is_told_and_all_is_sent_again(client: Client, told: Told) -> None:
    with gevent.Timeout(10):
        stream = events(client, "/live?service=web", auth=ANN)
        _, first = next(stream)
        there, told.stats = told.stats, gone  # type: ignore[method-assign]
        assert next(stream) == ("trouble", "it is gone")
        told.stats = there  # type: ignore[method-assign]
        assert next(stream) == ("", first)


def gone() -> dict[str, Any]:
    raise CommandError(ErrorKind.FAILED, "it is gone")


def test_a_stream_ends_with_its_login(client: Client) -> None:
    csrf = log_in(client)
    with gevent.Timeout(10):
        stream = events(client, "/live")
        next(stream)
        client.post("/logout", data={"csrf": csrf})
        assert list(stream) == []
