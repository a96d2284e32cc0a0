"""What is asked and answered, in HTTP's terms."""

from __future__ import annotations

import pytest
from werkzeug.test import EnvironBuilder

from control.web.answers import Asked, see


def test_where_to_look_is_said_without_our_name() -> None:
    response = see("/running?resultMessage=OK", "OK")
    environ = EnvironBuilder(headers=[("Host", "evil.example")]).get_environ()
    headers = dict(response.get_wsgi_headers(environ))
    assert headers["Location"] == "/running?resultMessage=OK"
    assert (response.status_code, response.get_data()) == (302, b"OK")


@pytest.mark.parametrize(
    ("accept", "wants"), [("text/html,application/xhtml+xml", True), ("*/*", False), ("application/json", False)]
)
def test_browsers_say_that_they_want_pages(accept: str, wants: bool) -> None:
    assert Asked(EnvironBuilder(headers=[("Accept", accept)]).get_environ()).wants_page is wants


def test_bytes_that_ought_to_be_escaped_are_read_as_if_they_were() -> None:
    environ = EnvironBuilder(path="/explain").get_environ() | {"QUERY_STRING": "service=\xff b&x=%ff"}
    args = Asked(environ).args
    assert args["service"] == args["x"] + " b"
