"""One request of somebody who may come in, and what its page is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from werkzeug.wrappers import Response

from control.commands.command import CommandError, ErrorKind
from control.web.answers import Asked, page, plain
from control.web.door import Door, Visitor
from control.web.inquiry import Inquiry
from director.config.model import Config

_STATUS = {ErrorKind.RIGHTS: 403, ErrorKind.FAILED: 502, ErrorKind.USAGE: 400, ErrorKind.UNKNOWN: 404}
NAVIGATION = (
    ("/", "Overview"),
    ("/sessions", "Sessions"),
    ("/explain", "Explain"),
    ("/events", "Events"),
    ("/journal", "Journal"),
    ("/config", "Config"),
    ("/users", "Users"),
    ("/workers", "Workers"),
)


@dataclass(frozen=True)
class Visit:
    """Who asks what, at which door. `config`: what runs."""

    door: Door
    inquiry: Inquiry
    config: Callable[[], Config]
    asked: Asked
    visitor: Visitor

    def stats(self) -> dict[str, Any]:
        """All that is counted, a moment old at the most."""
        return self.inquiry.stats()

    def command(self, name: str, /, **given: Any) -> Any:
        """The result of a command, in the visitor's name. Raises CommandError."""
        return self.inquiry.command(name, given, self.visitor.person)

    def argument(self, name: str) -> str:
        """A field of the address; empty if it is not there."""
        return self.asked.args.get(name, "").strip()

    @property
    def _here(self) -> str:
        """The address of this page."""
        query = self.asked.query_string.decode("latin-1")
        return quote(self.asked.path) + (f"?{query}" if query else "")

    @property
    def back(self) -> str:
        """A page of ours: the one whose form was sent, unless it says another."""
        where = urlsplit(self.asked.form.get("back", "/"))
        inside = not where.scheme and not where.netloc and where.path.startswith("/") and "\\" not in where.path
        return where.geturl() if inside and not where.path.startswith("//") else "/"

    def show(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page with all that every page has."""
        login = self.visitor.login
        # What renews itself would take it from the page that its viewer is going to.
        said, bad = login.take_note() if login and not self.asked.renews else ("", False)
        return page(
            template,
            status,
            visitor=self.visitor,
            may_change=self.visitor.may_change,
            navigation=NAVIGATION,
            message=said or self.argument("resultMessage")[:2000],
            bad=bad,
            path=quote(self.asked.path),
            here=self._here,
            **values,
        )

    def failed(self, error: CommandError, **again: Any) -> Response:
        """Why a command was not done, and with what it may be tried again."""
        return self.said(str(error), _STATUS.get(error.kind, 409), **again)

    def said(self, text: str, status: int, **again: Any) -> Response:
        """A sentence: as a page for people, as it is for scripts."""
        if self.visitor.login is None or not self.asked.wants_page:
            return plain(f"{text}\n", status)
        return self.show("said.html", status, text=text, back=self.back, again=again)


def of_shape(parts: object) -> str:
    """A short name for what a page shows, from which its viewer sees that it would be another."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


Page = Callable[[Visit], Response]
Pages = Mapping[str, Page]


@dataclass(frozen=True)
class Window:
    """A part of a long list: from `at` on, `size` at the most."""

    at: int
    size: int
    count: int

    @classmethod
    def of(cls, visit: Visit, count: int, size: int) -> Window:
        """As the address says it."""
        text = visit.argument("at")
        at = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
        return cls(min(at, max(0, count - 1)) // size * size, size, count)

    @property
    def before(self) -> int | None:
        """Where the part before begins."""
        return self.at - self.size if self.at else None

    @property
    def after(self) -> int | None:
        """Where the next part begins."""
        return self.at + self.size if self.at + self.size < self.count else None

    @property
    def end(self) -> int:
        """Behind its last entry."""
        return min(self.count, self.at + self.size)
