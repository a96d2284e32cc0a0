"""Who may use the web admins, to see and to change."""

from __future__ import annotations

from typing import Any

import gevent
from werkzeug.wrappers import Response

from control.enclosures import hashed
from control.web.answers import see
from control.web.visit import Pages, Visit

_SHORTEST = 8  # characters of a password


def users(visit: Visit) -> Response:
    """The page: those in the config; those in users files are at home there."""
    admins = visit.config().admins
    return visit.show(
        "users.html",
        users=visit.command("users")["users"],
        files=sorted({admin.users_file for admin in admins if admin.users_file}),
        admins=[str(admin.listen) for admin in admins],
    )


def add(visit: Visit) -> Response:
    """A user by name and password; the hub gets its hash."""
    form = visit.asked.form
    password = form.get("password", "")
    if len(password) < _SHORTEST:
        return visit.said(f"the password is too short: take {_SHORTEST} signs or more", 400)
    given: dict[str, Any] = {name: form.get(name, "").strip() for name in ("name", "access", "admin")}
    given["password"] = gevent.get_hub().threadpool.apply(hashed, (password,))  # takes long, on purpose
    result = visit.command("user-add", **{name: value for name, value in given.items() if value})
    if visit.visitor.login is not None:
        visit.visitor.login.note = ("\n".join(result["lines"]), False)
    return see("/users")


PAGES: Pages = {"/users": users}
POSTS: Pages = {"/users/add": add}
