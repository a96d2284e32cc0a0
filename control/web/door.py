"""Who comes in: by cookie, by an `Authorization` header, or not at all.

Reading takes a login. Changing takes a POST, and with a cookie also the token
that was in the form; an origin that is not ours is refused in any case. Which
user may run which command is the hub's to say.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from control.rights import Person
from control.web.accounts import TURNS, Accounts, BusyError
from control.web.answers import Asked, Stop, page, plain, see
from control.web.logins import Failures, Login, Logins
from director import logs
from director.access import Access
from director.config.model import User
from director.events import Event

_FOREIGN = "this came from another site"


@dataclass(frozen=True)
class Visitor:
    """Who asks. `login` is None for one who gave an `Authorization` header; `proof`: the hash that it fitted."""

    person: Person
    login: Login | None
    proof: str

    @property
    def csrf(self) -> str:
        """What its forms must bring along."""
        return self.login.csrf if self.login else ""

    @property
    def may_change(self) -> bool:
        """Whether to show buttons; what they do, the hub allows or not."""
        return self.person.access is Access.FULL


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

    def token(self, asked: Asked) -> str:
        """By which a browser shows its login; empty if it has none."""
        return asked.cookies.get(self.cookie, "")

    def visitor(self, asked: Asked) -> Visitor:
        """Who asks. Raises Stop."""
        given = asked.authorization
        if given is not None and given.type == "basic":
            user = self._entered(asked, given.username or "", given.password or "")
            if user is not None:
                return Visitor(_person(asked, user), None, user.password)
        elif login := self._login(self.token(asked)):
            known = self._known(login.user, login.proof)
            if known is not None:
                return Visitor(_person(asked, known), login, login.proof)
            self.logins.end(self.token(asked))  # nor is it good again once somebody else has that name
        if asked.wants_page and given is None:
            raise Stop(see("/login"))
        response = plain("who are you?\n", 401)
        if self.token(asked) == "" and asked.headers.get("Sec-Fetch-Dest") != "empty":
            # Of a page whose login is over nobody wants a dialogue that asks for a password.
            response.headers["WWW-Authenticate"] = 'Basic realm="director", charset="UTF-8"'
        raise Stop(response)

    def _login(self, token: str) -> Login | None:
        return self.logins.find(token, time.monotonic())

    def _known(self, name: str, proof: str) -> User | None:
        """The user, if the password is still the one that was given."""
        user = self.accounts.find(name)
        return user if user is not None and user.password == proof else None

    def lets_stay(self, visitor: Visitor, token: str) -> bool:
        """Whether who came in before might still do so."""
        known = self._known(visitor.person.name, visitor.proof) is not None
        return known and (visitor.login is None or self._login(token) is not None)

    def _entered(self, asked: Asked, name: str, password: str) -> User | None:
        """The user, None if the password is not theirs. Raises Stop if it is not looked at."""
        where = asked.remote_addr or ""
        self._hear(asked, where)
        if user := self.accounts.recognise(name, password):
            self.failures.succeeded(where)
            return user
        try:
            with TURNS.turn():
                self._hear(asked, where)  # it may have failed often while it waited
                user = self.accounts.recognise(name, password) or self.accounts.enter(name, password)
                if user is None:
                    self.failures.failed(where, time.monotonic())
                else:
                    self.failures.succeeded(where)
        except BusyError:
            raise _refused(asked, "Too many passwords are to be checked. Try again.", 503, 1) from None
        if user is None:
            logs.warning(Event.LOGIN_FAILED, admin=self.name, client=where)
        return user

    def _hear(self, asked: Asked, where: str) -> None:
        """Raises Stop if there were too many failures."""
        if self.failures.must_wait(where, time.monotonic()):
            text = "Too many wrong passwords came from your address. Wait a minute, and try again."
            raise _refused(asked, text, 429, 60)

    def log_in(self, asked: Asked) -> Response:
        """The form, or what became of it."""
        if self._is_foreign(asked):
            return plain(f"{_FOREIGN}\n", 403)
        if asked.method != "POST":
            return page("login.html", said="", name="")
        user = self._entered(asked, asked.form.get("name", ""), asked.form.get("password", ""))
        if user is None:
            said = "That is no user with that password."
            return page("login.html", 401, said=said, name=asked.form.get("name", ""))
        self.logins.end(self.token(asked))
        token = secrets.token_urlsafe(32)
        self.logins.begin(token, secrets.token_urlsafe(32), user.name, user.password, time.monotonic())
        response = see("/")
        response.set_cookie(self.cookie, token, httponly=True, samesite="Strict", secure=self.secure)
        return response

    def log_out(self, asked: Asked) -> Response:
        """The login is over."""
        self.logins.end(self.token(asked))
        response = see("/login")
        response.delete_cookie(self.cookie, httponly=True, samesite="Strict", secure=self.secure)
        return response

    def doubt(self, asked: Asked, visitor: Visitor) -> str:
        """Why a change may be what some page made a browser do, not what its visitor wants; empty if it is meant."""
        if self._is_foreign(asked):
            return _FOREIGN
        if visitor.login is None:
            return "either a cookie or a password, not both" if self.token(asked) else ""
        meant = secrets.compare_digest(asked.form.get("csrf", "").encode(), visitor.login.csrf.encode())
        return "" if meant else "this form is too old: go back, reload the page and try again"

    @staticmethod
    def _is_foreign(asked: Asked) -> bool:
        """Whether another site has a browser send it."""
        site, origin = asked.headers.get("Sec-Fetch-Site"), asked.headers.get("Origin")
        own = origin is None or urlsplit(origin).netloc == asked.headers.get("Host")
        return asked.method == "POST" and not (own and site in (None, "same-origin", "none"))


def _refused(asked: Asked, text: str, status: int, seconds: int) -> Stop:
    """What is said to whom no password helps now; it may in so many seconds."""
    response = page("login.html", status, said=text, name="") if asked.wants_page else plain(f"{text}\n", status)
    response.headers["Retry-After"] = str(seconds)
    return Stop(response)


def _person(asked: Asked, user: User) -> Person:
    return Person(user.name, user.access, f"web, {asked.remote_addr}")
