"""A hub that does what a test tells it, behind the same Protocol as the real one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

from control.baseline import Baseline
from control.chronicle import Chronicle
from control.closing import Closing
from control.drains import Drains
from control.fallbacks import Fallbacks
from control.history import History
from control.memory import Memory
from control.questions import Questions
from control.rendition import Renditions
from control.retries import Tried
from control.roster import Listing, Name
from director.access import Access
from director.config.lookup import nearest
from director.config.model import Config, Control, Host
from director.errors import DirectorError, Exit, UsageError
from director.messages import (
    HUB_SLOT,
    MASTER_SLOT,
    Actor,
    Answer,
    Kind,
    Open,
    Order,
    ProcessInfo,
    Progress,
    Running,
    Slot,
)
from director.scheduling.sticky import Stickies

PROCESSES = (
    ProcessInfo(Kind.MASTER, MASTER_SLOT, 100, 0, "serving", 0.0),
    ProcessInfo(Kind.HUB, HUB_SLOT, 101, 1, "serving", 0.0),
    ProcessInfo(Kind.WORKER, Slot(0), 102, 2, "serving", 0.0),
    ProcessInfo(Kind.WORKER, Slot(1), 103, 3, "booting", 0.0),
)


FAULTS = {"connect_refused": 1, "connect_timeout": 0, "connect_failed": 0, "reset": 2}  # of each host


def host(name: str, state: str = "up", **values: Any) -> dict[str, Any]:
    return {
        "name": name,
        "number": 7,
        "ip": f"10.0.0.1:{8000 + len(name)}",
        "state": state,
        "weight": 1.0,
        "weight_in_file": 1.0,
        "maxconn": None,
        "backup": False,
        "open": 2,
        "total": 10,
        "peak": 4,
        "queued": 0,
        "bytes_in": 2048,
        "bytes_out": 3 * 1024 * 1024,
        "retries": 0,
        "faults": dict(FAULTS),
        "check_type": "tcp",
        "check_rise": 2,
        "check_fall": 3,
        "check_status": "L4OK",
        "check_code": None,
        "check_ms": 0.4,
        "tls_expiry_days": None,
        "connect_ms_p50": 0.2,
        "connect_ms_p99": 1.5,
        "since": 1_700_000_000.0,
        "reason": "",
        "by": "",
        "next_check_seconds": None,
        "checks": {"ok": 5, "failed": 1},
        "failed": {"SD": 1},
        "rate": 2.6,
        "rate_peak": 7.5,
        "last_connection_at": 1_700_000_050.0,
        "down_seconds": 31.7,
        "slowstart_percent": None,
        "errno": "",
        "falls": 0,
        "outages": 3,
        "health": state,
        "last_good_check": None,
        "drain": None,
        **values,
    }


def group(name: str, *hosts: dict[str, Any], enabled: bool = True) -> dict[str, Any]:
    return {
        "name": name,
        "number": 5,
        "scheduler": "leastconns",
        "maxconn": None,
        "enabled": enabled,
        "panic": False,
        "falls": 2,
        "down_seconds": 12.3,
        "scheduler_in_use": "leastconns",
        "open": 2 * len(hosts),
        "peak": 6,
        "peak_at": 1_700_000_000.0,
        "rate": 3.5,
        "rate_peak": 9.0,
        "queued_peak": 6,
        "last_connection_at": None,
        **{key: sum(host[key] for host in hosts) for key in ("queued", "total", "bytes_in", "bytes_out", "retries")},
        "faults": {fault: len(hosts) * count for fault, count in FAULTS.items()},
        "connect_ms_buckets": [3, 2, *[0] * 14, 1],
        "session_ms_buckets": [0] * 17,
        "hosts": list(hosts),
    }


def service(name: str, *groups: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "number": 2,
        "listen": ["127.0.0.1:80", "unix:/run/web.sock"],
        "enabled_group": groups[0]["name"] if groups else "",
        "disabled": False,
        "open": 4,
        "total": 20,
        "peak": 7,
        "maxconn": None,
        "queued": 0,
        "refused": 0,
        "failed": {"SC": 2, "SD": 1},
        "rate": 3.5,
        "rate_peak": 9.0,
        "queued_peak": 6,
        "last_connection_at": None,
        "bytes_in": 4096,
        "bytes_out": 6 * 1024 * 1024,
        "groups": list(groups),
    }


def worker(slot: int) -> dict[str, Any]:
    return {
        "slot": slot,
        "pid": 102 + slot,
        "generation": "g100-7",
        "state": "serving",
        "open": 2 + slot,
        "total": 10,
        "rss_bytes": 30 * 1024 * 1024,
        "cpu_seconds": 1.25,
        "cpu_percent": 12.5,
        "loop_lag_ms": 0.1,
        "log_dropped": 0,
        "state_age_ms": 12.0,
    }


def stats() -> dict[str, Any]:
    """Service `web` with a and b in `main` (enabled), n in `next`; service `db` with one host."""
    return {
        "version": "9.9",
        "generation": "g100-7",
        "pid": 100,
        "uptime_seconds": 3700.0,
        "node": "lb1",
        "descriptors": 1024,
        "maxconn": None,
        "open": 4,
        "total": 45,  # with those of services that are gone
        "refused": 0,
        "bytes_in": 9000,
        "bytes_out": 13 * 1024 * 1024,
        "peak": 8,
        "peak_at": 1_700_000_000.0,
        "rate": 12.4,
        "rate_peak": 80.0,
        "time": 1_700_000_060.0,
        "log_dropped": 7,
        "processes": [
            {"kind": "master", "slot": None, "pid": 100, "state": "serving", "log_dropped": 3},
            {"kind": "hub", "slot": None, "pid": 101, "state": "running", "log_dropped": 4},
            *(
                {"kind": "worker", "slot": one, "pid": 102 + one, "state": "serving", "log_dropped": 0}
                for one in (0, 1)
            ),
        ],
        "workers": [worker(0), worker(1)],
        "drains": [],
        "retiring": [],
        "services": [
            service("web", group("main", host("a"), host("b", "down")), group("next", host("n"), enabled=False)),
            service("db", group("main", host("one", "maint", reason="new disk", by="root"))),
        ],
    }


class FakeRoster:
    """Has these sessions; `asked` remembers what was wanted, `closed` what is gone."""

    def __init__(self) -> None:
        self.sessions: list[dict[str, Any]] = []
        self.whole = True
        self.asked: list[dict[str, Any]] = []
        self.closed: list[Name] = []

    def listed(self, args: dict[str, Any]) -> Listing:
        self.asked.append(args)
        columns = list(self.sessions[0]) if self.sessions else []
        return Listing(columns, [[one[name] for name in columns] for one in self.sessions], self.whole)

    def one(self, name: Name) -> dict[str, Any] | None:
        return next((one for one in self.sessions if Name.read(one["session"]) == name), None)

    def close(self, names: Iterable[Name]) -> int:
        there = [name for name in names if self.one(name)]
        self.closed += there
        return len(there)


class FakeHub:
    """Answers every order with `answer`, or raises it; `asked` remembers them."""

    version = "9.9"

    def __init__(self, *controls: Control) -> None:
        self.running = Running(1, Config(controls=controls))
        self.answer: Answer | DirectorError = Answer(0, Exit.DONE, ("host a is down",), applied=2, workers=2)
        self.asked: list[tuple[Order, Actor, bool]] = []
        self.document = stats()
        self.outdatings = 0
        self.renditions = Renditions()
        self.retirees: tuple[ProcessInfo, ...] = ()
        self.past: list[dict[str, Any]] = []
        self.retried: list[int] = []
        self.cause = self.found = ""
        self.questions: list[tuple[str, dict[str, Any], int | None]] = []
        self.replies: list[dict[str, Any]] = []  # of workers
        self.stickies = Stickies(relays=True)
        self.fallbacks = Fallbacks()
        self.baseline = Baseline()
        self.cleared: list[bool] = []
        self.roster = FakeRoster()
        memory = os.memfd_create("events")
        self.chronicle = Chronicle(Memory(memory))
        os.close(memory)
        self.history = History()
        self.questions_to_all = Questions(lambda identity, message: None)
        self.drains = Drains({}, {}, Closing(self.questions_to_all, dict, lambda hosts: set()), lambda over: None)
        self.closed: list[tuple[int, str]] = []
        self.those_out: tuple[int, ...] = ()
        self.open: dict[int, int] = {}

    @property
    def arranged(self) -> Running:
        return self.running

    def forget_sticky(self, group: int, client: str | None) -> int:
        return self.stickies.tables[group].clear(client, time.monotonic())

    def out(self, service: str = "", group: str = "") -> tuple[int, ...]:
        return self.those_out

    def close_host(self, number: int, label: str, actor: Actor) -> int:
        self.closed.append((number, label))
        return 3

    def clear_counters(self, everything: bool) -> None:
        self.cleared.append(everything)

    def outages(self) -> list[dict[str, Any]]:
        return list(self.past)

    def retry(self, host: Host) -> list[Tried]:
        self.retried.append(host.number)
        return [Tried(host.name, self.cause, self.found)]

    def ask_worker(self, topic: str, args: dict[str, Any], slot: int | None = None) -> dict[str, Any] | None:
        self.questions.append((topic, args, slot))
        return self.replies[0] if self.replies else None

    def stats(self) -> dict[str, Any]:
        return self.document

    def outdated(self) -> None:
        self.outdatings += 1

    def summary(self) -> dict[str, Any]:
        return {key: value for key, value in self.document.items() if key != "services"}

    def service_stats(self, name: str) -> dict[str, Any]:
        services = {one["name"]: one for one in self.document["services"]}
        if name not in services:
            raise UsageError(f"unknown service {name!r}; {nearest(name, services)}")
        found: dict[str, Any] = services[name]
        return found

    def open_connections(self) -> Open:
        return tuple((one["name"], one["open"]) for one in self.document["services"] if one["open"])

    def processes(self) -> tuple[ProcessInfo, ...]:
        return (*PROCESSES, *self.retirees)

    def worker_digests(self) -> dict[int, str]:
        return {0: "abc", 1: "abc"}

    def ask(self, order: Order, actor: Actor, force: bool = False, dry_run: bool = False) -> Answer:
        self.asked.append((order, actor, force))
        if isinstance(self.answer, DirectorError):
            raise self.answer
        return self.answer

    def follow(self, order: Order, actor: Actor, force: bool = False) -> Iterator[Progress | Answer]:
        yield Progress(1, "on the way")
        yield self.ask(order, actor, force)


def allow(group_name: str, access: Access) -> Control:
    """`<control group= access=/>`."""
    return Control(group=group_name, access=access)
