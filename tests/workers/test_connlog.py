"""The connection log: a line for each connection, in HAProxy's order, or as JSON."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from director.logtarget import LogSetup, LogTarget, Wrapping
from tests.waiting import until
from tests.workers.plant import SERVICE, Plant, accepted, listening, read, refusing
from workers.connlog import ConnectionLog

PLAIN = LogTarget(Wrapping.PLAIN)


def setup(format: str, target: LogTarget = PLAIN) -> LogSetup:
    return LogSetup("info", format, PLAIN, target, "lb1")


def logged(plant: Plant, path: Path, format: str = "text") -> ConnectionLog:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    log = ConnectionLog(fd, setup(format), plant.poller, plant.sessions)
    plant.sessions.log = log.note
    return log


def exchange(plant: Plant, host: object) -> None:
    client = plant.connect()
    client.sendall(b"question")
    server = accepted(host)  # type: ignore[arg-type]
    assert read(server, 8) == b"question"
    server.send(b"long answer")
    assert read(client, 11) == b"long answer"
    client.close()
    until(lambda: read(server, 1) == b"")
    server.close()
    until(lambda: not plant.sessions.all)


def test_a_line_has_the_fields_of_tcplog(tmp_path: Path) -> None:
    with listening() as host:
        plant = Plant([host.getsockname()])
        log = logged(plant, tmp_path / "log")
        exchange(plant, host)
        log.close()
        plant.close()
    assert re.fullmatch(
        r"127\.0\.0\.1:\d+ \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] "
        r"web main/h0 0/\d+/\d+ 11 -- 1/1/1/1/0 0/0\n",
        (tmp_path / "log").read_text(),
    )


def test_the_same_as_json(tmp_path: Path) -> None:
    with listening() as host:
        plant = Plant([host.getsockname()])
        log = logged(plant, tmp_path / "log", "json")
        exchange(plant, host)
        log.close()
        plant.close()
    line = json.loads((tmp_path / "log").read_text())
    assert (line["client"], line["service"], line["group"], line["host"]) == ("127.0.0.1", "web", "main", "h0")
    assert (line["bytes_in"], line["bytes_out"], line["end"], line["retries"]) == (8, 11, "--", 0)
    assert line["connect_ms"] >= 0 and line["total_ms"] >= line["connect_ms"]


def test_names_of_an_ancestors_file_may_be_anything_in_json_too(tmp_path: Path) -> None:
    with listening() as host:
        plant = Plant([host.getsockname()])
        service = plant.services.by_number[SERVICE]
        service.name, plant.services.labels[3] = 'a "service"', ("back\\slash/stroke", 'ho"st')
        log = logged(plant, tmp_path / "log", "json")
        exchange(plant, host)
        log.close()
        plant.close()
    text = (tmp_path / "log").read_text()
    line = json.loads(text)
    assert (line["service"], line["group"], line["host"]) == ('a "service"', "back\\slash/stroke", 'ho"st')
    assert json.dumps(line) + "\n" == text
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["accepted"])


def test_a_blank_in_a_name_makes_no_more_words_of_a_line(tmp_path: Path) -> None:
    with listening() as host:
        plant = Plant([host.getsockname()])
        plant.services.by_number[SERVICE].name, plant.services.labels[3] = "a service", ("a group", "a host")
        log = logged(plant, tmp_path / "log")
        exchange(plant, host)
        log.close()
        plant.close()
    assert (tmp_path / "log").read_text().split()[2:4] == ["a_service", "a_group/a_host"]


@pytest.mark.parametrize("format", ["text", "json"])
def test_who_waited_in_vain_has_the_time_in_its_line(tmp_path: Path, format: str) -> None:
    with listening() as host:
        plant = Plant([host.getsockname()], maxconn=1)  # none has been allotted
        log = logged(plant, tmp_path / "log", format)
        client = plant.connect()

        def over() -> bool:
            plant.sweep()
            return not plant.sessions.all

        until(over)
        assert read(client, 1) == b""
        log.close()
        plant.close()
    text = (tmp_path / "log").read_text()
    queue, total = (
        (json.loads(text)["queue_ms"], json.loads(text)["total_ms"])
        if format == "json"
        else [int(text.split()[4].split("/")[index]) for index in (0, 2)]
    )
    assert 150 <= queue <= total


def test_in_json_a_client_without_a_host_has_moved_no_bytes(tmp_path: Path) -> None:
    plant = Plant([refusing()])
    log = logged(plant, tmp_path / "log", "json")
    client = plant.connect()
    client.sendall(b"nobody reads this")
    until(lambda: plant.ended)
    log.close()
    plant.close()
    line = json.loads((tmp_path / "log").read_text())
    assert (line["host"], line["end"], line["bytes_in"], line["connect_ms"]) == (None, "SC", 0, -1)


def test_a_client_without_a_host_has_none_in_its_line(tmp_path: Path) -> None:
    plant = Plant([refusing()])
    log = logged(plant, tmp_path / "log")
    client = plant.connect()
    until(lambda: read(client, 1) == b"")
    log.close()
    plant.close()
    assert " web main/<NOSRV> -1/-1/" in (tmp_path / "log").read_text()
    assert " 0 SC 1/1/1/0/1 0/0\n" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(("log", "lines"), [("all", 10), ("errors", 0), ("none", 0), ("sampled:5", 2)])
def test_a_service_says_which_connections_are_logged(tmp_path: Path, log: str, lines: int) -> None:
    with listening() as host:
        plant = Plant([host.getsockname()], log=log)
        writer = logged(plant, tmp_path / "log")
        for _ in range(10):
            exchange(plant, host)
        writer.close()
        plant.close()
    assert len((tmp_path / "log").read_text().splitlines()) == lines
