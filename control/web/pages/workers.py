"""The processes of the daemon, and what can be done to it as a whole."""

from __future__ import annotations

from werkzeug.wrappers import Response

from control.web.visit import Pages, Visit


def workers(visit: Visit) -> Response:
    """The page."""
    return visit.show("workers.html", stats=visit.stats(), processes=visit.command("status")["processes"])


PAGES: Pages = {"/workers": workers}
