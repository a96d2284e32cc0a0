"""Where logs go while a director runs: other files, other forms, other levels, syslog, and disks that are full."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.system.addresses import ask_name, free_address
from tests.system.configs import group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.peers import need
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]


def config(address: str, ip: str, **logging: str) -> str:
    web = service(address, group(host("a", ip), name="main"))
    attributes = "".join(f' {name}="{value}"' for name, value in logging.items())
    return f'<director workers="2">{web}<logging{attributes}/></director>'


def text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_logs_are_others_after_a_reload_and_no_process_is(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    (a,) = hosts("a")
    daemon.start(config(address, a.address, file="director.log"))
    pids = daemon.workers()
    assert ask_name(address) == "a"

    daemon.reload(config(address, a.address, file="other.log", format="json", connections="connections.log"))
    assert ask_name(address) == "a"
    wait_until(lambda: text(daemon.folder / "connections.log"))
    assert json.loads(text(daemon.folder / "connections.log"))["host"] == "a"

    # A child that is born now, and what it and the master say.
    daemon.kill(pids[0])
    wait_until(lambda: "process ready" in text(daemon.folder / "other.log"))
    told = [json.loads(line) for line in text(daemon.folder / "other.log").splitlines()]
    assert {"process exited", "process ready"} <= {line["event"] for line in told}
    assert daemon.workers()[1] == pids[1]
    wait_until(lambda: ask_name(address) == "a")
    before = len(text(daemon.folder / "connections.log").splitlines())
    wait_until(lambda: ask_name(address) == "a" and len(text(daemon.folder / "connections.log").splitlines()) > before)

    daemon.reload(config(address, a.address, file="director.log"))
    wait_until(lambda: all("connections.log" not in path for path in open_files(daemon)))
    assert ask_name(address) == "a"

    daemon.configure(config(address, a.address, file=str(daemon.folder / "no" / "such" / "file")))
    refused = daemon.directord("reload")
    assert refused.exit == 78 and "can't open log file" in refused.text
    assert ask_name(address) == "a"


def open_files(daemon: Daemon) -> set[str]:
    return {file.path for pid in daemon.pids() for file in psutil.Process(pid).open_files()}


def test_levels_and_files_are_changed_by_command(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    (a,) = hosts("a")
    daemon.start(config(address, a.address, file="director.log"))
    assert daemon.ctl("log-level", "error").exit == 0
    assert daemon.ctl("log-level", "info", "log").exit == 0
    assert "all          error" in daemon.ctl("log-level").out
    daemon.kill(daemon.workers()[0])
    wait_until(lambda: "process exited" in daemon.ctl("events").out)
    assert "process exited" not in daemon.log
    daemon.log_file.rename(daemon.folder / "moved")
    done = daemon.ctl("log-reopen")
    assert (done.exit, done.out) == (0, "1 log file opened again\n")
    wait_until(lambda: "log reopened" in daemon.log)
    wait_until(lambda: all("moved" not in path for path in open_files(daemon)))


RSYSLOG = """
module(load="imudp")
module(load="imuxsock" SysSock.Use="off")
template(name="all" type="list" option.jsonf="on") {{
  property(outname="facility" name="syslogfacility-text" format="jsonf")
  property(outname="severity" name="syslogseverity-text" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="pid" name="procid" format="jsonf")
  property(outname="id" name="msgid" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}}
input(type="imudp" address="127.0.0.1" port="{port}")
input(type="imuxsock" Socket="{folder}/dev-log" UseSpecialParser="off")
action(type="omfile" file="{folder}/received" template="all")
"""


@contextmanager
def rsyslog(folder: Path, port: int) -> Iterator[None]:
    """What Debian's receives, as JSON in `received`."""
    (folder / "rsyslog.conf").write_text(RSYSLOG.format(folder=folder, port=port))
    command = [need("rsyslogd", "rsyslog"), "-n", "-f", f"{folder}/rsyslog.conf", "-i", f"{folder}/rsyslog.pid"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as early:
            early.connect(("127.0.0.1", port))
            wait_until(lambda: early.send(b"<14>1 - - early - - - -") and received(folder), 30)
        wait_until((folder / "dev-log").exists, 30)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def received(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text(folder / "received").splitlines() if line.endswith("}")]


def test_rsyslog_reads_both_logs_by_udp_and_unix_socket(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    (a,) = hosts("a")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with rsyslog(daemon.folder, port):
        logging = {"file": f"syslog:{daemon.folder}/dev-log", "connections": f"syslog:127.0.0.1:{port}"}
        daemon.start(config(address, a.address, **logging))
        assert ask_name(address) == "a"

        def found(**wanted: str) -> list[dict[str, Any]]:
            return [one for one in received(daemon.folder) if wanted.items() <= one.items()]

        wait_until(lambda: found(id="connection"), 30)
        daemon.kill(daemon.workers()[0])
        wait_until(lambda: found(id="process-exited"), 30)
    (line,) = found(id="connection")
    assert (line["facility"], line["severity"], line["app"]) == ("local0", "info", "director")
    assert re.fullmatch(r" ?127\.0\.0\.1:\d+ \[.*\] web main/a .* -- .*", line["message"])
    (line,) = found(id="process-exited")
    assert (line["facility"], line["severity"], line["pid"]) == ("daemon", "warning", str(daemon.master))
    assert 'kind="worker"' in line["data"] and "process exited: kind=worker" in line["message"]
    assert line["host"] == socket.gethostname()


def test_goaccess_reads_the_connection_log(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    (a,) = hosts("a")
    daemon.start(config(address, a.address, file="director.log", connections="connections.log"))
    assert {ask_name(address) for _ in range(20)} == {"a"}
    wait_until(lambda: len(text(daemon.folder / "connections.log").splitlines()) == 20)
    formats = {
        "--log-format": "%h:%^ [%d:%t.%^] %v %U %^/%^/%L %b %^",
        "--date-format": "%d/%b/%Y",
        "--time-format": "%T",
    }
    words = [word for option, value in formats.items() for word in (option, value)]
    subprocess.run(
        [need("goaccess", "goaccess"), "connections.log", "--no-global-config", *words, "-o", "report.json"],
        cwd=daemon.folder,
        check=True,
        capture_output=True,
        timeout=60,
    )
    report = json.loads((daemon.folder / "report.json").read_text())["general"]
    assert (report["total_requests"], report["valid_requests"], report["failed_requests"]) == (20, 20, 0)


@pytest.mark.fault(13)
def test_a_log_that_is_full_for_a_while_costs_lines_and_nothing_else(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    (a,) = hosts("a")
    pipe = daemon.folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    daemon.start(config(address, a.address, file="director.log", connections="pipe"))
    read = bytearray()

    def dropped() -> int:
        return sum(worker["log_dropped"] for worker in daemon.stats()["workers"])

    def drained() -> None:
        try:
            while data := os.read(reader, 4096):
                read.extend(data)
        except BlockingIOError:
            pass

    def filled() -> int:
        assert ask_name(address) == "a"
        return dropped()

    def recovered() -> bool:
        drained()
        return ask_name(address) == "a" and "log recovered: log=connections dropped=" in daemon.log

    try:
        wait_until(filled, 60)
        # Who is well again says so once a line was written after a while without loss.
        wait_until(recovered, 60)
        assert daemon.log.count("log failed: log=connections") <= 2

        def all_accounted_for() -> bool:
            drained()
            return bool(read.count(b"\n") + dropped() == daemon.service()["total"])

        wait_until(all_accounted_for, 20)
        assert all(line.endswith(b" 0/0") for line in read.splitlines())
    finally:
        os.close(reader)
