"""What is asked and answered, in HTTP's terms."""

from __future__ import annotations

import io

import pytest
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.test import EnvironBuilder

from control.web.answers import LARGEST, Asked, see


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


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_form_is_there_as_a_whole_or_refused(chunked: bool) -> None:
    def asked(length: int) -> Asked:
        form = b"a=" + b"x" * (length - 2)
        environ = EnvironBuilder(method="POST", content_type="application/x-www-form-urlencoded").get_environ()
        said = {"HTTP_TRANSFER_ENCODING": "chunked"} if chunked else {"CONTENT_LENGTH": str(length)}
        return Asked({**environ, **said, "wsgi.input": io.BytesIO(form), "wsgi.input_terminated": True})

    assert len(asked(LARGEST).form["a"]) == LARGEST - 2
    for length in (LARGEST + 1, 3 * LARGEST):
        with pytest.raises(RequestEntityTooLarge):
            asked(length).form.get("a")
