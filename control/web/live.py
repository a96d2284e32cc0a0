"""What keeps pages as they are now: server-sent events, once a second.

A stream sends what changed since it last sent something. All streams read the
same statistics, which are asked for once, however many pages are open.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import gevent
from werkzeug.wrappers import Response

from control.commands.command import CommandError
from control.web.answers import plain
from control.web.pages.overview import shown
from control.web.pages.service import hosts_shown
from control.web.visit import Visit

_STREAMS = 200  # live pages at a time
_PERIOD = 1.0  # seconds
_OLD = 15.0  # seconds without a word, after which something is sent anyway

Cells = dict[str, Any]


class Live:
    """All streams of one admin."""

    def __init__(self) -> None:
        self._streams = 0

    def page(self, visit: Visit) -> Response:
        """The changing part of a page, as long as it is looked at and its visitor is logged in."""
        if self._streams >= _STREAMS:
            return plain("too many live pages\n", 503)
        response = Response(self._events(visit), content_type="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"
        return response

    def _events(self, visit: Visit) -> Iterator[str]:
        door, token = visit.door, visit.door.token(visit.asked)
        cells = service_cells if visit.argument("service") else all_cells
        sent: Cells = {}
        sent_at = 0.0
        self._streams += 1
        try:
            while visit.visitor.login is None or door.logins.find(token, time.monotonic()) is not None:
                try:
                    now = cells(visit)
                    text = f"data: {json.dumps({key: now[key] for key in now if now[key] != sent.get(key)})}\n\n"
                    changed, sent = now != sent, now
                except CommandError as error:
                    text, changed, sent = f"event: trouble\ndata: {json.dumps(str(error))}\n\n", True, {}
                if changed or time.monotonic() - sent_at > _OLD:
                    sent_at = time.monotonic()
                    yield text
                gevent.sleep(_PERIOD)
        finally:
            self._streams -= 1


def all_cells(visit: Visit) -> Cells:
    """What the overview has of each service."""
    cells: Cells = {}
    for service in shown(visit, visit.stats())[0]:
        key = f"service/{service['name']}"
        for name in ("open", "total", "refused"):
            cells[f"{key}/{name}"] = service[name]
    return cells


def service_cells(visit: Visit) -> Cells:
    """What a service's page has of each host."""
    cells: Cells = {}
    for service in visit.stats()["services"]:
        if service["name"] == visit.argument("service"):
            for group, hosts in hosts_shown(visit, service)[0]:
                for host in hosts:
                    key = f"{group['name']}/{host['name']}"
                    for name in ("state", "open", "total"):
                        cells[f"{key}/{name}"] = host[name]
                    if drain := host.get("drain"):
                        cells[f"{key}/left"] = drain["left"]
                    cells[f"{key}/faults"] = sum(host["faults"].values())
    return cells
