"""What is asked and what is answered, in HTTP's terms."""

from __future__ import annotations

import re
from typing import IO, Any, cast

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.utils import cached_property
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import LimitedStream, get_input_stream

from control.web import assets

LARGEST = 64 * 1024  # bytes of a form
_RAW = re.compile(rb"[^!-~]")
LARGEST_CONFIG = 4 * 1024 * 1024  # ... with a config in it


class _Whole(LimitedStream):
    """A form that may be so long: werkzeug cuts a longer one there, if its length was not said before."""

    def readall(self) -> bytes:
        data = super().readall()
        if self.is_exhausted and self._stream.read(1):
            self.on_exhausted()
        return data


class Asked(Request):
    """A request; what is larger than a form can be is refused unread."""

    max_content_length = LARGEST
    max_form_memory_size = LARGEST
    max_form_parts = 100

    def __init__(self, environ: dict[str, Any]) -> None:
        super().__init__(environ)
        # Bytes that ought to have been escaped: werkzeug raises for those that are no UTF-8.
        self.query_string = _RAW.sub(lambda found: b"%%%02X" % found[0][0], self.query_string)

    @cached_property
    def stream(self) -> IO[bytes]:
        """What it brings along. Raises RequestEntityTooLarge, at once or when it is read."""
        if (self.content_length or 0) > self.max_content_length:
            raise RequestEntityTooLarge
        return cast(IO[bytes], _Whole(get_input_stream(self.environ), self.max_content_length, is_max=True))

    @property
    def renews(self) -> bool:
        """Whether a page asks for itself as it would be now, without anybody's doing."""
        return "Renews" in self.headers

    @property
    def wants_page(self) -> bool:
        """Whether it comes from a browser, which shows pages to people."""
        return "text/html" in self.headers.get("Accept", "")


class Stop(Exception):
    """The answer, from anywhere."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def only_by(methods: str, text: str) -> Response:
    """That path does nothing by another method than these."""
    return Response(f"{text}\n", 405, {"Allow": methods}, content_type="text/plain; charset=utf-8")


def plain(text: str, status: int = 200, kind: str = "text/plain") -> Response:
    """Text as it is."""
    return Response(text, status, content_type=f"{kind}; charset=utf-8")


def see(where: str, body: str = "") -> Response:
    """Look there."""
    response = plain(body, 302)
    response.headers["Location"] = where
    response.autocorrect_location_header = False  # never by what a client says our name is
    return response


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A page by its template."""
    return plain(assets.render(template, **values), status, "text/html")
