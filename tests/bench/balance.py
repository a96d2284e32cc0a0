"""`python -m tests.bench.balance`: how well workers that hear of each other late balance, beside one that sees all.

The same arrivals and service times are played to one scheduler that knows every
count at once, and to 1 to 16 workers, each with the scoreboard and scheduler of
the product, whose rows go by a hub, at its pace. What counts is
the peak: the most that any host ever had open for its weight. `--write FILE`
puts the tables between the marks in FILE.

The trace is made from a seed: arrivals in bursts (a rate that changes between
a third and double every few hundred milliseconds), service times log-normal
with a long tail: half of them under 100 ms, one in a hundred over 3 s.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from statistics import mean

from director.scheduling.pace import CALM, PER_ENTRY, PER_PICK, Pace, shortest
from director.scheduling.scheduler import GroupScheduler
from director.scheduling.scoreboard import HostLoad, Scoreboard

RATES = {"crowded": 15000.0, "busy": 6000.0, "quiet": 500.0}  # connections a second, on average
SCHEDULERS = ("leastconns", "leastconnsrr", "p2c", "roundrobin", "random", "hash")
WORKERS = (1, 2, 4, 8, 16)
WEIGHTS = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 0.5, 0.5)
BEGIN, END = "<!-- balance: begin -->", "<!-- balance: end -->"
HOP = 0.0005  # seconds that a message takes


@dataclass(frozen=True, slots=True)
class Call:
    """One connection of the trace."""

    at: float
    lasts: float
    client: str


def trace(seed: int, count: int, rate: float) -> list[Call]:
    """So many connections, `rate` a second on average."""
    random = Random(seed)
    calls, now, until, factor = [], 0.0, 0.0, 1.0
    for _ in range(count):
        while now >= until:
            until += random.uniform(0.1, 0.5)
            factor = random.choice((1 / 3, 2 / 3, 1.0, 2.0))
        now += random.expovariate(rate * factor)
        client = f"10.{random.randrange(4)}.{random.randrange(256)}.{random.randrange(256)}"
        calls.append(Call(now, random.lognormvariate(-2.3, 1.5), client))
    return calls


class Worker:
    """What one worker knows and does."""

    def __init__(self, slot: int, workers: int, scheduler: str, random: Random) -> None:
        self.slot = slot
        self.hosts = [HostLoad(n, f"h{n}", weight=weight, usable=True) for n, weight in enumerate(WEIGHTS, 1)]
        self.board = Scoreboard()
        self.board.workers = workers
        self.board.hosts = {host.number: host for host in self.hosts}
        self.scheduler = GroupScheduler(scheduler, self.hosts, random)


class Channel:
    """The way of rows: a worker's when its pace allows, to the hub, and from there at its pace to all."""

    HUB = -1  # as a slot

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = 0
        self._paces = {slot: Pace(PER_PICK) for slot in range(len(workers))} | {self.HUB: Pace(PER_ENTRY)}
        self._waiting: dict[int, dict[int, int]] = {}  # rows, at the hub
        self.now = 0.0
        for pace in self._paces.values():
            pace.shortest = shortest(len(workers))
        if len(workers) > 1:
            for worker in workers:
                worker.board.on_news = partial(self._after_pause, worker.slot, partial(self._tell, worker))

    def run(self, now: float) -> None:
        """Carry all that is due until now."""
        while self._due and self._due[0][0] <= now:
            self.now, _, act = heappop(self._due)
            act(self.now)
        self.now = now

    def _after_pause(self, slot: int, act: Callable[[float], None]) -> None:
        self._at(self.now + self._paces[slot].wait(self.now), act)

    def _tell(self, worker: Worker, now: float) -> None:
        row, pace, herd = worker.board.changed(), self._paces[worker.slot], worker.board.herd
        pace.told(herd.picks * len(self._workers), now, len(row))
        herd.told(now, len(self._workers) - 1, pace.pause + HOP)
        self._at(now + pace.pause + CALM, partial(self._calm, worker, pace))
        if row:
            self._at(now + HOP, partial(self._hear, worker.slot, row))

    def _calm(self, worker: Worker, pace: Pace, now: float) -> None:
        if pace.told_at <= now - CALM:
            worker.board.herd.calm()

    def _hear(self, slot: int, row: dict[int, int], _now: float) -> None:
        if not self._waiting:
            self._after_pause(self.HUB, self._publish)
        self._waiting.setdefault(slot, {}).update(row)

    def _publish(self, now: float) -> None:
        self._paces[self.HUB].told(sum(map(len, self._waiting.values())), now)
        self._at(now + HOP, partial(self._spread, self._waiting))
        self._waiting = {}

    def _spread(self, rows: dict[int, dict[int, int]], _now: float) -> None:
        for worker in self._workers:
            worker.board.hear({slot: row for slot, row in rows.items() if slot != worker.slot}, whole=False)

    def _at(self, when: float, act: Callable[[float], None]) -> None:
        self._count += 1
        heappush(self._due, (when, self._count, act))


def peak(calls: Sequence[Call], scheduler: str, workers: int, seed: int) -> float:
    """The most that a host ever had open for its weight. One worker sees all at once."""
    random = Random(seed)
    team = [Worker(slot, workers, scheduler, Random(random.random())) for slot in range(workers)]
    channel = Channel(team)
    ends: list[tuple[float, int, Worker, HostLoad]] = []
    open_ = [0] * (len(WEIGHTS) + 1)
    highest = 0.0
    for number, call in enumerate(calls):
        while ends and ends[0][0] <= call.at:
            at, _, worker, host = heappop(ends)
            channel.run(at)
            worker.board.release(host)
            open_[host.number] -= 1
        channel.run(call.at)
        worker = team[int(random.random() * workers)]
        chosen = worker.scheduler.choose(call.client)
        assert chosen is not None
        worker.board.acquire(chosen)
        if workers == 1:
            worker.board.changed()
        open_[chosen.number] += 1
        highest = max(highest, open_[chosen.number] / chosen.weight)
        heappush(ends, (call.at + call.lasts, number, worker, chosen))
    return highest


def ratios(scheduler: str, workers: Sequence[int], traces: Mapping[int, Sequence[Call]]) -> Iterator[tuple[int, float]]:
    """For each number of workers: its peak beside that of the one who sees all, on average over the traces by seed."""
    alone = {seed: peak(calls, scheduler, 1, seed + 1000) for seed, calls in traces.items()}
    for number in workers:
        yield number, mean(peak(calls, scheduler, number, seed) / alone[seed] for seed, calls in traces.items())


def table(name: str, seeds: Sequence[int], count: int) -> str:
    """One table of the page."""
    traces = {seed: trace(seed, count, RATES[name]) for seed in seeds}
    peaks = mean(peak(calls, "leastconns", 1, seed) for seed, calls in traces.items())
    head = " | ".join(f"{number} workers" if number > 1 else "1 worker" for number in WORKERS)
    lines = [
        f"A {name} service: {RATES[name]:g} connections a second on average, {len(seeds)} traces of {count};"
        f" one `leastconns` that sees all has a peak of {peaks:.0f} for a weight of 1.",
        "",
        f"| scheduler | {head} |",
        "|---" * (len(WORKERS) + 1) + "|",
    ]
    for scheduler in SCHEDULERS:
        cells = " | ".join(f"{ratio:.2f}" for _, ratio in ratios(scheduler, WORKERS, traces))
        lines.append(f"| `{scheduler}` | {cells} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.balance", description=__doc__)
    parser.add_argument("--write", metavar="FILE", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--count", type=int, default=20_000)
    arguments = parser.parse_args(argv)
    text = "\n\n".join(table(name, range(1, arguments.seeds + 1), arguments.count) for name in RATES)
    if arguments.write is None:
        print(text)
        return 0
    page = arguments.write.read_text()
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        parser.error(f"{arguments.write} has no {BEGIN} and {END}")
    arguments.write.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
