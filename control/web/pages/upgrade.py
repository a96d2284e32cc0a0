"""How an upgrade goes, or the last one went: its stages are among what has happened, which outlives who asks.

The web process itself is replaced by the upgrade; its successor has this page, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from werkzeug.wrappers import Response

from control.commands.command import CommandError
from control.upgrading import OVER, STEPS
from control.web.visit import Pages, Visit
from director.events import Event

_ALL = "1000"  # events, more than the hub remembers


def last(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What happened in the last upgrade, from its start on."""
    found: list[dict[str, Any]] = []
    for one in (event for event in events if event["event"] in STEPS):
        if one["event"] == Event.UPGRADE_STARTED.value or (found and found[-1]["event"] in OVER):
            found = []
        found.append(one)
    return found


def upgrade(visit: Visit) -> Response:
    """The page."""
    try:
        steps = last(visit.command("events", count=_ALL)["events"])
        stats = visit.stats()
    except CommandError as error:  # the hub is being replaced, too
        return visit.show("upgrade.html", steps=[], stats=None, going=True, trouble=str(error))
    going = visit.inquiry.replaced or (bool(steps) and steps[-1]["event"] not in OVER)
    return visit.show("upgrade.html", steps=steps, stats=stats, going=going, trouble="")


PAGES: Pages = {"/upgrade": upgrade}
