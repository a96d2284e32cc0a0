"""Who may use the web admins, to see and to change."""

from __future__ import annotations

from typing import Any

import gevent
from werkzeug.wrappers import Response

from control.commands.command import CommandError, ErrorKind
from control.enclosures import hashed
from control.web.answers import see
from control.web.visit import Pages, Visit

_SHORTEST = 8  # characters of a password
_TYPED = ("name", "access", "admin")


def users(visit: Visit) -> Response:
    """The page: those in the config; those in users files are at home there."""
    return _page(visit)


def _page(visit: Visit, status: int = 200, problem: str = "") -> Response:
    """With what was typed, but for the password."""
    admins = visit.config().admins
    return visit.show(
        "users.html",
        status,
        problem=problem,
        typed={name: visit.asked.form.get(name, "") for name in _TYPED},
        users=visit.command("users")["users"],
        files=sorted({admin.users_file for admin in admins if admin.users_file}),
        admins=[str(admin.listen) for admin in admins],
    )


def add(visit: Visit) -> Response:
    """A user by name and password; the hub gets its hash."""
    form = visit.asked.form
    password = form.get("password", "")
    if len(password) < _SHORTEST:
        return _page(visit, 400, f"the password is too short: take {_SHORTEST} signs or more")
    given: dict[str, Any] = {name: form.get(name, "").strip() for name in _TYPED}
    given["password"] = gevent.get_hub().threadpool.apply(hashed, (password,))  # takes long, on purpose
    try:
        result = visit.command("user-add", **{name: value for name, value in given.items() if value})
    except CommandError as error:
        if error.kind is ErrorKind.RIGHTS:
            raise
        return _page(visit, 409, str(error))
    if visit.visitor.login is not None:
        visit.visitor.login.note = ("\n".join(result["lines"]), False)
    return see("/users")


PAGES: Pages = {"/users": users}
POSTS: Pages = {"/users/add": add}
