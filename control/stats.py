"""The stats: what the state of the hub looks like from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from control.fallbacks import Fallbacks
from control.totals import NOTHING, Row, Totals
from director.config.model import Group, Host, Service
from director.messages import Fault, HostState, Kind, ProcessInfo, Running
from director.scheduling.permits import DIRECTOR
from director.tally import FAULTS, HostTally, joined


@dataclass(frozen=True)
class Report:
    """Everything the stats are made of. The callables take a host's number."""

    version: str
    generation: str
    uptime: float
    node: str  # the machine's name
    descriptors: int  # how many a process may have
    running: Running
    totals: Totals
    fallbacks: Fallbacks
    processes: tuple[ProcessInfo, ...]
    health: Callable[[int], dict[str, Any]]  # its state and why, and what checks found
    unresolved: Callable[[int], str]  # why it has no address; empty if it has one
    group: Callable[[int], dict[str, Any]]  # of a group's number: its panic and falls
    drains: list[dict[str, Any]]
    drain_of: Mapping[int, dict[str, Any]]  # by host number
    file_weights: Mapping[int, float]  # by number, of hosts whose weight is another
    now: float
    at: float  # on the wall clock
    turn: Callable[[], None] = lambda: None  # called for each host: others may have their turn


def summary(report: Report) -> dict[str, Any]:
    """All of it but services."""
    master = next((one for one in report.processes if one.kind is Kind.MASTER), None)
    return {
        "version": report.version,
        "generation": report.generation,
        "pid": master.pid if master else 0,
        "uptime_seconds": round(report.uptime, 1),
        "node": report.node,
        "descriptors": report.descriptors,
        "maxconn": report.running.config.maxconn,
        **_open(report, DIRECTOR),
        **report.totals.everything(),
        "time": round(report.at, 3),
        "log_dropped": sum(_log_dropped(report, one) for one in report.processes),
        "processes": [_process(report, one) for one in report.processes if not one.generation],
        "workers": [_worker(report, one) for one in report.processes if one.kind is Kind.WORKER],
        "drains": report.drains,
        "retiring": [_retiring(report, one) for one in report.processes if one.generation],
    }


def _log_dropped(report: Report, process: ProcessInfo) -> int:
    """Lines of both logs that it could not write since it began."""
    row = report.totals.rows.get(process.incarnation) if process.kind is Kind.WORKER else None
    return process.log_dropped + (0 if row is None else int(row.gauges.get("log_dropped", 0)))


def _process(report: Report, process: ProcessInfo) -> dict[str, Any]:
    return {
        "kind": process.kind.value,
        "slot": process.slot if process.kind is Kind.WORKER else None,
        "pid": process.pid,
        "state": process.state,
        "log_dropped": _log_dropped(report, process),
    }


def _worker(report: Report, process: ProcessInfo) -> dict[str, Any]:
    row = report.totals.rows.get(process.incarnation, Row(process.slot))
    gauges = row.gauges
    return {
        "slot": process.slot,
        "pid": process.pid,
        "generation": report.generation,
        "state": process.state,
        "open": int(gauges.get("open", 0)),
        "total": sum(tally[0] for tally in row.services.values()),
        "rss_bytes": _rss(process.pid),
        "cpu_seconds": round(gauges.get("cpu_seconds", 0.0), 3),
        "cpu_percent": round(100 * row.busy, 1),
        "loop_lag_ms": gauges.get("loop_lag_ms", 0.0),
        "log_dropped": _log_dropped(report, process),
        "state_age_ms": gauges.get("state_age_ms"),
        "row_age_ms": round((report.now - row.heard) * 1000, 1) if row.heard else None,
    }


def _retiring(report: Report, process: ProcessInfo) -> dict[str, Any]:
    row = report.totals.rows.get(process.incarnation, Row(process.slot))
    return {
        "generation": process.generation,
        "pid": process.pid,
        "state": process.state,
        "open": sum(row.open.values()),
    }


def _rss(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss) if pid else 0
    except psutil.Error:
        return 0  # gone this moment


def of_service(report: Report, service: Service) -> dict[str, Any]:
    """Its part of the document."""
    tally = report.totals.service(service.number)
    groups = [_group(report, service, group) for group in service.groups]
    return {
        "name": service.name,
        "number": service.number,
        "listen": [str(listen.ip) for listen in service.listens],
        "enabled_group": service.enabled,
        "disabled": service.disabled,
        **_open(report, service.number),
        "total": tally.total,
        "maxconn": service.maxconn,
        "queued": report.totals.queued(service.number),
        "queued_peak": report.totals.queue_peaks.get(service.number, 0),
        "refused": tally.refused,
        "failed": tally.failed,
        "bytes_in": tally.bytes_in,
        "bytes_out": tally.bytes_out,
        "groups": groups,
    }


def _group(report: Report, service: Service, group: Group) -> dict[str, Any]:
    enabled = group.name == service.enabled
    sums = [report.totals.summed(host.number) for host in group.hosts]
    hosts = [_host(report, host, *found) for host, found in zip(group.hosts, sums, strict=True)]
    busy = [*(tally for tally, _ in sums if tally is not NOTHING), *report.totals.former(group.number)]
    return {
        "name": group.name,
        "number": group.number,
        "scheduler": group.scheduler,
        "maxconn": group.maxconn,
        **_open(report, group.number),
        # Who waits, waits for any of its hosts.
        "queued": report.totals.queued(service.number) if enabled else 0,
        "queued_peak": report.totals.queue_peaks.get(service.number, 0) if enabled else 0,
        **{key: sum(getattr(tally, key) for tally in busy) for key in ("total", "bytes_in", "bytes_out", "retries")},
        "faults": {
            **{fault: sum(tally.faults[index] for tally in busy) for index, fault in enumerate(_FAULTS)},
            _CHECK_FAILED: sum(host["faults"][_CHECK_FAILED] for host in hosts),  # workers make none
        },
        "scheduler_in_use": report.fallbacks.in_use(group.number, group.scheduler),
        "scheduler_failures": report.fallbacks.counts.get(group.number, 0),
        "enabled": enabled,
        **report.group(group.number),
        "connect_ms_buckets": joined([tally.connect for tally in busy]),
        "session_ms_buckets": joined([tally.session for tally in busy]),
        "hosts": hosts,
    }


def _open(report: Report, number: int) -> dict[str, Any]:
    """Connections of a host or what holds it: now, and the most there ever were; those that come in a second, too."""
    totals = report.totals
    peak, peak_at = totals.peaks.get(number, (0, 0.0))
    latest = totals.rates.latest.get(number)
    return {
        "open": totals.open.get(number, 0),
        "peak": int(peak),
        "peak_at": peak_at,
        "rate": round(totals.rates.current.get(number, 0.0), 1),
        "rate_peak": round(totals.rates.most.get(number, 0.0), 1),
        "last_connection_at": None if latest is None else round(report.at - (report.now - latest), 3),
    }


_RESOLVED = tuple(state.value for state in (HostState.UP, HostState.DOWN, HostState.SLOWSTART))
_FAULTS, _CHECK_FAILED = tuple(fault.value for fault in FAULTS), Fault.CHECK_FAILED.value


def _host(report: Report, host: Host, tally: HostTally, connect_ms: list[float]) -> dict[str, Any]:
    report.turn()
    number = host.number
    health = report.health(number)
    if not health["reason"] and health["state"] not in _RESOLVED:
        health["reason"] = report.unresolved(number)
    faults = dict(zip(_FAULTS, tally.faults, strict=True))
    faults[_CHECK_FAILED] = health["checks"]["failed"]
    return {
        "name": host.name,
        "number": number,
        "ip": str(host.ip),
        "state": health["state"],
        "weight": host.weight,
        "weight_in_file": report.file_weights.get(number, host.weight),
        "maxconn": host.maxconn,
        "backup": host.backup,
        **_open(report, number),
        "total": tally.total,
        "queued": 0,
        "bytes_in": tally.bytes_in,
        "bytes_out": tally.bytes_out,
        "retries": tally.retries,
        "closed": tally.closed,
        "faults": faults,
        "failed": tally.failed,
        "connect_ms_p50": connect_ms[0],
        "connect_ms_p99": connect_ms[1],
        "drain": report.drain_of.get(number),
        **health,
    }
