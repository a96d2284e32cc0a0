"""What one short connection asks of the kernel: calls of a balancer's workers, counted by strace."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench import load
from tests.bench.children import fork, wait_until
from tests.bench.load import Board
from tests.bench.peers import Balancer
from tests.bench.stage import CLIENTS, Stage

_CONNECTIONS = 5000
_DRAIN = 0.3  # seconds in which the last connections end


@dataclass(frozen=True, slots=True)
class Calls:
    """Of one system call, how many for each connection, and how many of these failed."""

    each: float
    failed: float


def installed() -> bool:
    """Whether there is a strace."""
    return shutil.which("strace") is not None


def count(stage: Stage, peer: str) -> dict[str, Calls]:
    """Calls per short connection through a peer, by name, the most frequent first."""
    balancer = stage.shared(peer)
    board = Board()
    entrances = [("127.0.0.1", balancer.port("echo"))]
    run = partial(load.short_connections, entrances, False, CLIENTS, board)
    summary = stage.folder / f"strace-{peer}"
    with _traced(balancer, summary):
        child = fork("load", stage.cores.load, run)
        try:
            wait_until(lambda: board.done >= _CONNECTIONS, "connections under strace", timeout=60)
        finally:
            child.stop()
        time.sleep(_DRAIN)
    return per_connection(summary.read_text(), board.done)


def per_connection(summary: str, connections: int) -> dict[str, Calls]:
    """Read the table of `strace -c`: `% time, seconds, usecs/call, calls, errors (or nothing), syscall`."""
    found = {}
    for line in summary.splitlines():
        words = line.split()
        if len(words) in (5, 6) and words[3].isdigit() and words[-1] != "total":
            failed = int(words[4]) if len(words) == 6 else 0
            found[words[-1]] = Calls(int(words[3]) / connections, failed / connections)
    return dict(sorted(found.items(), key=lambda item: -item[1].each))


@contextlib.contextmanager
def _traced(balancer: Balancer, summary: Path) -> Iterator[None]:
    """Count the calls of a balancer's workers for as long as the block lasts; `summary` is complete after it."""
    targets = [word for pid in balancer.workers for word in ("-p", str(pid))]
    tracer = subprocess.Popen(["strace", "-f", "-c", "-o", str(summary), *targets], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: all(_is_traced(pid) for pid in balancer.workers), "strace to attach")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)


def _is_traced(pid: int) -> bool:
    return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()
