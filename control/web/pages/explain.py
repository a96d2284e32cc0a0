"""Who would get a connection made now, and why not the others; or why a live one is where it is."""

from __future__ import annotations

from werkzeug.wrappers import Response

from control.commands.command import CommandError
from control.web.visit import Pages, Visit


def explain(visit: Visit) -> Response:
    """The page; without a question, the form alone."""
    given = {name: visit.argument(name) for name in ("service", "client", "session")}
    problem, found = "", None
    if given["session"] or given["service"]:
        try:
            found = visit.command("explain", **{name: value for name, value in given.items() if value})
        except CommandError as error:
            problem = error.message
    names = [service.name for service in visit.config().services]
    return visit.show("explain.html", given=given, problem=problem, found=found, services=names)


PAGES: Pages = {"/explain": explain}
