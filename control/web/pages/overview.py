"""Every service at a glance."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from control.web.charts import small
from control.web.pages.charts import drawn, number, per_second
from control.web.visit import Pages, Visit, Window

_SIZE = 60  # services a page


def shown(visit: Visit, stats: dict[str, Any]) -> tuple[list[dict[str, Any]], Window]:
    """The services of this page, and where they stand among all."""
    wanted = visit.argument("find").lower()
    services = [service for service in stats["services"] if wanted in service["name"].lower()]
    window = Window.of(visit, len(services), _SIZE)
    return services[window.at : window.end], window


def overview(visit: Visit) -> Response:
    """The page."""
    stats = visit.stats()
    services, window = shown(visit, stats)
    history = visit.inquiry.history("")
    lines = {
        service["name"]: small("connections a second", history["services"].get(service["name"], ()), per_second)
        for service in services
    }
    values: dict[str, Any] = {
        "lines": lines,
        "charts": drawn(visit, ""),
        "window": window,
        "find": visit.argument("find"),
    }
    return visit.show(
        "overview.html", stats=stats, services=[_seen(service, history["services"]) for service in services], **values
    )


def _seen(service: dict[str, Any], minutes: dict[str, Any]) -> dict[str, Any]:
    """A service with how well it is, and how busy."""
    *_, rate = minutes.get(service["name"]) or (None,)
    hosts = [host for group in service["groups"] if group["enabled"] for host in group["hosts"]]
    up = sum(host["state"] in ("up", "slowstart") for host in hosts)
    health = "down" if not up else "up" if up == len(hosts) else "some"
    faults = sum(sum(host["faults"].values()) for group in service["groups"] for host in group["hosts"])
    return {
        **service,
        "up": up,
        "hosts": len(hosts),
        "health": health,
        "faults": faults,
        "rate": "-" if rate is None else number(rate),
    }


PAGES: Pages = {"/": overview, "/running": overview, "/all": overview}
