"""The processes of the daemon, and what can be done to it as a whole."""

from __future__ import annotations

from werkzeug.wrappers import Response

from control.web.visit import Pages, Visit
from director import logs


def workers(visit: Visit) -> Response:
    """The page."""
    levels = visit.command("log-level")["levels"] if visit.visitor.may_change else {}
    return visit.show(
        "workers.html",
        stats=visit.stats(),
        processes=visit.command("status")["processes"],
        levels=levels,
        all_levels=logs.LEVELS,
        subsystems=logs.SUBSYSTEMS,
    )


PAGES: Pages = {"/workers": workers}
