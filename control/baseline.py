"""From when the line dialect counts: what `clear counters all` makes of totals that never fall.

Kept for what reads HAProxy's phrases; statistics for everybody else go on. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Document = dict[str, Any]

_OF_SERVICE = ("total", "refused", "bytes_in", "bytes_out")
_OF_GROUP = ("total", "bytes_in", "bytes_out", "retries", "falls")
_OF_HOST = ("total", "bytes_in", "bytes_out", "retries", "falls", "outages")
_MAPS = ("faults", "checks", "failed")  # counts by kind: of a host; of a service the last


class Baseline:
    """What had been counted when counters were cleared, by number."""

    def __init__(self) -> None:
        self._all: Document = {}
        self._services: dict[int, Document] = {}
        self._groups: dict[int, Document] = {}
        self._hosts: dict[int, Document] = {}

    def set(self, stats: Document) -> None:
        """Count from what these statistics say."""
        self._all = _picked(stats, _OF_SERVICE)
        self._services = {one["number"]: _picked(one, (*_OF_SERVICE, "failed")) for one in stats["services"]}
        self._groups = {one["number"]: _picked(one, (*_OF_GROUP, "faults")) for one in _groups(stats)}
        self._hosts = {one["number"]: _picked(one, (*_OF_HOST, *_MAPS)) for one in _hosts(stats)}

    def since(self, stats: Document) -> Document:
        """The same statistics with what was counted since."""
        if not self._all:
            return stats
        return {
            **_less(stats, self._all, _OF_SERVICE),
            "services": [self._service(service) for service in stats["services"]],
        }

    def _service(self, service: Document) -> Document:
        groups = [self._group(group) for group in service["groups"]]
        return {**_less(service, self._services.get(service["number"]), _OF_SERVICE), "groups": groups}

    def _group(self, group: Document) -> Document:
        hosts = [_less(host, self._hosts.get(host["number"]), _OF_HOST) for host in group["hosts"]]
        return {**_less(group, self._groups.get(group["number"]), _OF_GROUP), "hosts": hosts}


def _groups(stats: Document) -> Iterable[Document]:
    return (group for service in stats["services"] for group in service["groups"])


def _hosts(stats: Document) -> Iterable[Document]:
    return (host for group in _groups(stats) for host in group["hosts"])


def _picked(one: Document, keys: Iterable[str]) -> Document:
    return {key: one[key] for key in keys}


def _less(one: Document, base: Document | None, keys: Iterable[str]) -> Document:
    """What came or changed after the baseline keeps all it has."""
    if base is None:
        return one
    less = {key: max(0, one[key] - base[key]) for key in keys}
    maps = {
        name: {kind: max(0, count - base[name].get(kind, 0)) for kind, count in one[name].items()}
        for name in _MAPS
        if name in base
    }
    return {**one, **less, **maps}
