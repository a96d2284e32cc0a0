"""Connections of clients, by service, host, address and age."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from control.commands.command import CommandError
from control.web.visit import Pages, Visit, Window

_SIZE = 100  # connections a page
_FILTERS = ("service", "host", "client", "older")


def sessions(visit: Visit) -> Response:
    """The page."""
    filters = {name: visit.argument(name) for name in _FILTERS}
    given = {name: value for name, value in filters.items() if value}
    problem = ""
    found: dict[str, Any] = {"sessions": [], "warnings": []}
    try:
        found = visit.command("sessions", **given)
    except CommandError as error:
        problem = str(error)
    window = Window.of(visit, len(found["sessions"]), _SIZE)
    values = {
        "filters": filters,
        "given": given,
        "window": window,
        "problem": problem,
        "services": _names(visit),
        "sessions": found["sessions"][window.at : window.end],
        "warnings": found["warnings"],
    }
    return visit.show("sessions.html", **values)


def _names(visit: Visit) -> list[str]:
    return [service.name for service in visit.config().services]


PAGES: Pages = {"/sessions": sessions}
