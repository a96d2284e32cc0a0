"""The real logrotate, with the file that is shipped, while connections come and go: every line is there once."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.system.addresses import free_address
from tests.system.configs import group, host, service
from tests.system.daemon import ROOT, Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests
from tests.system.peers import need
from tests.waiting import wait_until

CONNECTION = re.compile(
    r"127\.0\.0\.1:\d+ \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] web main/a "
    r"-?\d+/-?\d+/\d+ \d+ -- \d+/\d+/\d+/\d+/\d+ 0/0"
)
EVENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+ director\[\d+\] \S+( \d+)? [A-Z]+ .+")


class Rotations:
    """Logs of a daemon and the logrotate that cares for them."""

    def __init__(self, daemon: Daemon) -> None:
        self._logrotate = need("logrotate", "logrotate")
        self._folder, self._kept = daemon.folder, daemon.folder / "kept"
        self._kept.mkdir()
        shipped = (ROOT / "etc" / "logrotate").read_text()
        self._file = daemon.folder / "logrotate"
        self._file.write_text(
            shipped.replace("/var/log/director", str(daemon.folder)).replace("/run/director", str(daemon.run_dir))
        )
        self._file.chmod(0o644)
        # Where it looks for directorctl, and that for its daemon.
        tools = daemon.folder / "tools"
        tools.mkdir()
        tool = tools / "directorctl"
        tool.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from control.cli import main; exit(main())" "$@"\n')
        tool.chmod(0o755)
        path = os.pathsep.join((str(tools), os.environ["PATH"]))
        self._environment = {**daemon.environment, "PATH": path, "DIRECTOR_SOCKET": str(daemon.socket)}

    def rotate(self, number: int) -> None:
        """Now; what it has compressed is kept, since it keeps eight only."""
        state = self._folder / "rotated"
        done = subprocess.run(
            [self._logrotate, "--force", "--state", str(state), str(self._file)],
            env=self._environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), f"rotation {number}: {done.stderr}"
        for log in ("connections", "director"):
            compressed = self._folder / f"{log}.log.2.gz"
            if compressed.exists():
                shutil.copy(compressed, self._kept / f"{log}.{number}.gz")

    def files(self, log: str) -> list[bytes]:
        """What has been written, file by file, the oldest first."""
        kept = sorted(self._kept.glob(f"{log}.*.gz"), key=lambda path: int(path.suffixes[-2][1:]))
        last = [self._folder / f"{log}.log.1", self._folder / f"{log}.log"]
        return [gzip.decompress(path.read_bytes()) for path in kept] + [path.read_bytes() for path in last]


def whole_lines(files: list[bytes]) -> list[str]:
    """All lines; no file may end within one."""
    assert all(text.endswith(b"\n") for text in files if text)
    return [line for text in files for line in text.decode().splitlines()]


def rotate_under_load(daemon: Daemon, serve: Callable[..., Host], times: int) -> None:
    """Rotations back to back; then every connection has its line, whole, once and in the right file."""
    address = free_address()
    rotations = Rotations(daemon)
    web = service(address, group(host("a", serve().address)))
    logging = '<logging file="director.log" connections="connections.log"/>'
    daemon.start(f'<director workers="2">{web}{logging}</director>')
    current: Path = daemon.folder / "connections.log"
    with ShortRequests(address, threads=3) as requests:
        for number in range(times):
            enough = requests.done + 10
            wait_until(lambda enough=enough: requests.done >= enough and current.stat().st_size, 60)  # type: ignore[misc]
            rotations.rotate(number)
        enough = requests.done + 10
        wait_until(lambda: requests.done >= enough, 60)
    assert requests.failures == []
    wait_until(lambda: current.exists() and len(whole_lines(rotations.files("connections"))) >= requests.done, 60)
    files = rotations.files("connections")
    assert len(files) == times + 1 and all(files), "one for each rotation, and the one written now; none empty"
    lines = whole_lines(files)
    assert [line for line in lines if not CONNECTION.fullmatch(line)] == []
    assert len(lines) == requests.done
    wait_until(lambda: daemon.service()["total"] == requests.done, 30)
    events = whole_lines(rotations.files("director"))
    assert [line for line in events if not EVENT.fullmatch(line)] == []
    assert sum(" log reopened: " in line for line in events) == times
