"""What has happened."""

from __future__ import annotations

from werkzeug.wrappers import Response

from control.web.visit import Pages, Visit, Window

_ALL = "1000"  # events, more than the hub remembers
_SIZE = 100  # events a page


def events(visit: Visit) -> Response:
    """The page; what happened last comes first."""
    wanted = visit.argument("find").lower()
    known = visit.command("events", count=_ALL)["events"]
    found = [one for one in reversed(known) if wanted in f"{one['event']} {one['subject']} {one['reason']}".lower()]
    window = Window.of(visit, len(found), _SIZE)
    return visit.show("events.html", events=found[window.at : window.end], window=window, find=visit.argument("find"))


PAGES: Pages = {"/events": events}
