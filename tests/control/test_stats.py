"""The stats document: its keys are a contract."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from control.fallbacks import Fallbacks
from control.stats import Report, of_service, summary
from control.totals import Totals
from director.config.model import Config, Endpoint, Group, Host, Listen, Service
from director.messages import MASTER_SLOT, Kind, ProcessInfo, Running, Slot, Tally
from director.tally import HostTally, ServiceTally

HOST = Host(name="a", ip=Endpoint("10.0.0.1", 80), weight=0.5, number=3)
GROUP = Group(name="main", hosts=(HOST,), number=2)
SERVICE = Service(name="web", listens=(Listen(ip=Endpoint("*", 80)),), groups=(GROUP,), enabled="main", number=1)

HEALTH = {
    "state": "down",
    "since": 123.0,
    "reason": "refused",
    "by": "me",
    "next_check_seconds": 1.5,
    "checks": {"ok": 3, "failed": 1},
}


def report() -> Report:
    totals = Totals()
    faults = HostTally(total=9, bytes_in=5, bytes_out=6)
    faults.connect[3] = 10
    faults.failed["SD"] = 1
    service = ServiceTally(total=11, refused=2, failed={"SC": 2, "SD": 1})
    totals.tally(Tally(Slot(0), 1, True, {3: faults.row()}, {1: service.row()}, {"open": 4.0, "log_dropped": 4}), 9.5)
    processes = (
        ProcessInfo(Kind.MASTER, MASTER_SLOT, 77, 0, "serving", 1.0, log_dropped=3),
        ProcessInfo(Kind.WORKER, Slot(0), 0, 1, "serving", 1.0),
    )
    return Report(
        version="1",
        generation="g1",
        uptime=5.0,
        node="lb1",
        descriptors=1024,
        running=Running(1, Config(services=(SERVICE,))),
        fallbacks=Fallbacks(),
        totals=totals,
        processes=processes,
        health=lambda number: {**HEALTH},
        unresolved=lambda number: "no such name",
        group=lambda number: {"panic": False, "falls": 2, "down_seconds": 1.5},
        drains=[],
        drain_of={},
        file_weights={},
        now=10.0,
        at=130.0,
    )


def build(report: Report) -> dict[str, Any]:
    """The whole document."""
    return {**summary(report), "services": [of_service(report, one) for one in report.running.config.services]}


def test_for_each_host_others_may_have_their_turn() -> None:
    turns: list[None] = []
    build(replace(report(), turn=lambda: turns.append(None)))
    assert len(turns) == len(SERVICE.groups[0].hosts)


def test_every_promised_key_is_there() -> None:
    document = json.loads(json.dumps(build(report())))
    assert {"version", "generation", "pid", "uptime_seconds", "workers", "services"} <= document.keys()
    (worker,) = document["workers"]
    assert {
        "slot",
        "pid",
        "generation",
        "state",
        "open",
        "total",
        "rss_bytes",
        "cpu_seconds",
        "loop_lag_ms",
        "state_age_ms",
    } <= worker.keys()
    (service,) = document["services"]
    assert {
        "name",
        "listen",
        "enabled_group",
        "open",
        "total",
        "peak",
        "maxconn",
        "queued",
        "refused",
        "bytes_in",
        "bytes_out",
    } <= service.keys()
    (host,) = service["groups"][0]["hosts"]
    assert {
        "name",
        "ip",
        "state",
        "weight",
        "maxconn",
        "open",
        "total",
        "peak",
        "queued",
        "bytes_in",
        "bytes_out",
        "faults",
        "connect_ms_p50",
        "connect_ms_p99",
        "since",
        "reason",
        "by",
        "next_check_seconds",
    } <= host.keys()
    assert {"connect_refused", "connect_timeout", "reset", "check_failed"} <= host["faults"].keys()


def test_the_values_are_those_counted() -> None:
    document = build(report())
    host = document["services"][0]["groups"][0]["hosts"][0]
    assert (document["pid"], document["workers"][0]["open"], document["workers"][0]["total"]) == (77, 4, 11)
    assert document["workers"][0]["row_age_ms"] == 500.0
    assert (document["services"][0]["refused"], host["total"], host["weight"]) == (2, 9, 0.5)
    assert (document["services"][0]["failed"], host["failed"]) == ({"SC": 2, "SD": 1}, {"SD": 1})
    assert document["log_dropped"] == 7
    assert [(one["kind"], one["log_dropped"]) for one in document["processes"]] == [("master", 3), ("worker", 4)]
    assert (host["state"], host["reason"], host["by"], host["next_check_seconds"]) == ("down", "refused", "me", 1.5)
    assert 0.5 <= host["connect_ms_p50"] <= 1


def test_who_waits_waits_for_the_enabled_group() -> None:
    waited = report()
    waited.totals.rows[1].queued = {1: 3}
    groups = (GROUP, Group(name="next", number=4))
    running = Running(1, Config(services=(replace(SERVICE, groups=groups),)))
    (service,) = build(replace(waited, running=running))["services"]
    assert (service["queued"], [group["queued"] for group in service["groups"]]) == (3, [3, 0])


def test_failed_checks_are_faults_of_the_group_as_of_the_host() -> None:
    (group,) = build(report())["services"][0]["groups"]
    assert group["faults"]["check_failed"] == group["hosts"][0]["faults"]["check_failed"] == 1


def test_a_host_without_an_address_says_why() -> None:
    def reason(**health: object) -> str:
        found = replace(report(), health=lambda number: {**HEALTH, **health})
        return str(build(found)["services"][0]["groups"][0]["hosts"][0]["reason"])

    assert reason(state="unresolved", reason="") == "no such name"
    assert reason(state="maint", reason="new disk") == "new disk"
    assert reason(state="up", reason="") == ""
