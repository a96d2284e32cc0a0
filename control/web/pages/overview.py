"""Every service at a glance."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from control.usability import is_up
from control.web.charts import small
from control.web.pages.charts import drawn, number, per_second
from control.web.visit import Pages, Visit, Window, of_shape

_SIZE = 60  # services a page
_STILL = ("name", "listen", "enabled_group", "up", "hosts", "health")  # what a service has beside its numbers


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
    seen = [{**looked_at(service), "rate": _rate(service, history["services"])} for service in services]
    return visit.show("overview.html", stats=stats, services=seen, shape=shape(seen, window), **values)


def _rate(service: dict[str, Any], minutes: dict[str, Any]) -> str:
    *_, rate = minutes.get(service["name"]) or (None,)
    return "-" if rate is None else number(rate)


def shape(seen: list[dict[str, Any]], window: Window) -> str:
    """Another if these services would be shown otherwise, their numbers aside."""
    return of_shape([window, *([service[name] for name in _STILL] for service in seen)])


def looked_at(service: dict[str, Any]) -> dict[str, Any]:
    """A service with how well it is."""
    hosts = [host for group in service["groups"] if group["enabled"] for host in group["hosts"]]
    up = sum(map(is_up, hosts))
    health = "down" if not up else "up" if up == len(hosts) else "some"
    faults = sum(sum(host["faults"].values()) for group in service["groups"] for host in group["hosts"])
    return {
        **service,
        "up": up,
        "hosts": len(hosts),
        "health": health,
        "faults": faults,
    }


PAGES: Pages = {"/": overview, "/running": overview, "/all": overview}
