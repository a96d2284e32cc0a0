"""What browsers and scripts ask, and the page or the refusal they get.

Reading takes a login, by cookie or by an `Authorization` header. Changing takes
a POST, and with a cookie also the token that was in the form; an origin that is
not ours is refused in any case. Which user may run which command is the hub's
to say.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

import gevent
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from control.commands.command import CommandError, ErrorKind
from control.render import FORMATS
from control.rights import Person
from control.web import assets, running
from control.web.accounts import Accounts
from control.web.inquiry import Inquiry, may_change
from control.web.legacy import CALLS, Call, MissingError
from control.web.logins import Failures, Login, Logins
from director import logs
from director.config.model import Access
from director.config.writer import write
from director.errors import UsageError
from director.events import Event

_LARGEST = 64 * 1024  # bytes of a form
_LOCKED = "." * 13  # the form of a hash, of no password
_STREAMS = 200  # live pages at a time
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


class Asked(Request):
    """A request; what is larger than a form can be is refused unread."""

    max_content_length = _LARGEST
    max_form_memory_size = _LARGEST
    max_form_parts = 100


@dataclass
class Door:
    """One admin: its users, who is logged in, and what it allows."""

    name: str
    secure: bool
    legacy_get: bool
    metrics_open: bool
    accounts: Accounts
    logins: Logins = field(default_factory=Logins)
    failures: Failures = field(default_factory=Failures)

    @property
    def cookie(self) -> str:
        """Its cookie's name: browsers don't tell ports apart."""
        port = self.name.rpartition(":")[2]
        return f"{'__Host-' if self.secure else ''}director-{port}"


@dataclass(frozen=True)
class Visitor:
    """Who asks. `login` is None for one who gave an `Authorization` header."""

    person: Person
    login: Login | None

    @property
    def csrf(self) -> str:
        """What its forms must bring along."""
        return self.login.csrf if self.login else ""


class Stop(Exception):
    """The answer, from anywhere."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def _plain(text: str, status: int = 200, kind: str = "text/plain") -> Response:
    return Response(text, status, content_type=f"{kind}; charset=utf-8")


def _see(where: str, body: str = "") -> Response:
    response = _plain(body, 302)
    response.headers["Location"] = where
    response.autocorrect_location_header = False  # never by what a client says our name is
    return response


class App:
    """The pages of one admin, as a WSGI application."""

    def __init__(self, door: Door, inquiry: Inquiry, config: Callable[[], Any]) -> None:
        self.door = door
        self._inquiry = inquiry
        self._config = config  # what runs now
        self._streams = 0
        self._pages: dict[str, Callable[[Asked, Visitor], Response]] = {
            "/": self._overview,
            "/running": self._overview,
            "/all": self._overview,
            "/workers": self._workers,
            "/config": self._config_page,
            "/configs": self._config_page,
            "/live": self._live,
            "/running.txt": lambda asked, visitor: _plain(running.text(self._stats())),
            "/running.xml": lambda asked, visitor: _plain(running.xml(self._stats()), kind="text/xml"),
            "/config.xml": lambda asked, visitor: _plain(self._config_text(visitor), kind="text/xml"),
            "/rawConfig.xml": lambda asked, visitor: _plain(self._config_text(visitor)),
            "/config.txt": lambda asked, visitor: _plain(self._config_text(visitor)),
            "/stats.json": self._stats_json,
            "/stats.csv": lambda asked, visitor: self._told("csv", "text/csv"),
            "/metrics": lambda asked, visitor: self._metrics(),
        }
        self._commanded: dict[str, str] = {
            "/diff": "config-diff",
            "/stored.xml": "config-file",
            "/rawStored.xml": "config-file",
        }

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        asked = Asked(environ)
        try:
            response = self._answer(asked)
        except Stop as stop:
            response = stop.response
        except CommandError as error:
            response = self._said(asked, None, str(error), 502)
        except HTTPException as error:
            response = _plain(f"{error.description}\n", error.code or 500)
            response.headers["Connection"] = "close"
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response(environ, start)

    # -- who, and may they -----------------------------------------------------------

    def _answer(self, asked: Asked) -> Response:
        path = asked.path
        if asked.method not in ("GET", "HEAD", "POST"):
            return _plain("only GET, HEAD and POST\n", 405)
        if path in assets.BY_PATH:
            one = assets.BY_PATH[path]
            headers = {"Cache-Control": "public, max-age=31536000, immutable"}
            return Response(one.data, headers=headers, content_type=one.kind)
        if path in ("/pydirector.css", "/txlb.css"):
            return _see(assets.STATIC["style.css"].path)
        if path == "/login":
            return self._log_in(asked)
        if path == "/metrics" and self.door.metrics_open:
            return self._metrics()
        visitor = self._visitor(asked)
        if path == "/logout" and asked.method == "POST":
            self._must_be_meant(asked, visitor)
            self.door.logins.end(asked.cookies.get(self.door.cookie, ""))
            return _see("/login")
        call = CALLS.get(path[1:])
        if call is not None:
            return self._call(asked, visitor, call)
        if path.startswith("/command/") and asked.method == "POST":
            return self._command(asked, visitor, path.removeprefix("/command/"))
        if path.startswith("/service/"):
            return self._service(asked, visitor, path.removeprefix("/service/"))
        if path in self._commanded:
            found = self._inquiry.run([self._commanded[path]], visitor.person)
            return _plain(found if isinstance(found, str) else json.dumps(found, indent=2))
        page = self._pages.get(path)
        if page is None:
            return self._said(asked, visitor, "there is no such page", 404)
        return page(asked, visitor)

    def _visitor(self, asked: Asked) -> Visitor:
        """Who asks. Raises Stop."""
        token = asked.cookies.get(self.door.cookie)
        given = asked.authorization
        if given is not None and given.type == "basic":
            user = self._entered(asked, given.username or "", given.password or "")
            if user is not None:
                return Visitor(self._person(asked, user.name, user.access), None)
        elif token:
            login = self.door.logins.find(token, time.monotonic())
            known = self.door.accounts.find(login.user) if login else None
            if login is not None and known is not None:
                return Visitor(self._person(asked, known.name, known.access), login)
        if "text/html" in asked.headers.get("Accept", "") and given is None:
            raise Stop(_see("/login"))
        response = _plain("who are you?\n", 401)
        response.headers["WWW-Authenticate"] = 'Basic realm="director", charset="UTF-8"'
        raise Stop(response)

    def _person(self, asked: Asked, name: str, access: Access) -> Person:
        return Person(name, access, f"web, {asked.remote_addr}")

    def _entered(self, asked: Asked, name: str, password: str) -> Any:
        """The user, None if the password is not theirs. Raises Stop if there were too many failures."""
        where, now = asked.remote_addr or "", time.monotonic()
        if self.door.failures.must_wait(where, now):
            response = _plain("too many wrong passwords; wait a minute\n", 429)
            response.headers["Retry-After"] = "60"
            raise Stop(response)
        user = self.door.accounts.enter(name, password)
        if user is None:
            self.door.failures.failed(where, now)
            logs.warning(Event.LOGIN_FAILED, admin=self.door.name, client=where)
        else:
            self.door.failures.succeeded(where)
        return user

    def _log_in(self, asked: Asked) -> Response:
        self._must_be_ours(asked)
        if asked.method != "POST":
            return _page("login.html", failed=False)
        user = self._entered(asked, asked.form.get("name", ""), asked.form.get("password", ""))
        if user is None:
            return _page("login.html", 401, failed=True)
        token = secrets.token_urlsafe(32)
        self.door.logins.begin(token, secrets.token_urlsafe(32), user.name, time.monotonic())
        response = _see("/")
        response.set_cookie(self.door.cookie, token, httponly=True, samesite="Strict", secure=self.door.secure)
        return response

    def _must_be_ours(self, asked: Asked) -> None:
        """What another site has a browser send is refused. Raises Stop."""
        site, origin = asked.headers.get("Sec-Fetch-Site"), asked.headers.get("Origin")
        foreign = site not in (None, "same-origin", "none")
        if origin is not None and urlsplit(origin).netloc != asked.headers.get("Host"):
            foreign = True
        if foreign and asked.method == "POST":
            raise Stop(_plain("this came from another site\n", 403))

    def _must_be_meant(self, asked: Asked, visitor: Visitor) -> None:
        """A change must be what the visitor wants, not what some page made their browser do. Raises Stop."""
        self._must_be_ours(asked)
        if visitor.login is None:
            if asked.cookies.get(self.door.cookie):
                raise Stop(_plain("either a cookie or a password, not both\n", 403))
        elif not secrets.compare_digest(asked.form.get("csrf", ""), visitor.login.csrf):
            raise Stop(self._said(asked, visitor, "this form is too old: go back, reload the page and try again", 403))

    # -- changes -----------------------------------------------------------------------

    def _call(self, asked: Asked, visitor: Visitor, call: Call) -> Response:
        if asked.method == "POST":
            self._must_be_meant(asked, visitor)
        elif not (self.door.legacy_get and visitor.login is None):
            return _plain('this changes something: use POST, or <admin legacy-get="yes">\n', 405)
        elif asked.headers.get("Sec-Fetch-Site") not in (None, "none"):
            return _plain("this came from another site\n", 403)
        try:
            words = call.words({**asked.args.to_dict(), **asked.form.to_dict()}, self._stats())
            self._inquiry.run(words, visitor.person)
        except MissingError as missing:
            return _plain(f"{missing}\n", 500)
        except (CommandError, UsageError) as error:
            if isinstance(error, CommandError) and error.kind is ErrorKind.RIGHTS:
                return _plain(f"{error}\n", 401)
            return _see(f"/running?resultMessage={quote(str(error))}", "NOT OK")
        return _see("/running?resultMessage=OK", "OK")

    def _command(self, asked: Asked, visitor: Visitor, name: str) -> Response:
        """A command with the words of a form: `word`, in their order, and options by name."""
        self._must_be_meant(asked, visitor)
        words = [name, *asked.form.getlist("word")]
        for option, value in asked.form.items(multi=True):
            if option.startswith("--") and value:
                words += [option] if value == "yes" else [f"{option}={value}"]
        try:
            found = self._inquiry.run(words, visitor.person)
        except (CommandError, UsageError) as error:
            rights = isinstance(error, CommandError) and error.kind is ErrorKind.RIGHTS
            return self._said(asked, visitor, str(error), 403 if rights else 409)
        lines = found.get("lines", ()) if isinstance(found, dict) else ()
        back = asked.form.get("back", "/")
        back = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
        return _see(f"{back}?resultMessage={quote('; '.join(map(str, lines)) or 'done')}")

    # -- pages ------------------------------------------------------------------------

    def _stats(self) -> dict[str, Any]:
        return self._inquiry.stats()

    def _show(self, template: str, asked: Asked, visitor: Visitor, status: int = 200, **values: Any) -> Response:
        return _page(
            template,
            status,
            visitor=visitor,
            may_change=may_change(visitor.person),
            message=asked.args.get("resultMessage", "")[:2000],
            path=quote(asked.path),
            **values,
        )

    def _said(self, asked: Asked, visitor: Visitor | None, text: str, status: int) -> Response:
        """A sentence: as a page for people, as it is for scripts."""
        if visitor is None or visitor.login is None or "text/html" not in asked.headers.get("Accept", ""):
            return _plain(f"{text}\n", status)
        return self._show("said.html", asked, visitor, status, text=text)

    def _overview(self, asked: Asked, visitor: Visitor) -> Response:
        return self._show("overview.html", asked, visitor, stats=self._stats())

    def _service(self, asked: Asked, visitor: Visitor, name: str) -> Response:
        service = _named(self._stats(), name)
        if service is None:
            return self._said(asked, visitor, f"there is no service {name!r}", 404)
        return self._show("service.html", asked, visitor, service=service)

    def _workers(self, asked: Asked, visitor: Visitor) -> Response:
        processes = self._inquiry.ask("status", {})["processes"]
        return self._show("workers.html", asked, visitor, stats=self._stats(), processes=processes)

    def _config_page(self, asked: Asked, visitor: Visitor) -> Response:
        return self._show("config.html", asked, visitor, text=self._config_text(visitor))

    def _config_text(self, visitor: Visitor) -> str:
        """config.xml as it runs; hashes of passwords for those alone who may change them."""
        config = self._config()
        if not may_change(visitor.person):
            admins = tuple(
                replace(admin, users=tuple(replace(user, password=_LOCKED) for user in admin.users))
                for admin in config.admins
            )
            config = replace(config, admins=admins)
        return write(config).decode()

    def _stats_json(self, asked: Asked, visitor: Visitor) -> Response:
        return _plain(json.dumps(self._stats()), kind="application/json")

    def _told(self, form: str, kind: str) -> Response:
        return _plain("".join(f"{line}\n" for line in FORMATS[form](self._stats())), kind=kind)

    def _metrics(self) -> Response:
        return self._told("prometheus", "text/plain; version=0.0.4")

    # -- live ---------------------------------------------------------------------------

    def _live(self, asked: Asked, visitor: Visitor) -> Response:
        """The changing part of a page, again each second, as server-sent events."""
        if self._streams >= _STREAMS:
            return _plain("too many live pages\n", 503)
        stream = self._events(asked.args.get("service"), visitor, asked.cookies.get(self.door.cookie, ""))
        response = Response(stream, content_type="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"
        return response

    def _events(self, name: str | None, visitor: Visitor, token: str) -> Iterator[str]:
        self._streams += 1
        try:
            while visitor.login is None or self.door.logins.find(token, time.monotonic()) is not None:
                yield self._event(name)
                gevent.sleep(1.0)
        finally:
            self._streams -= 1

    def _event(self, name: str | None) -> str:
        try:
            stats = self._stats()
        except CommandError as error:
            return f"event: trouble\ndata: {json.dumps(str(error))}\n\n"
        cells: dict[str, Any] = {}
        for service in stats["services"]:
            if name is None:
                cells |= _service_cells(service)
            elif service["name"] == name:
                cells |= {key: value for group in service["groups"] for key, value in _group_cells(group)}
        return f"data: {json.dumps(cells)}\n\n"


def _service_cells(service: dict[str, Any]) -> dict[str, Any]:
    key = f"service/{service['name']}"
    return {f"{key}/open": service["open"], f"{key}/total": service["total"], f"{key}/refused": service["refused"]}


def _group_cells(group: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for host in group["hosts"]:
        key = f"{group['name']}/{host['name']}"
        yield f"{key}/state", host["state"]
        yield f"{key}/open", host["open"]
        yield f"{key}/total", host["total"]
        yield f"{key}/faults", sum(host["faults"].values())


def _page(template: str, status: int = 200, **values: Any) -> Response:
    return _plain(assets.render(template, **values), status, "text/html")


def _named(stats: dict[str, Any], name: str) -> dict[str, Any] | None:
    return next((one for one in stats["services"] if one["name"] == name), None)
