"""Results of commands -> text for people and for awk: lines and tables. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from control import drainage, haproxy, tables
from control.columns import (
    DOWN_HOSTS,
    DRAINS,
    EXPLAINED,
    HISTORY,
    HOSTS,
    JOURNAL,
    OUTAGES,
    PROCESSES,
    SERVICES,
    SESSIONS,
    STATS,
    STICKY,
    USERS,
    WORKERS,
)
from control.tables import Column, Table, aligned
from control.units import listed, moment, span
from director.printable import clean, counted

Document = dict[str, Any]


def _exposition(stats: Document) -> Iterable[str]:
    from control import prometheus  # knows all messages, which take longer to import than most commands to run

    return prometheus.exposition(stats)


# `--format`: the stats for programs.
FORMATS: dict[str, Callable[[Document], Iterable[str]]] = {"csv": haproxy.csv, "prometheus": _exposition}

Block = str | Table  # a line, or a table


def render(command: str, result: Any) -> str:
    """Plain text as one."""
    return "\n".join(plain(command, result))


def plain(command: str, result: Any) -> Iterator[str]:
    """Lines for a file, a pipe, or the line dialect."""
    for block in _blocks(command, result):
        if isinstance(block, str):
            yield clean(block)
        else:
            yield from aligned(block)


def fitted(command: str, result: Any, width: int, coloured: bool = True) -> Iterator[str]:
    """Lines for a terminal of `width` columns."""
    for block in _blocks(command, result):
        if isinstance(block, str):
            yield clean(block)
        else:
            yield from tables.fitted(block, width, coloured)


def _blocks(command: str, result: Any) -> Iterable[Block]:
    return _RENDERERS.get(command, _outcome)(result)


def _outcome(result: Document) -> Iterator[Block]:
    yield from result["lines"]
    if result.get("workers"):
        yield f"applied by {result['applied']} of {result['workers']} workers"


def _reloaded(result: Document) -> Iterator[Block]:
    yield from result["lines"]
    if result["workers"]:
        everyone = result["applied"] == result["workers"]
        workers = result["applied"] if everyone else f"{result['applied']} of {result['workers']}"
        noun = "worker" if workers == 1 else "workers"
        took = f"{1000 * result['seconds']:.0f} ms"
        yield f"{counted(result['steps'], 'change')}, applied by {workers} {noun} in {took}"


def _stopped(result: Document) -> Iterator[Block]:
    yield from result["lines"]
    if result["open"]:
        yield f"{counted(result['open'], 'connection')} open"


def _status(result: Document) -> Iterator[Block]:
    yield Table(PROCESSES, result["processes"])
    yield from (f"draining {drainage.line(drain)}" for drain in result.get("drains", ()))


def _stats(result: Document) -> Iterator[Block]:
    head = f"director {result['version']}, pid {result['pid']}, generation {result['generation']}"
    yield f"{head}, up {span(result['uptime_seconds'])}"
    yield f"open: {result['open']}, peak: {result['peak']}" + (
        f" at {moment(result['peak_at'])}" if result["peak"] else ""
    )
    yield Table(STATS, [entry for service in result["services"] for entry in _service_entries(service)])


def _service_entries(service: Document) -> Iterator[Document]:
    groups = [entry for group in service["groups"] for entry in _group_entries(service["name"], group)]
    faults = _total_faults(entry for entry in groups if "host" not in entry)
    state = "disabled" if service.get("disabled") else None  # a daemon that runs may not have it yet
    yield {**service, "service": service["name"], "state": state, "faults": faults}
    yield from groups


def _group_entries(service: str, group: Document) -> Iterator[Document]:
    place = {"service": service, "group": group["name"]}
    yield {**group, **place, "state": "enabled" if group["enabled"] else None}
    for host in group["hosts"]:
        yield {**host, **place, "host": host["name"]}


def _total_faults(entries: Iterable[Document]) -> dict[str, int]:
    return {"all": sum(sum(entry["faults"].values()) for entry in entries)}


def _services(result: Document) -> Iterator[Block]:
    yield Table(SERVICES, result["services"])


def _hosts(result: Document) -> Iterator[Block]:
    yield Table(HOSTS, [_explained(host) for host in result["hosts"]])


def _explained(host: Document) -> Document:
    """A host, with how far its drain has got among the reasons."""
    drain = host.get("drain")
    reasons = [host["reason"], drainage.brief(drain) if drain else ""]
    return {**host, "reason": "; ".join(reason for reason in reasons if reason)}


def _drains(result: Document) -> Iterator[Block]:
    if "lines" in result:
        yield from result["lines"]
    elif result["drains"]:
        yield Table(DRAINS, result["drains"])
    else:
        yield "nothing is being drained"


def _down_hosts(result: Document) -> Iterator[Block]:
    entries = result["outages"] if result["past"] else [_explained(host) for host in result["hosts"]]
    if entries:
        yield Table(OUTAGES if result["past"] else DOWN_HOSTS, entries)
    else:
        yield "no outage is remembered" if result["past"] else "no host is down"


def _workers(result: Document) -> Iterator[Block]:
    workers = result["workers"]
    digest = (Column("DIGEST", "digest"),) if any("digest" in one for one in workers) else ()
    yield Table(WORKERS + digest, workers)


def _version(result: Document) -> Iterator[Block]:
    for name in ("client", "daemon"):
        if name in result:  # asked on the control socket itself, there is no client
            yield f"{name} {result[name] or 'unknown'}"


def _explain(result: Document) -> Iterator[Block]:
    if "session" in result:
        yield Table(SESSIONS, [result])
        for host in result["failed"]:
            yield f"tried before: {host}"
        return
    age = "has heard of no other" if result["age_ms"] is None else f"heard of the others {result['age_ms']:.0f} ms ago"
    yield f"{result['service']}/{result['group']} for {result['client']}, by worker {result['worker']}, which {age}"
    if result.get("denied"):
        yield f"nobody: {result['client']} may not connect, {result['denied']}"
        return
    if result["fault"]:
        yield f"{result['scheduler']} failed, {result['in_use']} is used instead: {result['fault']}"
    yield f"{result['scheduler']}: {result['rule']}"
    if result.get("limit"):
        yield f"nobody now: worker {result['worker']} has all that it may have of the {result['limit']}'s maxconn"
    elif result["chosen"]:
        yield f"chosen: {result['chosen']}"
    elif result["one_of"]:
        yield f"one of {len(result['one_of'])}, {result['tie_break']}: {listed(result['one_of'])}"
    else:
        yield "nobody can take it"
    yield Table(EXPLAINED, result["hosts"])


def _sessions(result: Document) -> Iterator[Block]:
    yield Table(SESSIONS, result["sessions"])
    if len(result["sessions"]) < result["total"]:
        yield f"{len(result['sessions'])} of {result['total']} sessions"


def _events(result: Document) -> Iterator[Block]:
    for event in result["events"]:
        at = datetime.fromtimestamp(event["time"]).isoformat(sep=" ", timespec="milliseconds")
        turned = " -> ".join(state for state in (event["old"], event["new"]) if state)
        words = [at, event["subject"], turned]
        words += [f"by {event['by']}"] if event["by"] else []
        words += [f"({event['reason']})"] if event["reason"] else []
        yield f"{' '.join(words)} [{event['event']}, {event['process']}]"


def _sticky(result: Document) -> Iterator[Block]:
    yield Table(STICKY, result["clients"])


def _help(result: Document) -> Iterator[Block]:
    commands = result["commands"]
    if result["detailed"]:
        (command,) = commands
        yield command["usage"]
        yield f"  {command['summary']}"
        yield from (f"  {option['usage']}: {option['help']}" for option in command["options"])
        yield f"  needs access {command['access']}"
        return
    width = max(len(command["synopsis"]) for command in commands)
    for command in commands:
        yield f"{command['synopsis']:<{width}}  {command['summary']}"


def _text(result: Document) -> Iterator[Block]:
    if "text" in result:
        yield from result["text"].splitlines()
    else:
        yield from _outcome(result)


def _difference(result: Document) -> Iterator[Block]:
    for title, key in (
        ("the file has changed since it was loaded:", "file"),
        ("operators have changed since:", "running"),
        ("in both:", "conflicts"),
    ):
        if result.get(key):
            yield title
            yield from (f"  {line}" for line in result[key])
    if not result["differs"]:
        yield "nothing to change"
        return
    yield f"plan {result['plan']}, {counted(len(result['lines']), 'step')}:"
    yield from (f"  {line}" for line in result["lines"])


def _history(result: Document) -> Iterator[Block]:
    """A line a minute, the oldest first: means of its steps."""
    step, series = result["step_seconds"], result["series"]
    minute = max(1, round(60 / step))
    length = len(next(iter(series.values())))
    lines = (
        {
            "ago": (length - 1 - at) * step,
            **{name: _mean(points[at + 1 - minute : at + 1]) for name, points in series.items()},
        }
        for at in range(minute - 1, length, minute)
    )
    yield Table(HISTORY, [line for line in lines if line["open"] is not None])


def _mean(points: list[float | None]) -> float | None:
    known = [point for point in points if point is not None]
    return sum(known) / len(known) if known else None


def _journal(result: Document) -> Iterator[Block]:
    yield Table(JOURNAL, result["changes"])


def _users(result: Document) -> Iterator[Block]:
    yield Table(USERS, result["users"])
    yield from (f"admin {one['admin']}: those in {one['path']}, too" for one in result["files"])


_RENDERERS: dict[str, Callable[[Document], Iterable[Block]]] = {
    "config-diff": _difference,
    "config-file": _text,
    "config-running": _text,
    "config-save": _text,
    "down-hosts": _down_hosts,
    "events": _events,
    "drains": _drains,
    "explain": _explain,
    "help": _help,
    "history": _history,
    "hosts": _hosts,
    "journal": _journal,
    "password-hash": _text,
    "reload": _reloaded,
    "services": _services,
    "sessions": _sessions,
    "stats": _stats,
    "status": _status,
    "sticky": _sticky,
    "stop": _stopped,
    "users": _users,
    "version": _version,
    "workers": _workers,
}
