"""Connections of clients, by service, host, address and age."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from control.commands.command import CommandError
from control.web.visit import Pages, Visit

_FILTERS = ("service", "host", "client", "older")


def sessions(visit: Visit) -> Response:
    """The page."""
    filters = {name: visit.argument(name) for name in _FILTERS}
    problem = ""
    found: dict[str, Any] = {"sessions": [], "warnings": []}
    try:
        found = visit.command("sessions", **{name: value for name, value in filters.items() if value})
    except CommandError as error:
        problem = str(error)
    return visit.show("sessions.html", filters=filters, problem=problem, services=_names(visit), **found)


def _names(visit: Visit) -> list[str]:
    return [service.name for service in visit.config().services]


PAGES: Pages = {"/sessions": sessions}
