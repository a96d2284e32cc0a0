"""What browsers and scripts ask, and the page or the refusal they get.

Finds who asks (door) and what answers: a page, a text for scripts, a call of the
ancestors, a button's command. Headers that keep browsers from harm go with all
of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from control.commands.command import CommandError, ErrorKind
from control.render import render
from control.web import actions, assets, texts
from control.web.answers import LARGEST_CONFIG, Asked, Stop, only_by, plain, see
from control.web.door import Door
from control.web.inquiry import Inquiry
from control.web.legacy import CALLS, Call, MissingError
from control.web.live import Live
from control.web.pages import (
    config,
    events,
    explain,
    journal,
    overview,
    service,
    sessions,
    upgrade,
    users,
    workers,
)
from control.web.visit import Page, Visit
from director.config.model import Config

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self';"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_MODULES = (overview, service, workers, upgrade, sessions, explain, events, journal, config, users, texts)
_PAGES: dict[str, Page] = {path: page for module in _MODULES for path, page in module.PAGES.items()}
_COMMAND, _LIVE, _LOGOUT = "/command/", "/live", "/logout"
_POSTS: dict[str, Page] = {**users.POSTS, **config.POSTS}
_CARRIES = ("/config/new", f"{_COMMAND}config-apply")  # may have a config in their form


class App:
    """The pages of one admin, as a WSGI application. `config`: what runs now."""

    def __init__(self, door: Door, inquiry: Inquiry, config: Callable[[], Config]) -> None:
        self.door = door
        self._inquiry = inquiry
        self._config = config
        self._live = Live()

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        asked = Asked(environ)
        try:
            response = self._answer(asked)
        except Stop as stop:
            response = stop.response
        except HTTPException as error:
            response = plain(f"{error.description}\n", error.code or 500)
            response.headers["Connection"] = "close"
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response(environ, start)

    def _answer(self, asked: Asked) -> Response:
        path = asked.path
        if asked.method not in ("GET", "HEAD", "POST"):
            return only_by("GET, HEAD, POST", "only GET, HEAD and POST")
        if path in assets.BY_PATH:
            one = assets.BY_PATH[path]
            headers = {"Cache-Control": "public, max-age=31536000, immutable"}
            return Response(one.data, headers=headers, content_type=one.kind)
        if path in ("/pydirector.css", "/txlb.css"):
            return see(assets.STATIC["style.css"].path)
        if path == "/login":
            return self.door.log_in(asked)
        if path == "/metrics" and self.door.metrics_open:
            return self._metrics()
        visitor = self.door.visitor(asked)
        visit = Visit(self.door, self._inquiry, self._config, asked, visitor)
        try:
            return self._inside(visit, path)
        except CommandError as error:
            return visit.failed(error)

    def _metrics(self) -> Response:
        try:
            return texts.metrics(self._inquiry)
        except CommandError as error:
            return plain(f"{error}\n", 502)

    def _inside(self, visit: Visit, path: str) -> Response:
        """For those who may come in."""
        if path in _CARRIES:
            visit.asked.max_content_length = visit.asked.max_form_memory_size = LARGEST_CONFIG
        call = CALLS.get(path[1:])
        if call is not None:
            return self._call(visit, call)
        if visit.asked.method == "POST":
            return self._post(visit, path)
        if path == _LIVE:
            return self._live.page(visit)
        page = _page(path)
        if path == _LOGOUT or path.startswith(_COMMAND) or (page is None and path in _POSTS):
            return only_by("POST", "this changes something: use POST")
        return visit.said("there is no such page", 404) if page is None else page(visit)

    def _post(self, visit: Visit, path: str) -> Response:
        if path not in _POSTS and (path == _LIVE or _page(path) is not None):
            return only_by("GET, HEAD", "this changes nothing: use GET")
        if problem := self.door.doubt(visit.asked, visit.visitor):
            return visit.said(problem, 403)
        if path == _LOGOUT:
            return self.door.log_out(visit.asked)
        if path.startswith(_COMMAND):
            return actions.act(visit, path.removeprefix(_COMMAND))
        page = _POSTS.get(path)
        return visit.said("nothing can be changed there", 404) if page is None else page(visit)

    def _call(self, visit: Visit, call: Call) -> Response:
        """One of the ancestors' calls that change something, with its old answer."""
        asked = visit.asked
        if asked.method == "GET" and self.door.legacy_get and visit.visitor.login is None:
            if asked.headers.get("Sec-Fetch-Site") not in (None, "none"):
                return plain("this came from another site\n", 403)
        elif asked.method != "POST":
            methods = "GET, POST" if self.door.legacy_get else "POST"
            return only_by(methods, 'this changes something: use POST, or <admin legacy-get="yes">')
        if problem := self.door.doubt(asked, visit.visitor):
            return plain(f"{problem}\n", 403)
        if not visit.visitor.may_change:
            # The hub would say so, but only once all else is right.
            return plain(f"{visit.visitor.person.name} may look, but not change anything\n", 401)
        try:
            given = call.given({**asked.args.to_dict(), **asked.form.to_dict()}, visit.stats)
            result = visit.command(call.command, **given)
        except MissingError as missing:
            return plain(f"{missing}\n", 500)
        except CommandError as error:
            if error.kind is ErrorKind.RIGHTS:
                return plain(f"{error}\n", 401)
            return see(f"/running?resultMessage={quote(str(error))}", "NOT OK")
        message = "\n".join([render(call.command, result), *result.get("warnings", ())])
        return see(f"/running?resultMessage={quote(message)}", "OK")


def _page(path: str) -> Page | None:
    """What shows that path; those that end in a slash show all below them."""
    return _PAGES.get(path) or _PAGES.get(path[: path.find("/", 1) + 1])
