"""The stats in the text format of Prometheus: HAProxy's names under our prefix, in seconds and bytes.

Times are histograms of a group: by host they would be 36 series for each, and
an average over hosts can't be made of their quantiles. 10 000 hosts are 280 000
lines, which differ from those of a moment ago in their numbers only: the rest is
kept as forms that numbers are filled into, many lines at once. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain
from operator import itemgetter
from typing import Any

from control.usability import is_usable
from director.tally import BOUNDS_MS

Document = dict[str, Any]
Value = Callable[[Document], float | None]
Labels = tuple[str, ...]

_STATES = ("up", "down", "maint", "drain", "unresolved", "slowstart")
_PIECE = 500  # entries whose lines are one text
_FORMS = 1024  # that are kept: 50 MB of 25 000 hosts
_LABELS = "\0"  # in whose place labels come; a name can't hold it
_BITS = {state: tuple(int(state == other) for other in _STATES) for state in _STATES}
_BOUNDS = (*(f"{bound / 1000:g}" for bound in BOUNDS_MS), "+Inf")


def _key(name: str) -> Value:
    return itemgetter(name)


def _new(name: str) -> Value:
    """Something that a daemon that runs may not tell yet."""
    return lambda one: one.get(name)


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
    ("max_session_rate", _new("rate_peak"), "The most connections that ever came in a second."),
    ("max_queue", _new("queued_peak"), "The most clients that ever waited."),
    ("limit_sessions", _key("maxconn"), "The most connections allowed."),
    ("request_errors_total", _key("refused"), "Clients closed without a host."),
    ("enabled", lambda service: int(not service.get("disabled")), "Whether its addresses are listened on."),
)
_GROUP: tuple[tuple[str, Value, str], ...] = (
    *((suffix, _key(name), text) for suffix, name, text in _TRAFFIC),
    ("limit_sessions", _key("maxconn"), "The most connections allowed."),
    (
        "panic",
        lambda group: int(group["panic"]),
        "Whether all hosts fail their checks and are used all the same.",
    ),
    ("check_up_down_total", _new("falls"), "How often its last usable host went."),
    ("downtime_seconds_total", _new("down_seconds"), "How long it had no usable host."),
    ("enabled", lambda group: int(group["enabled"]), "Whether new connections go to this group."),
    (
        "active_servers",
        lambda group: sum([is_usable(host) and not host["backup"] for host in group["hosts"]]),
        "Usable hosts.",
    ),
    (
        "backup_servers",
        lambda group: sum([is_usable(host) and host["backup"] for host in group["hosts"]]),
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
    ("downtime_seconds_total", _new("down_seconds"), "How long it was down, taken out, or without an address."),
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
_PROCESS = (_WORKER[-1],)  # of all others than workers

_HISTOGRAMS = (
    ("group_connect_time_seconds", "Time to connect to a host.", "connect_ms_buckets"),
    ("group_session_time_seconds", "Length of connections.", "session_ms_buckets"),
)


def exposition(stats: Document) -> Iterator[str]:
    """All of it, a family at a time; what is yielded is a line, or several in one text."""
    yield from _head("process_build_info", "gauge", "The version.")
    yield f'director_process_build_info{{version="{_quoted(stats["version"])}"}} 1'
    yield from _head("process_uptime_seconds", "gauge", "Age of the daemon.")
    yield f"director_process_uptime_seconds {stats['uptime_seconds']}"
    others = [one for one in stats.get("processes", ()) if one["kind"] != "worker"]
    yield from _table("process", _PROCESS, _Entries((tuple(f'kind="{one["kind"]}"' for one in others),), others))
    services, groups, hosts = _labels(_names(stats))
    yield from _table("worker", _WORKER, _Entries((_slots(stats),), stats["workers"]))
    yield from _table("service", _SERVICE, _Entries(services, stats["services"]))
    of_groups = _Entries(groups, [group for service in stats["services"] for group in service["groups"]])
    yield from _table("group", _GROUP, of_groups)
    for name, text, key in _HISTOGRAMS:
        yield from _histogram(name, text, key, of_groups)
    of_hosts = _Entries(hosts, [host for group in of_groups.documents for host in group["hosts"]])
    yield from _table("host", _HOST, of_hosts)
    yield from _states(of_hosts)
    yield from _faults(of_hosts)
    yield from _failed("service", _Entries(services, stats["services"]))
    yield from _failed("host", of_hosts)


@dataclass(frozen=True, slots=True)
class _Entries:
    """Entries of the stats of one kind, and the labels of each; those of a piece are one tuple."""

    labels: tuple[Labels, ...]
    documents: Sequence[Document]

    def pieces(self) -> Iterator[tuple[Labels, Sequence[Document]]]:
        """Some at a time: faster than each alone, and no long wait for others."""
        begin = 0
        for labels in self.labels:
            yield labels, self.documents[begin : begin + len(labels)]
            begin += len(labels)


def _slots(stats: Document) -> Labels:
    return tuple(f'slot="{worker["slot"]}"' for worker in stats["workers"])


Names = tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]


def _names(stats: Document) -> Names:
    """Of services, of the groups of each, of the hosts of each."""
    return tuple(
        (
            service["name"],
            tuple((group["name"], tuple([host["name"] for host in group["hosts"]])) for group in service["groups"]),
        )
        for service in stats["services"]
    )


@lru_cache(maxsize=2)
def _labels(names: Names) -> tuple[tuple[Labels, ...], ...]:
    """Of services, groups and hosts, in pieces."""
    services: list[str] = []
    groups: list[str] = []
    hosts: list[str] = []
    for service, of_service in names:
        services.append(f'service="{_quoted(service)}"')
        for group, of_group in of_service:
            groups.append(f'{services[-1]},group="{_quoted(group)}"')
            hosts += [f'{groups[-1]},host="{_quoted(host)}"' for host in of_group]
    return tuple(
        tuple(tuple(labels[begin : begin + _PIECE]) for begin in range(0, len(labels), _PIECE))
        for labels in (services, groups, hosts)
    )


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP director_{name} {text}", f"# TYPE director_{name} {kind}"


@lru_cache(maxsize=_FORMS)
def _form(patterns: tuple[str, ...], labels: Labels) -> str:
    """The lines of each entry, with a %s for each number."""
    return "\n".join(
        pattern.replace(_LABELS, label) for label in (one.replace("%", "%%") for one in labels) for pattern in patterns
    )


def _table(noun: str, columns: Iterable[tuple[str, Value, str]], entries: _Entries) -> Iterator[str]:
    for suffix, value, text in columns:
        yield from _head(f"{noun}_{suffix}", "counter" if suffix.endswith("_total") else "gauge", text)
        opening = f"director_{noun}_{suffix}{{"
        patterns = (f"{opening}{_LABELS}}} %s",)
        for labels, documents in entries.pieces():
            found = tuple(map(value, documents))
            if None not in found:
                yield _form(patterns, labels) % found
            elif some := [pair for pair in zip(labels, found, strict=True) if pair[1] is not None]:
                yield "\n".join([f"{opening}{label}}} {number}" for label, number in some])


def _states(hosts: _Entries) -> Iterator[str]:
    yield from _head("host_status", "gauge", "1 for the state it is in.")
    patterns = tuple(f'director_host_status{{{_LABELS},state="{state}"}} %s' for state in _STATES)
    for labels, documents in hosts.pieces():
        yield _form(patterns, labels) % tuple(chain.from_iterable([_BITS[host["state"]] for host in documents]))


def _faults(hosts: _Entries) -> Iterator[str]:
    yield from _head("host_connection_errors_total", "counter", "What went wrong, by kind.")
    kinds = tuple(hosts.documents[0]["faults"]) if hosts.documents else ()
    patterns = tuple(f'director_host_connection_errors_total{{{_LABELS},kind="{kind}"}} %s' for kind in kinds)
    for labels, documents in hosts.pieces():
        yield _form(patterns, labels) % tuple(chain.from_iterable([host["faults"].values() for host in documents]))


def _failed(noun: str, entries: _Entries) -> Iterator[str]:
    name = f"{noun}_failed_connections_total"
    yield from _head(name, "counter", "Connections that did not end in peace, by end state.")
    for labels, documents in entries.pieces():
        some = [
            f'director_{name}{{{label},state="{state}"}} {count}'
            for label, document in zip(labels, documents, strict=True)
            for state, count in document.get("failed", {}).items()  # a daemon that runs may not have it yet
        ]
        if some:
            yield "\n".join(some)


def _histogram(name: str, text: str, key: str, groups: _Entries) -> Iterator[str]:
    yield from _head(name, "histogram", text)
    patterns = (
        *(f'director_{name}_bucket{{{_LABELS},le="{bound}"}} %s' for bound in _BOUNDS),
        f"director_{name}_count{{{_LABELS}}} %s",
    )
    for labels, documents in groups.pieces():
        numbers: list[int] = []
        for group in documents:
            numbers += accumulate(group[key])
            numbers.append(numbers[-1])
        yield _form(patterns, labels) % tuple(numbers)


def _quoted(name: str) -> str:
    return name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
