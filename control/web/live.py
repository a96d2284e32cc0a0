"""What keeps pages as they are now: server-sent events, once a second.

A stream sends what changed since it last sent something. All streams read the
same statistics, which are asked for once, however many pages are open. With the
numbers goes the page's shape: where it is another than the page has, rows are
others, and the page asks for itself anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
from werkzeug.wrappers import Response

from control.commands.command import CommandError
from control.web.answers import plain
from control.web.assets import moment
from control.web.pages import overview
from control.web.pages.service import hosts_shown, shape
from control.web.visit import Visit

_STREAMS = 200  # live pages at a time
_PERIOD = 1.0  # seconds
_LATE = 2.0  # seconds without an answer of the hub, after which it is said how old a page is
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
        known_at = time.time()
        self._streams += 1
        try:
            while door.lets_stay(visit.visitor, token):
                asking = gevent.spawn(_told, cells, visit)
                asking.join(_LATE)
                if not asking.ready():
                    sent = {}
                    yield _trouble("the hub does not answer", known_at)
                    asking.join()
                now = asking.value
                if isinstance(now, CommandError):
                    text, changed, sent = _trouble(str(now), known_at), True, {}
                else:
                    text = f"data: {json.dumps({key: now[key] for key in now if now[key] != sent.get(key)})}\n\n"
                    changed, sent, known_at = now != sent, now, time.time()
                if changed or time.monotonic() - sent_at > _OLD:
                    sent_at = time.monotonic()
                    yield text
                gevent.sleep(_PERIOD)
        finally:
            self._streams -= 1


def _told(cells: Callable[[Visit], Cells], visit: Visit) -> Cells | CommandError:
    try:
        return cells(visit)
    except CommandError as error:
        return error


def _trouble(why: str, known_at: float) -> str:
    return f"event: trouble\ndata: {json.dumps(f'What you see is of {moment(known_at)}: {why}.')}\n\n"


def all_cells(visit: Visit) -> Cells:
    """What the overview has of each service."""
    services, window = overview.shown(visit, visit.stats())
    seen = [overview.looked_at(service) for service in services]
    cells: Cells = {"shape": overview.shape(seen, window)}
    for service in seen:
        key = f"service/{service['name']}"
        for name in ("open", "total", "refused", "faults"):
            cells[f"{key}/{name}"] = service[name]
    return cells


def service_cells(visit: Visit) -> Cells:
    """What a service's page has of it and of each host; of one that is gone, that it has another shape."""
    cells: Cells = {"shape": ""}
    for service in visit.stats()["services"]:
        if service["name"] == visit.argument("service"):
            groups, window = hosts_shown(visit, service)
            cells["shape"] = shape(service, groups, window)
            cells |= {f"whole/{name}": service[name] for name in ("open", "total", "peak")}
            for group, hosts in groups:
                for host in hosts:
                    key = f"{group['name']}/{host['name']}"
                    for name in ("state", "open", "total"):
                        cells[f"{key}/{name}"] = host[name]
                    if drain := host.get("drain"):
                        cells[f"{key}/left"] = drain["left"]
                    cells[f"{key}/faults"] = sum(host["faults"].values())
    return cells
