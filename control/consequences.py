"""What the steps of a plan will cost: connections, capacity, limits. Pure: by the stats of this moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Document = dict[str, Any]

_USABLE = ("up", "slowstart")
_DRAIN = "drain "  # what the steps begin with that say what is to become of connections


def weighed(actions: Iterable[Document], stats: Document) -> list[Document]:
    """The same steps, each with its `consequence`, empty if there is none to speak of."""
    actions = list(actions)
    drained = {tuple(action["path"]) for action in actions if action["text"].startswith(_DRAIN)}
    return [{**action, "consequence": _consequence(action, stats, drained)} for action in actions]


def lines(actions: Iterable[Document]) -> list[str]:
    """Steps for people."""
    return [action["text"] + (f" ({action['consequence']})" if action["consequence"] else "") for action in actions]


def _consequence(action: Document, stats: Document, drained: set[tuple[str, ...]]) -> str:
    path, kind = action["path"], action["kind"]
    stay = tuple(path) not in drained
    found = _found(stats["services"], path)
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
            return _host_gone(found[1], found[2], stay)
        case "change", 3 if action["text"].startswith("give nothing new"):
            return _host_gone(found[1], found[2], stay)
        case "change", _ if action["text"].startswith(_DRAIN):
            return _connections(_count(found), False)
        case "change", _ if action["text"].startswith("change maxconn"):
            return _limit(action["text"], found[-1])
    return ""


def _found(entries: list[Document], path: list[str]) -> list[Document]:
    """The service, group and host of a path, as far as they are there."""
    found: list[Document] = []
    for name, inside in zip(path, ("groups", "hosts", ""), strict=False):
        entry = next((entry for entry in entries if entry["name"] == name), None)
        if entry is None:
            break
        found.append(entry)
        entries = entry.get(inside, [])
    return found


def _host_gone(group: Document, host: Document, stay: bool) -> str:
    usable = [one for one in group["hosts"] if one["state"] in _USABLE and one["weight"]]
    left = [one for one in usable if one["name"] != host["name"]]
    total = sum(one["weight"] for one in usable)
    share = 100 * sum(one["weight"] for one in left) / total if total else 0
    return f"{_connections(host['open'], stay)}; {len(left)} of {len(usable)} usable hosts left, {share:.0f} %"


def _group_to_come(text: str, service: Document) -> str:
    group = next((group for group in service["groups"] if f"enable group {group['name']!r} " in text), None)
    if group is None:
        return ""
    up = sum(host["state"] in _USABLE for host in group["hosts"])
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
    noun = f"{count} connection{'' if count == 1 else 's'}"
    return f"{noun} {'stays' if count == 1 else 'stay'} to their end" if stay else noun
