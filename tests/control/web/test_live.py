"""What keeps pages as they are now."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import gevent
import gevent.event
import pytest
from werkzeug.test import Client

from control.commands.command import CommandError, ErrorKind
from control.web import live
from tests.control import hubs
from tests.control.web.visiting import ANN, HOST, Told, log_in


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
        _, then = next(stream)
        assert then == {"main/a/state": "down", "shape": then["shape"]} and then["shape"] != first["shape"]
        assert next(events(client, "/live", auth=ANN))[1]["service/web/open"] == 4


def test_a_hub_that_is_gone_is_told_and_all_is_sent_again(client: Client, told: Told) -> None:
    with gevent.Timeout(10):
        stream = events(client, "/live?service=web", auth=ANN)
        _, first = next(stream)
        there, told.stats = told.stats, gone  # type: ignore[method-assign]
        kind, text = next(stream)
        assert kind == "trouble" and re.fullmatch(r"What you see is of [-0-9]+ [:0-9]+: it is gone\.", text)
        told.stats = there  # type: ignore[method-assign]
        assert next(stream) == ("", first)


def test_a_hub_that_does_not_answer_is_told_before_it_does(
    client: Client, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_LATE", 0.0)
    awake, there = gevent.event.Event(), told.stats
    with gevent.Timeout(10):
        stream = events(client, "/live?service=web", auth=ANN)
        told.stats = lambda: awake.wait() and there()  # type: ignore[method-assign]
        kind, text = next(stream)
        assert kind == "trouble" and text.endswith(": the hub does not answer.")
        awake.set()
        assert next(stream)[1]["main/a/state"] == "up"


@pytest.mark.parametrize(
    ("path", "live_path"), [("/", "/live?"), ("/service/web", "/live?service=web")], ids=["overview", "service"]
)
def test_a_page_has_the_shape_that_its_stream_says_until_rows_are_others(
    client: Client, told: Told, path: str, live_path: str
) -> None:
    log_in(client)

    def shape() -> str:
        found = next(events(client, live_path))[1]["shape"]
        assert f'data-shape="{found}"' in client.get(path).text
        return str(found)

    first = shape()
    service = told.document["services"][0]
    service["open"] += 1
    service["groups"][0]["hosts"][0]["total"] += 1
    assert shape() == first
    service["groups"][0]["hosts"].append(hubs.host("new"))
    second = shape()
    service["listen"] = ["*:81"]
    assert len({first, second, shape()}) == 3


def test_a_service_that_is_gone_has_no_shape(client: Client) -> None:
    with gevent.Timeout(10):
        assert next(events(client, "/live?service=gone", auth=ANN)) == ("", {"shape": ""})


def test_what_a_page_has_to_say_waits_for_whoever_goes_to_one(client: Client, told: Told) -> None:
    csrf = log_in(client)
    client.post("/command/host-down", data={**HOST, "csrf": csrf})
    assert "done: host-down" not in client.get("/", headers={"Renews": "yes"}).text
    assert "done: host-down" in client.get("/").text


def gone() -> dict[str, Any]:
    raise CommandError(ErrorKind.FAILED, "it is gone")


def test_a_stream_ends_with_its_login(client: Client) -> None:
    csrf = log_in(client)
    with gevent.Timeout(10):
        stream = events(client, "/live")
        next(stream)
        client.post("/logout", data={"csrf": csrf})
        assert list(stream) == []
