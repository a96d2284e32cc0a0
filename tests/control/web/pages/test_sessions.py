"""Connections of clients."""

from __future__ import annotations

from werkzeug.test import Client

from control.commands.command import CommandError, ErrorKind
from tests.control.web.visiting import Told, log_in


def test_filters_stay_in_their_fields(client: Client) -> None:
    log_in(client)
    text = client.get("/sessions?host=a&client=10.0.0.1&older=10m").text
    for value in ("a", "10.0.0.1", "10m"):
        assert f'value="{value}"' in text
    assert '<a href="/explain?session=0-1">0-1</a>' in text


def test_a_filter_that_is_none_is_answered_with_what_would_be_right(client: Client, told: Told) -> None:
    log_in(client)
    told.results["sessions"] = CommandError(ErrorKind.USAGE, "write 10m")
    answer = client.get("/sessions?older=old")
    assert answer.status_code == 200 and "write 10m" in answer.text


def test_no_connection_is_said(client: Client, told: Told) -> None:
    log_in(client)
    told.results["sessions"] = {"sessions": [], "warnings": ["there are more"]}
    text = client.get("/sessions").text
    assert "No connection is open" in text and "there are more" in text


def test_many_connections_are_shown_a_hundred_at_a_time_and_filters_go_along(client: Client, told: Told) -> None:
    log_in(client)
    (one,) = told.results["sessions"]["sessions"]
    many = [{**one, "session": f"0-{number}"} for number in range(250)]
    told.results["sessions"] = {"sessions": many, "warnings": []}
    text = client.get("/sessions?host=a&at=100").text
    assert "connections 101 to 200 of 250" in text
    assert ">0-100</a>" in text and ">0-199</a>" in text
    assert ">0-99</a>" not in text and ">0-200</a>" not in text
    assert 'href="/sessions?at=200&amp;host=a"' in text
