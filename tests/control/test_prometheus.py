"""The text format of Prometheus, as its own library reads it."""

from __future__ import annotations

import time

from prometheus_client.parser import text_string_to_metric_families

from control.prometheus import exposition
from tests.control.hubs import group, host, service, stats


def families(text: str) -> dict[str, list[tuple[str, dict[str, str], float]]]:
    return {
        family.name: [(sample.name, sample.labels, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(text)
    }


def exposed(document: dict[str, object]) -> str:
    return "".join(f"{line}\n" for line in exposition(document))


def test_counters_and_gauges_carry_the_labels_of_their_place() -> None:
    found = families(exposed(stats()))
    a = {"service": "web", "group": "main", "host": "a"}
    assert ("director_host_sessions_total", a, 10.0) in found["director_host_sessions"]
    assert ("director_service_current_sessions", {"service": "web"}, 4.0) in found["director_service_current_sessions"]
    assert ("director_group_sessions_total", {"service": "web", "group": "main"}, 20.0) in found[
        "director_group_sessions"
    ]
    ended = ("director_service_failed_connections_total", {"service": "web", "state": "SC"}, 2.0)
    assert ended in found["director_service_failed_connections"]
    assert ("director_host_failed_connections_total", {**a, "state": "SD"}, 1.0) in found[
        "director_host_failed_connections"
    ]
    assert ("director_process_dropped_logs_total", {"kind": "hub"}, 4.0) in found["director_process_dropped_logs"]
    assert "director_host_limit_sessions" not in {name for name, samples in found.items() if samples}


def test_peaks_and_the_time_out_are_told_by_a_daemon_that_has_them() -> None:
    document = stats()
    found = families(exposed(document))
    assert ("director_service_max_session_rate", {"service": "web"}, 9.0) in found["director_service_max_session_rate"]
    assert ("director_service_max_queue", {"service": "web"}, 6.0) in found["director_service_max_queue"]
    assert [value for _, _, value in found["director_host_downtime_seconds"]] == [31.7] * 4
    assert [value for _, _, value in found["director_group_downtime_seconds"]] == [12.3] * 3
    for one in document["services"]:
        del one["rate_peak"], one["groups"][0]["hosts"][0]["down_seconds"]
    found = families(exposed(document))
    assert (found["director_service_max_session_rate"], len(found["director_host_downtime_seconds"])) == ([], 2)


def test_a_disabled_service_is_not_enabled() -> None:
    document = stats()
    document["services"][0]["disabled"] = True
    samples = families(exposed(document))["director_service_enabled"]
    assert [(labels["service"], value) for _, labels, value in samples] == [("web", 0.0), ("db", 1.0)]


def test_every_host_is_in_one_state() -> None:
    samples = families(exposed(stats()))["director_host_status"]
    assert sum(value for _, _, value in samples) == 4
    assert [labels["state"] for _, labels, value in samples if labels["host"] == "b" and value] == ["down"]


def test_histograms_count_up_to_their_bounds() -> None:
    samples = families(exposed(stats()))["director_group_connect_time_seconds"]
    main = [
        (labels.get("le", name), value)
        for name, labels, value in samples
        if (labels["service"], labels["group"]) == ("web", "main")
    ]
    assert main[0] == ("0.0001", 3.0)
    assert main[1] == ("0.00025", 5.0)
    assert main[-2:] == [("+Inf", 6.0), ("director_group_connect_time_seconds_count", 6.0)]


def test_names_are_quoted() -> None:
    name = 'a"\\b%s'
    document = stats() | {"services": [service(name, group("main", host("a")))]}
    assert families(exposed(document))["director_service_sessions"][0][1] == {"service": name}


def test_numbers_and_names_are_those_of_the_moment() -> None:
    def read(*hosts: dict[str, object]) -> list[tuple[str, float]]:
        document = stats() | {"services": [service("web", group("main", *hosts))]}
        found = families(exposed(document))["director_host_sessions"]
        return [(labels["host"], value) for _, labels, value in found]

    assert read(host("a", total=1), host("b", total=2)) == [("a", 1), ("b", 2)]
    assert read(host("a", total=3), host("b", total=2)) == [("a", 3), ("b", 2)]
    assert read(host("b", total=2), host("c", total=4)) == [("b", 2), ("c", 4)]
    assert read() == []


def test_what_a_host_has_not_has_no_line() -> None:
    document = stats() | {"services": [service("web", group("main", host("a", maxconn=None), host("b", maxconn=7)))]}
    found = families(exposed(document))["director_host_limit_sessions"]
    assert [(labels["host"], value) for _, labels, value in found] == [("b", 7.0)]


def test_many_hosts_take_little() -> None:
    document = stats() | {"services": [service("web", group("main", *(host(f"h{n}") for n in range(10_000))))]}
    began = time.process_time()
    assert exposed(document)
    assert time.process_time() - began < 2  # measured: about a tenth; the bound is for a machine in trouble
