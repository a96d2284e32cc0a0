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
