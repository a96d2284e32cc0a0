"""What a connection log that takes nothing costs those who connect: `python -m tests.bench.badlog`.

Three daemons side by side, alike but for where the log goes: a file, a disk
that is full, a pipe that nobody reads. They get the same requests in turns; the
99th percentile of a whole short connection is told, the middle of all turns.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterable
from contextlib import ExitStack, closing, redirect_stdout
from statistics import median

from tests.bench.estimates import percentile
from tests.bench.measure import QUICK
from tests.system.addresses import connect, free_address, read_all
from tests.system.configs import group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host

TURNS, SECONDS = 3 if QUICK else 15, 1.0
MUST = 1.10  # of the p99 with a good log
LOGS = ("file", "full", "pipe")


def started(log: str, ip: str) -> tuple[Daemon, str]:
    """A daemon whose connection log goes there, and its address."""
    daemon, address = Daemon(), free_address()
    (daemon.folder / "full").symlink_to("/dev/full")
    os.mkfifo(daemon.folder / "pipe")
    web = service(address, group(host("a", ip)))
    daemon.start(f'<director workers="1">{web}<logging file="director.log" connections="{log}"/></director>')
    return daemon, address


def latencies(address: str, seconds: float) -> list[float]:
    """Of short connections, one behind the other."""
    found: list[float] = []
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        with connect(address) as client:
            client.sendall(b"x" * 64)
            client.shutdown(1)
            assert len(read_all(client)) == 64
        found.append(time.monotonic() - began)
    return found


def p99s(turns: int = TURNS, seconds: float = SECONDS, logs: Iterable[str] = LOGS) -> dict[str, float]:
    """The 99th percentile with each log, in seconds."""
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(io.StringIO()))  # a daemon tells its log at its end
        ip = stack.enter_context(Host()).address
        addresses = {}
        for log in logs:
            daemon, addresses[log] = started(log, ip)
            stack.enter_context(closing(daemon))
        found: dict[str, list[float]] = {log: [] for log in addresses}
        order = list(addresses)
        for _ in range(turns):
            order = [*order[1:], order[0]]  # nobody is always the first, or behind the same one
            for log in order:
                found[log].append(percentile(latencies(addresses[log], seconds), 99))
        return {log: median(some) for log, some in found.items()}


if __name__ == "__main__":
    measured = p99s()
    for log, p99 in measured.items():
        ratio = p99 / measured["file"]
        print(f"connection log to a {log}: p99 {p99 * 1e6:.0f} µs, {ratio:.2f} of that with a file (at most {MUST:g})")
