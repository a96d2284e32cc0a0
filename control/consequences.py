"""What the steps of a plan will cost: connections, capacity, limits. Pure: by the stats of this moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from control.usability import is_up, is_usable
from director.printable import counted

Document = dict[str, Any]

_INSIDE = ("groups", "hosts", "")  # what a service, a group and a host hold
_DRAIN = "drain "  # what the steps begin with that say what is to become of connections


def weighed(actions: Iterable[Document], stats: Document) -> Iterator[Document]:
    """The same steps, each with its `consequence`, empty if there is none to speak of."""
    actions = list(actions)
    drained = {tuple(action["path"]) for action in actions if action["text"].startswith(_DRAIN)}
    known = _Known(stats["services"])
    for action in actions:
        yield {**action, "consequence": _consequence(action, known, drained)}


def lines(actions: Iterable[Document]) -> list[str]:
    """Steps for people."""
    return [action["text"] + (f" ({action['consequence']})" if action["consequence"] else "") for action in actions]


class _Known:
    """The stats by names: each list in them is gone through once, for however many steps."""

    def __init__(self, services: list[Document]) -> None:
        self._services = services
        self._named: dict[tuple[str, ...], dict[str, Document]] = {}
        self._usable: dict[tuple[str, ...], tuple[int, float]] = {}

    def found(self, path: list[str]) -> list[Document]:
        """The service, group and host of a path, as far as they are there."""
        found: list[Document] = []
        entries = self._services
        for depth, (name, inside) in enumerate(zip(path, _INSIDE, strict=False)):
            where = tuple(path[:depth])
            if where not in self._named:
                self._named[where] = {entry["name"]: entry for entry in entries}
            entry = self._named[where].get(name)
            if entry is None:
                break
            found.append(entry)
            entries = entry.get(inside, [])
        return found

    def usable(self, path: list[str], group: Document) -> tuple[int, float]:
        """How many hosts of a group get connections, and their weight in all."""
        where = tuple(path)
        if where not in self._usable:
            weights = [host["weight"] for host in group["hosts"] if is_usable(host)]
            self._usable[where] = len(weights), sum(weights)
        return self._usable[where]


def _consequence(action: Document, known: _Known, drained: set[tuple[str, ...]]) -> str:
    path, kind = action["path"], action["kind"]
    stay = tuple(path) not in drained
    found = known.found(path)
    if len(path) != len(found):
        return ""
    match kind, len(path):
        case "enable", 1:
            return _group_to_come(action["text"], found[0])
        case "close", 1:
            return "who waits there is still accepted; connections stay"
        case "remove", 1:
            return _connections(found[0]["open"], stay)
        case "remove", 2:
            return _connections(_count(found), stay)
        case "remove", 3:
            return _host_gone(found[2], known.usable(path[:2], found[1]), stay)
        case "change", 3 if action["text"].startswith("give nothing new"):
            return _host_gone(found[2], known.usable(path[:2], found[1]), stay)
        case "change", _ if action["text"].startswith(_DRAIN):
            return _connections(_count(found), False)
        case "change", _ if action["text"].startswith("change maxconn"):
            return _limit(action["text"], found[-1])
    return ""


def _host_gone(host: Document, usable: tuple[int, float], stay: bool) -> str:
    count, weight = usable
    own = int(is_usable(host))
    share = 100 * (weight - own * host["weight"]) / weight if weight else 0
    return f"{_connections(host['open'], stay)}; {count - own} of {count} usable hosts left, {share:.0f} %"


def _group_to_come(text: str, service: Document) -> str:
    group = next((group for group in service["groups"] if f"enable group {group['name']!r} " in text), None)
    if group is None:
        return ""
    up = sum(map(is_up, group["hosts"]))
    return f"{up} of its {len(group['hosts'])} hosts are up; connections stay where they are"


def _count(found: list[Document]) -> int:
    """Connections of a service, group or host."""
    last = found[-1]
    return int(sum(host["open"] for host in last["hosts"]) if "hosts" in last else last["open"])


def _limit(text: str, entry: Document) -> str:
    limit = text.rpartition(" ")[2]
    if limit.isdigit() and entry["open"] > int(limit):
        return f"it has {entry['open']} now: none are cut, and none new until they are fewer"
    return ""


def _connections(count: int, stay: bool) -> str:
    noun = counted(count, "connection")
    return f"{noun} {'stays' if count == 1 else 'stay'} to their end" if stay else noun
