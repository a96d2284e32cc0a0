"""A service, its groups and their hosts, and what can be done to them."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from werkzeug.wrappers import Response

from control.commands.command import unknown
from control.web.pages.charts import drawn
from control.web.visit import Pages, Visit, Window, of_shape
from director.scheduling.policies import POLICIES

_SIZE = 100  # hosts a page
_PATH = "/service/"
# What a service, a group, a host have beside their numbers.
_STILL = ("listen", "maxconn", "disabled")
_GROUPS = ("name", "enabled", "panic", "scheduler", "scheduler_in_use")
_HOSTS = ("name", "ip", "state", "weight", "maxconn", "backup", "since", "reason", "by")
SCHEDULERS = (*POLICIES, *(f"{name},sticky" for name in POLICIES))

Shown = list[tuple[dict[str, Any], list[dict[str, Any]]]]  # groups, each with its hosts on this page


def hosts_shown(visit: Visit, service: dict[str, Any]) -> tuple[Shown, Window]:
    """The groups with the hosts of this page, and where these stand among all."""
    wanted = visit.argument("find").lower()
    found = [(group, _fitting(group["hosts"], wanted)) for group in service["groups"]]
    window = Window.of(visit, sum(len(hosts) for _, hosts in found), _SIZE)
    shown: Shown = []
    at = 0
    for group, hosts in found:
        first, last = max(0, window.at - at), max(0, window.end - at)
        shown.append((group, hosts[first:last]))
        at += len(hosts)
    return shown, window


def _fitting(hosts: list[dict[str, Any]], wanted: str) -> list[dict[str, Any]]:
    """Those whose name or address holds what is wanted; live pages ask each second, mostly for all."""
    if not wanted:
        return hosts
    return [host for host in hosts if wanted in host["name"].lower() or wanted in host["ip"].lower()]


def shape(service: dict[str, Any], groups: Shown, window: Window) -> str:
    """Another if this service would be shown otherwise, its numbers aside."""
    parts: list[object] = [window, [service[name] for name in _STILL]]
    for group, hosts in groups:
        parts.append([group[name] for name in _GROUPS])
        parts += ([*(host[name] for name in _HOSTS), host["drain"] is None] for host in hosts)
    return of_shape(parts)


def service_page(visit: Visit) -> Response:
    """The page."""
    wanted = visit.asked.path.removeprefix(_PATH)
    services = {one["name"]: one for one in visit.stats()["services"]}
    name = wanted if wanted in services else unquote(wanted)
    if name not in services:
        return visit.said(unknown("service", name, services), 404)
    service = services[name]
    groups, window = hosts_shown(visit, service)
    return visit.show(
        "service.html",
        service=service,
        groups=groups,
        shape=shape(service, groups, window),
        window=window,
        find=visit.argument("find"),
        schedulers=SCHEDULERS,
        charts=drawn(visit, name),
    )


PAGES: Pages = {_PATH: service_page}
