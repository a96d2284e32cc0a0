"""What processes cost, read from /proc, and the cores that each side may use.

Run time is taken from `schedstat`, in nanoseconds: `stat` counts in ticks of
10 ms. Both are user and system time together. What the kernel does for the
loopback runs in the context of whoever sends, so each side pays for what it
sends; kernel memory of sockets is in no process's figure.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

QUICK = os.environ.get("QUICK", "") not in ("", "0")  # a look, not a verdict
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where. One core each on a machine of two; on bigger ones the rest is the load's."""

    proxy: frozenset[int]
    load: frozenset[int]

    @classmethod
    def shared_out(cls, available: Iterable[int], workers: int = 1) -> Cores:
        """The first cores, one a worker but at most half of all, for the proxy; with a single core both share it."""
        ranked = sorted(available)
        count = min(max(1, workers), max(1, len(ranked) // 2))
        return cls(frozenset(ranked[:count]), frozenset(ranked[count:] or ranked))


def cpu_seconds(pids: Iterable[int]) -> float:
    """Run time so far of all threads of these processes; the dead count nothing."""
    return sum(_run_time_ns(pid) for pid in pids) / 1e9


def unshared_bytes(pids: Iterable[int]) -> int:
    """Memory that only these processes hold; the dead count nothing."""
    total = 0
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += int(psutil.Process(pid).memory_full_info().uss)
    return total


def idle_seconds(cores: Iterable[int], text: str | None = None) -> float:
    """Time that these cores had nothing to run, since boot; `text` is /proc/stat's, read now if not given."""
    wanted = {f"cpu{core}" for core in cores}
    idle = 0
    for line in (Path("/proc/stat").read_text() if text is None else text).splitlines():
        name, *ticks = line.split()
        if name in wanted:
            idle += int(ticks[3]) + int(ticks[4])  # idle, iowait
    return idle / _TICKS_PER_SECOND


def machine() -> dict[str, str]:
    """What the figures were measured on, for the report."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "unknown processor",
    )
    return {
        "processor": f"{model}, {len(os.sched_getaffinity(0))} cores used",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": f"Linux {os.uname().release} {os.uname().machine}",
    }


def _run_time_ns(pid: int) -> int:
    total = 0
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += int((task / "schedstat").read_text().split()[0])
    return total
