"""What operators changed, with a way back."""

from __future__ import annotations

from werkzeug.wrappers import Response

from control.web.visit import Pages, Visit, Window

_SIZE = 100  # changes a page


def journal(visit: Visit) -> Response:
    """The page; the last change comes first."""
    changes = list(reversed(visit.command("journal")["changes"]))
    window = Window.of(visit, len(changes), _SIZE)
    return visit.show("journal.html", changes=changes[window.at : window.end], window=window)


PAGES: Pages = {"/journal": journal}
