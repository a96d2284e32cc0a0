"""`python -m tests.bench.channel`: what the state channel costs, and how soon workers hear of each other.

A director with four workers that have nothing to do themselves hears of more
workers, played by a process that sends their rows at the pace of real ones: so
many connections a second each, to a thousand hosts, each lasting longer than
the time between two rows, so that every one is told of twice. The hub hears four
of them; what a worker takes is measured with three, as many as it has others.

    hub, worker    CPU in per cent of a processor, above what they take when nothing happens

Promised for 15 000 connections a second in all: 5 % of a processor for the hub,
2 % for each worker. Counterpart of the scenarios, which measure connections.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from random import Random

import psutil
import zmq

from director.framing import encode_body
from director.messages import Hello, Load, Slot
from director.scheduling.pace import PER_PICK, Pace
from tests.bench.children import forked
from tests.system.addresses import free_address
from tests.system.daemon import Daemon

_FIRST_SLOT = 10  # of those that are played
_WHOLE = 1.0  # seconds between whole rows
_LASTS = 0.2  # seconds that each connection stays


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.channel", description="What the state channel costs.")
    parser.add_argument("--rates", nargs="+", type=float, default=[500.0, 2000.0, 15000.0], help="connections a second")
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=4, help="real ones, and as many are played")
    parser.add_argument("--seconds", type=float, default=10.0, help="of measuring, for each")
    wanted = parser.parse_args(argv)
    daemon = Daemon()
    try:
        hosts = "".join(f"<host name='h{n}' ip='127.1.{n >> 8}.{n & 255}:9'/>" for n in range(wanted.hosts))
        daemon.start(
            f"<director workers='{wanted.workers}'><logging file='{daemon.log_file}'/><service name='s'>"
            f"<listen ip='{free_address()}'/><group name='main' scheduler='leastconns'>{hosts}</group>"
            "</service></director>"
        )
        numbers = [one["number"] for one in daemon.service("s")["groups"][0]["hosts"]]
        time.sleep(3.0)  # they count as new for a while
        idle = _shares(daemon, wanted.seconds)
        print("nothing happens:", *(f"{kind} {share:.2f} %" for kind, share in idle.items()), flush=True)
        for rate in wanted.rates:
            (generation,) = daemon.run_dir.glob("g*-*")
            told = []
            for kind, heard in (("hub", wanted.workers), ("worker", wanted.workers - 1)):
                feed = partial(_feed, generation, heard, rate / wanted.workers, rate, numbers)
                with forked("feeder", os.sched_getaffinity(0), feed) as feeder:
                    time.sleep(2.0)
                    busy = _shares(daemon, wanted.seconds)
                    feeder.check()
                told.append(f"{kind} {busy[kind] - idle[kind]:.2f} %")
            print(f"{rate:g} connections/s: {', '.join(told)}", flush=True)
    finally:
        with redirect_stdout(io.StringIO()):
            daemon.close()
    return 0


def _shares(daemon: Daemon, seconds: float) -> dict[str, float]:
    """CPU of the hub and of the busiest worker."""
    kinds = {one["pid"]: one["kind"] for one in daemon.command("status")["processes"]}
    began, before = time.monotonic(), {pid: _cpu(pid) for pid in kinds}
    time.sleep(seconds)
    passed = time.monotonic() - began
    shares: dict[str, float] = defaultdict(float)
    for pid, kind in kinds.items():
        shares[kind] = max(shares[kind], 100 * (_cpu(pid) - before[pid]) / passed)
    return shares


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


class _Played:
    """A worker's rows, without the worker."""

    def __init__(self, slot: int, context: zmq.Context[zmq.Socket[bytes]], rate: float, total: float) -> None:
        self._slot, self._rate, self._total = Slot(slot), rate, total
        self._pace = Pace(PER_PICK)
        self._random = Random(slot)
        self._open: dict[int, int] = {}
        self._ends: deque[tuple[float, int]] = deque()
        self._sequence, self._counted, self._owed, self._whole = 0, time.monotonic(), 0.0, 0.0
        self._rows = context.socket(zmq.DEALER)
        self._rows.connect("ipc://rows")
        self._rows.send(encode_body(Hello(self._slot, slot, os.getpid())))

    def turn(self, now: float, numbers: Sequence[int]) -> None:
        """Send what changed, if it is time to."""
        while self._rows.poll(0):
            self._rows.recv_multipart()
        if self._pace.wait(now):
            return
        self._owed += self._rate * (now - self._counted)
        self._counted = now
        picks, changed = int(self._owed), set()
        self._owed -= picks
        while self._ends and self._ends[0][0] <= now:
            _, number = self._ends.popleft()
            self._open[number] -= 1
            changed.add(number)
        for _ in range(picks):
            number = self._random.choice(numbers)
            self._open[number] = self._open.get(number, 0) + 1
            self._ends.append((now + _LASTS, number))
            changed.add(number)
        whole = now >= self._whole
        if changed or whole:
            self._whole = now + _WHOLE if whole else self._whole
            self._sequence += 1
            row = {number: self._open[number] for number in (self._open if whole else changed)}
            self._rows.send(encode_body(Load(self._slot, self._slot, self._sequence, whole, row)))
            self._pace.told(picks / self._rate * self._total, now, len(row))


def _feed(directory: Path, workers: int, rate: float, total: float, numbers: Sequence[int]) -> None:
    """Play so many workers, each at this rate, of so many connections a second in all."""
    os.chdir(directory)  # a socket's path must be short
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    played = [_Played(_FIRST_SLOT + n, context, rate, total) for n in range(workers)]
    while True:
        for one in played:
            one.turn(time.monotonic(), numbers)
        time.sleep(0.0005)


if __name__ == "__main__":
    sys.exit(main())
