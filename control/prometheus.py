"""The stats in the text format of Prometheus: HAProxy's names under our prefix, in seconds and bytes.

Times are histograms of a group: by host they would be 36 series for each, and
an average over hosts can't be made of their quantiles. Written line by line:
10 000 hosts are 270 000 lines, and no object of each is needed. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

from director.tally import BOUNDS_MS

Document = dict[str, Any]
Value = Callable[[Document], float | None]
Labelled = list[tuple[str, Document]]  # [(labels, entry of the stats)]

_STATES = ("up", "down", "maint", "drain", "unresolved", "slowstart")
_USABLE = ("up", "slowstart")
_PIECE = 500  # entries
_LABELS = "\0"  # in whose place the labels of a host come; a name can't hold it
_STATE_LINES = {
    state: "\n".join(f'director_host_status{{{_LABELS},state="{other}"}} {int(other == state)}' for other in _STATES)
    for state in _STATES
}  # all lines of a host, by its state
_BOUNDS = tuple(f"{bound / 1000:g}" for bound in BOUNDS_MS)


def _key(name: str) -> Value:
    return itemgetter(name)


def _sum(name: str) -> Value:
    return lambda group: sum(host[name] for host in group["hosts"])


def _check_seconds(host: Document) -> float | None:
    return None if host["check_ms"] is None else host["check_ms"] / 1000


def _remaining(host: Document) -> float | None:
    days = host["tls_expiry_days"]
    return None if days is None else days * 86400


# (suffix, value, help); `_total` is a counter, all others gauges.
_TRAFFIC = (
    ("current_sessions", "open", "Connections open now."),
    ("sessions_total", "total", "Connections."),
    ("bytes_in_total", "bytes_in", "Bytes from clients."),
    ("bytes_out_total", "bytes_out", "Bytes to clients."),
    ("current_queue", "queued", "Clients waiting."),
)
_SERVICE: tuple[tuple[str, Value, str], ...] = (
    *((suffix, _key(name), text) for suffix, name, text in _TRAFFIC),
    ("max_sessions", _key("peak"), "The most connections ever open."),
    ("limit_sessions", _key("maxconn"), "The most connections allowed."),
    ("request_errors_total", _key("refused"), "Clients closed without a host."),
)
_GROUP: tuple[tuple[str, Value, str], ...] = (
    *((suffix, _sum(name), text) for suffix, name, text in _TRAFFIC),
    ("limit_sessions", _key("maxconn"), "The most connections allowed."),
    (
        "panic",
        lambda group: int(group["panic"]),
        "Whether all hosts fail their checks and are used all the same.",
    ),
    ("enabled", lambda group: int(group["enabled"]), "Whether new connections go to this group."),
    (
        "active_servers",
        lambda group: sum(host["state"] in _USABLE and not host["backup"] for host in group["hosts"]),
        "Usable hosts.",
    ),
    (
        "backup_servers",
        lambda group: sum(host["state"] in _USABLE and host["backup"] for host in group["hosts"]),
        "Usable backup hosts.",
    ),
)
_HOST: tuple[tuple[str, Value, str], ...] = (
    *((suffix, _key(name), text) for suffix, name, text in _TRAFFIC),
    ("max_sessions", _key("peak"), "The most connections ever open."),
    ("limit_sessions", _key("maxconn"), "The most connections allowed."),
    ("weight", _key("weight"), "Share of new connections."),
    ("retry_warnings_total", _key("retries"), "Attempts here after another host had failed."),
    ("check_failures_total", lambda host: host["checks"]["failed"], "Checks that failed."),
    ("check_up_down_total", _key("falls"), "How often it went down."),
    ("check_duration_seconds", _check_seconds, "What the last check took."),
    ("certificate_remaining_seconds", _remaining, "How long its certificate lasts, where checks see one."),
    ("last_change_timestamp_seconds", _key("since"), "When it got into its state."),
)
_WORKER: tuple[tuple[str, Value, str], ...] = (
    ("current_connections", _key("open"), "Connections open now."),
    ("connections_total", _key("total"), "Connections accepted."),
    ("resident_memory_bytes", _key("rss_bytes"), "Memory."),
    ("cpu_seconds_total", _key("cpu_seconds"), "Processor time."),
    ("loop_lag_seconds", lambda worker: worker["loop_lag_ms"] / 1000, "How late its event loop is."),
    ("dropped_logs_total", _key("log_dropped"), "Log lines that could not be written."),
)


def exposition(stats: Document) -> Iterator[str]:
    """All of it, a family at a time; what is yielded is a line, or several in one text."""
    yield from _head("process_build_info", "gauge", "The version.")
    yield f'director_process_build_info{{version="{_quoted(stats["version"])}"}} 1'
    yield from _head("process_uptime_seconds", "gauge", "Age of the daemon.")
    yield f"director_process_uptime_seconds {stats['uptime_seconds']}"
    workers = [(f'slot="{worker["slot"]}"', worker) for worker in stats["workers"]]
    services, groups, hosts = _labelled(stats)
    yield from _table("worker", _WORKER, workers)
    yield from _table("service", _SERVICE, services)
    yield from _table("group", _GROUP, groups)
    yield from _histogram("group_connect_time_seconds", "Time to connect to a host.", "connect_ms_buckets", groups)
    yield from _histogram("group_session_time_seconds", "Length of connections.", "session_ms_buckets", groups)
    yield from _table("host", _HOST, hosts)
    yield from _states(hosts)
    yield from _faults(hosts)


def _labelled(stats: Document) -> tuple[Labelled, Labelled, Labelled]:
    services: Labelled = []
    groups: Labelled = []
    hosts: Labelled = []
    for service in stats["services"]:
        services.append((of_service := f'service="{_quoted(service["name"])}"', service))
        for group in service["groups"]:
            groups.append((of_group := f'{of_service},group="{_quoted(group["name"])}"', group))
            hosts += [(f'{of_group},host="{_quoted(host["name"])}"', host) for host in group["hosts"]]
    return services, groups, hosts


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP director_{name} {text}", f"# TYPE director_{name} {kind}"


def _pieces(entries: Labelled) -> Iterator[Labelled]:
    """So many that their lines are one text: faster than a line at a time, and no long wait for others."""
    return (entries[begin : begin + _PIECE] for begin in range(0, len(entries), _PIECE))


def _table(noun: str, columns: Iterable[tuple[str, Value, str]], entries: Labelled) -> Iterator[str]:
    for suffix, value, text in columns:
        yield from _head(f"{noun}_{suffix}", "counter" if suffix.endswith("_total") else "gauge", text)
        opening = f"director_{noun}_{suffix}{{"
        for piece in _pieces(entries):
            names, found = zip(*piece, strict=True)
            samples = zip(names, map(value, found), strict=True)
            if lines := [f"{opening}{labels}}} {number}" for labels, number in samples if number is not None]:
                yield "\n".join(lines)


def _states(hosts: Labelled) -> Iterator[str]:
    yield from _head("host_status", "gauge", "1 for the state it is in.")
    for piece in _pieces(hosts):
        yield "\n".join([_STATE_LINES[host["state"]].replace(_LABELS, labels) for labels, host in piece])


def _faults(hosts: Labelled) -> Iterator[str]:
    yield from _head("host_connection_errors_total", "counter", "What went wrong, by kind.")
    opening = "director_host_connection_errors_total{"
    for piece in _pieces(hosts):
        lines = [
            f'{opening}{labels},kind="{kind}"}} {count}'
            for labels, host in piece
            for kind, count in host["faults"].items()
        ]
        if lines:
            yield "\n".join(lines)


def _histogram(name: str, text: str, key: str, entries: Labelled) -> Iterator[str]:
    yield from _head(name, "histogram", text)
    for labels, entry in entries:
        below = 0
        for bound, count in zip(_BOUNDS, entry[key], strict=False):
            below += count
            yield f'director_{name}_bucket{{{labels},le="{bound}"}} {below}'
        total = sum(entry[key])
        yield f'director_{name}_bucket{{{labels},le="+Inf"}} {total}'
        yield f"director_{name}_count{{{labels}}} {total}"


def _quoted(name: str) -> str:
    return name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
