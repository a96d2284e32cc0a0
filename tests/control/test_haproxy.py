"""What HAProxy's monitoring tools read, to the column."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest

from control import haproxy
from tests.control.hubs import group, host, service, stats


def table(document: dict[str, Any]) -> list[dict[str, str]]:
    title, *lines = haproxy.csv(document)
    return list(csv.DictReader(lines, fieldnames=title.removeprefix("# ").split(",")))


def test_columns_stand_where_haproxy_has_them() -> None:
    title = next(haproxy.csv(stats()))
    names = title.removeprefix("# ").split(",")
    # As printed by HAProxy; the places are a contract of its own.
    places = {"pxname": 0, "scur": 4, "stot": 7, "status": 17, "type": 32, "check_status": 36, "last_chk": 56}
    places |= {"addr": 73, "algo": 76, "eint": 94, "agg_check_status": 102, "cache_hint_hits": 118, "-": 119}
    assert {name: names.index(name) for name in places} == places
    assert all(line.count(",") == title.count(",") for line in haproxy.csv(stats()))


def test_a_service_is_a_frontend_and_its_groups_are_backends_after_their_servers() -> None:
    rows = [(row["pxname"], row["svname"], row["type"], row["status"]) for row in table(stats())]
    assert rows == [
        ("web", "FRONTEND", "0", "OPEN"),
        ("web.main", "a", "2", "UP"),
        ("web.main", "b", "2", "DOWN"),
        ("web.main", "BACKEND", "1", "UP"),
        ("web.next", "n", "2", "UP"),
        ("web.next", "BACKEND", "1", "UP"),
        ("db", "FRONTEND", "0", "OPEN"),
        ("db.main", "one", "2", "MAINT"),
        ("db.main", "BACKEND", "1", "DOWN"),
    ]


def test_the_values_are_those_of_the_stats() -> None:
    a = table(stats())[1]
    wanted = {"scur": "2", "smax": "4", "slim": "", "stot": "10", "bin": "2048", "econ": "1", "eresp": "2"}
    wanted |= {"weight": "1", "chkfail": "1", "chkdown": "3", "lastchg": "60", "check_status": "L4OK", "mode": "tcp"}
    wanted |= {"check_desc": "Layer4 check passed"}
    assert {column: a[column] for column in wanted} == wanted


def test_rates_and_times_that_are_known_are_told() -> None:
    hosts = (host("a"), host("b", "slowstart", slowstart_percent=40, last_connection_at=None))
    waited = service("web", {**group("main", *hosts), "retries": 3})
    frontend, a, b, backend, *_ = table(stats() | {"services": [waited]})
    wanted = {"rate": "4", "rate_max": "9", "rate_lim": "0", "conn_rate": "4", "conn_rate_max": "9"}
    assert {column: frontend[column] for column in wanted} == wanted
    wanted = {"rate": "3", "rate_max": "8", "qmax": "0", "lastsess": "10", "downtime": "32", "throttle": ""}
    assert {column: a[column] for column in wanted} == wanted
    assert (b["lastsess"], b["throttle"]) == ("-1", "40")
    wanted = {"rate": "4", "rate_max": "9", "qmax": "6", "wredis": "3", "smax": "6", "lastsess": "-1"}
    assert {column: backend[column] for column in wanted} == wanted


@pytest.mark.parametrize(
    ("health", "standing"), [("up", "4"), ("going down 1/3", "3"), ("down", "0"), ("going up 1/2", "1")]
)
def test_how_many_checks_turn_a_host_is_told_and_where_it_stands(health: str, standing: str) -> None:
    document = stats() | {"services": [service("web", group("main", host("a", health=health)))]}
    row = table(document)[1]
    assert [row[column] for column in ("check_rise", "check_fall", "check_health")] == ["2", "3", standing]


def test_the_time_to_connect_to_a_backend_is_a_median_as_that_to_a_server() -> None:
    busy = {**group("main", host("a")), "connect_ms_buckets": [*[0] * 9, 8, *[0] * 7]}
    document = stats() | {"services": [service("web", busy)]}
    assert 25 <= int(table(document)[-1]["ctime"]) <= 100


def test_a_daemon_that_tells_less_has_empty_columns() -> None:
    new = ("rate", "rate_peak", "last_connection_at", "down_seconds", "slowstart_percent", "check_rise", "outages")
    old = {key: value for key, value in host("a").items() if key not in new}
    a = table(stats() | {"services": [service("web", group("main", old))]})[1]
    columns = ("rate", "rate_max", "downtime", "throttle", "check_rise", "check_health", "chkdown")
    assert {a[name] for name in columns} == {""}


def test_a_backend_changes_when_its_first_host_comes_or_its_last_one_goes() -> None:
    def changed(*hosts: dict[str, Any]) -> str:
        return table(stats() | {"services": [service("web", group("main", *hosts))]})[-1]["lastchg"]

    long, just = 1_700_000_000.0, 1_700_000_050.0
    assert changed(host("a", since=long), host("b", "down", since=just), host("c", since=just)) == "60"
    assert changed(host("a", "maint", since=long), host("b", "down", since=just)) == "10"


def test_a_backend_tells_how_often_and_how_long_it_was_without_a_host() -> None:
    backend = table(stats())[3]
    assert (backend["svname"], backend["chkdown"], backend["downtime"]) == ("BACKEND", "2", "12")


def test_a_backend_has_the_weight_of_hosts_that_get_connections_now() -> None:
    def backend(*hosts: dict[str, Any]) -> tuple[str, ...]:
        row = table(stats() | {"services": [service("web", group("main", *hosts))]})[-1]
        return tuple(row[column] for column in ("status", "weight", "uweight", "act", "bck"))

    spare = host("c", weight=3.0, backup=True)
    assert backend(host("a"), host("b", weight=2.0), spare) == ("UP", "3", "3", "2", "1")
    assert backend(host("a", "down"), spare) == ("UP", "3", "3", "0", "1")
    assert backend(host("a", weight=0.0)) == ("DOWN", "0", "0", "0", "0")


def test_odd_text_stays_in_its_cell() -> None:
    reason = 'said "no",\nthen left'
    document = stats() | {"services": [service("web", group("main", host("a", "maint", reason=reason)))]}
    assert table(document)[1]["last_chk"] == 'said "no", then left'


def test_a_small_weight_is_not_shown_as_none() -> None:
    hosts = (host("a", weight=0.25), host("b", weight=0.0), host("c", weight=2.6))
    document = stats() | {"services": [service("web", group("main", *hosts))]}
    assert [row["weight"] for row in table(document)[1:4]] == ["1", "0", "3"]


def test_a_host_that_nobody_checks_has_no_check() -> None:
    unchecked = host("a", check_type=None, check_rise=None, check_fall=None, check_status="", check_ms=None)
    document = stats() | {"services": [service("web", group("main", unchecked))]}
    row = table(document)[1]
    assert [row[column] for column in ("status", "check_status", "check_rise", "check_health")] == [
        "no check",
        "",
        "",
        "",
    ]


def test_rows_are_chosen_by_number_and_kind() -> None:
    assert {row["type"] for row in haproxy.rows(stats(), -1, 4, -1)} == {haproxy.SERVER}
    assert [row["svname"] for row in haproxy.rows(stats(), 2, 1, -1)] == ["FRONTEND", "FRONTEND"]


def test_typed_and_json_say_the_same_as_the_table() -> None:
    rows = list(haproxy.rows(stats()))
    assert "S.5.7.4.scur.1:MGPP:u32:2" in list(haproxy.typed(rows))
    (told,) = json.loads("".join(haproxy.as_json(rows[1:2])))
    by_name = {entry["field"]["name"]: entry for entry in told}
    assert by_name["scur"] == {
        "objType": "Server",
        "proxyId": 5,
        "id": 7,
        "field": {"pos": 4, "name": "scur"},
        "processNum": 1,
        "tags": {"origin": "Metric", "nature": "Gauge", "scope": "Process"},
        "value": {"type": "u32", "value": 2},
    }


def test_json_is_one_document_in_a_line_a_row() -> None:
    rows = list(haproxy.rows(stats()))
    assert len(json.loads("".join(haproxy.as_json(rows)))) == len(list(haproxy.as_json(rows))) - 1 == len(rows)
    assert json.loads("".join(haproxy.as_json([]))) == []


def test_servers_state_has_one_line_a_host_of_as_many_words_as_its_title() -> None:
    version, title, *lines = haproxy.servers_state(stats(), "web.main")
    assert version == "1"
    assert [len(line.split()) for line in lines] == [len(title.split()) - 1] * 2
    a = dict(zip(title.split()[1:], lines[0].split(), strict=True))
    assert (a["be_name"], a["srv_name"], a["srv_addr"], a["srv_port"]) == ("web.main", "a", "10.0.0.1", "8001")
    assert (a["srv_op_state"], a["srv_admin_state"]) == ("2", "0")


def test_a_weight_stands_beside_that_of_the_config_file() -> None:
    document = stats() | {"services": [service("web", group("main", host("a", weight=7.0, weight_in_file=2.0)))]}
    assert list(haproxy.weight(document, "web", "main", "a")) == ["7 (initial 2)"]
    _, title, line = haproxy.servers_state(document)
    a = dict(zip(title.split()[1:], line.split(), strict=True))
    assert (a["srv_uweight"], a["srv_iweight"]) == ("7", "2")


def test_members_of_a_host_have_numbers_and_weights_as_haproxy_reads_them() -> None:
    members = (
        host("pool:10.0.0.7:80", number=-(1 << 32) - 1, weight=2.0, weight_in_file=8.0),
        host("pool:10.0.0.8:80", number=-(1 << 32) - 2, weight=4.0, weight_in_file=8.0),
    )
    document = stats() | {"services": [service("web", group("main", *members))]}
    numbers = [int(row["sid"]) for row in table(document)[1:3]]
    assert len({*numbers, 0}) == 3 and all(0 <= number < 1 << 32 for number in numbers)
    assert [int(line.split()[2]) for line in list(haproxy.servers_state(document))[2:]] == numbers
    assert list(haproxy.weight(document, "web", "main", "pool:10.0.0.8:80")) == ["4 (initial 8)"]
    assert list(haproxy.weight(document, "web", "main", "pool")) == ["3 (initial 8)"]
    assert list(haproxy.weight(document, "web", "main", "pool:10.0.0.9:80")) == ["No such server."]


def test_connections_broken_by_either_side_are_aborts() -> None:
    hosts = (host("a", failed={"SD": 2, "CD": 3, "KD": 9}), host("b", failed={"CD": 4}))
    document = stats() | {"services": [service("web", group("main", *hosts))]}
    found = [(row["svname"], row["cli_abrt"], row["srv_abrt"]) for row in table(document)[1:]]
    assert found == [("a", "3", "2"), ("b", "4", "0"), ("BACKEND", "7", "2")]


def test_a_disabled_service_is_a_stopped_frontend() -> None:
    web = {**service("web", group("main", host("a"))), "disabled": True}
    assert table(stats() | {"services": [web]})[0]["status"] == "STOP"


def test_a_blank_in_a_name_makes_no_more_words_of_a_line() -> None:
    odd = {**service("a service", group("a group", host("a host", ip="unix:/a path")))}
    _, title, line = haproxy.servers_state(stats() | {"services": [odd]})
    assert len(line.split()) == len(title.split()) - 1
    one = {"session": "0-7", "client": "::1", "port": 1, "service": "a b", "group": "c d", "host": "e f"}
    (told,) = haproxy.sessions({"sessions": [{**one, "open_seconds": 1.0}]})
    assert " fe=a_b be=a_b.c_d srv=e_f ts=00 " in told


def test_info_names_haproxy_for_its_tools_and_director_for_people() -> None:
    info = dict(line.split(": ") for line in haproxy.info(stats()))
    assert (info["Name"], info["description"], info["Uptime"]) == ("HAProxy", "director 9.9", "0d 1h01m40s")
    assert (info["CurrConns"], info["Pid"]) == ("5", "100")
    assert (info["CumConns"], info["CumReq"]) == ("45", "45")  # more than services have: some are gone


def test_info_has_every_line_without_which_hatop_ends() -> None:
    info = dict(line.split(": ") for line in haproxy.info(stats()))
    numbers = ["Nbproc", "Process_num", "Pid", "Maxconn", "CurrConns", "Maxpipes", "PipesUsed", "Tasks", "Run_queue"]
    assert all(info[name].isdigit() for name in numbers)
    assert info.keys() > {"Name", "Version", "Release_date", "Uptime", "node"}
    assert (info["Ulimit-n"], info["Maxconn"]) == ("2048", "1024")
    limited = dict(line.split(": ") for line in haproxy.info(stats() | {"maxconn": 70}))
    assert limited["Maxconn"] == "70"


def test_info_tells_how_many_come_in_a_second_and_how_idle_workers_are() -> None:
    info = dict(line.split(": ") for line in haproxy.info(stats()))
    names = ("ConnRate", "MaxConnRate", "SessRate", "MaxSessRate", "ConnRateLimit", "SessRateLimit", "Idle_pct")
    assert [info[name] for name in names] == ["12", "80", "12", "80", "0", "0", "88"]


def test_info_is_the_same_in_all_forms() -> None:
    lines = [line.split(": ") for line in haproxy.info(stats())]
    typed = [(line.split(".")[1], line.split(":", 3)[3]) for line in haproxy.info_typed(stats())]
    (told,) = haproxy.info_json(stats())
    entries = [(one["field"]["name"], str(one["value"]["value"])) for one in json.loads(told)]
    assert typed == entries == [(name, value) for name, value in lines]
    assert "17.CurrConns.1:MGPP:u32:5" in list(haproxy.info_typed(stats()))


def test_sessions_are_a_line_each() -> None:
    one = {"session": "0-7", "client": "10.0.0.9", "port": 4711, "service": "web", "group": "main", "host": "a"}
    waiting = {**one, "session": "1-8", "client": "::1", "group": "", "host": "", "open_seconds": 7500.0}
    lines = list(haproxy.sessions({"sessions": [{**one, "open_seconds": 61.5}, waiting]}))
    assert lines[0].startswith("0-7: proto=tcpv4 src=10.0.0.9:4711 fe=web be=web.main srv=a ts=00 age=1m1s ")
    assert lines[1].startswith("1-8: proto=tcpv6 src=::1:4711 fe=web be=<NONE> srv=<none> ts=00 age=2h5m ")


def test_who_may_not_connect_is_denied_and_no_error() -> None:
    web = {**service("web", group("main", host("a"))), "refused": 7, "failed": {"SC": 2, "PR": 5}}
    frontend = table(stats() | {"services": [web]})[0]
    assert (frontend["dcon"], frontend["ereq"]) == ("5", "2")
