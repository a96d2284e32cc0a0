"""What is measured: each scenario puts its load on the balancers in turn and notes its figures.

The bounds (`must`, `aim`) are what director promises; see docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from director.config.model import SCHEDULERS
from tests.bench import load, measure, wrk
from tests.bench.estimates import median, percentile
from tests.bench.peers import (
    PEERS,
    Balancer,
    Direct,
    Director,
    Haproxy,
    HaproxySplice,
    Naive,
    Nginx,
    Pen,
    Service,
    free_ports,
)
from tests.bench.samples import Figure, Sample
from tests.bench.stage import CLIENTS, EVERY_ROUND, Stage

COPYING = (Director.name, Haproxy.name, Nginx.name, Pen.name, Naive.name)
MANY_WORKERS = (Director.name, Haproxy.name, Nginx.name)
WORKER_COUNTS = (1, 2, 4)
HOST_COUNTS = (10, 100, 1000)
_FEW, _MANY = HOST_COUNTS[0], HOST_COUNTS[-1]
_LINES = 100  # in a connection log; whoever writes one has many more by the time we look
_OTHERS = 100  # clients beside a bulk connection


@dataclass(frozen=True, slots=True)
class Scenario:
    """A name for --only, what it does, and the figures that it gives."""

    name: str
    run: Callable[[Stage], None]
    figures: tuple[Figure, ...]


def short(stage: Stage, prefix: str, reset: bool) -> None:
    """Short connections by 64 clients."""
    for number, peer in stage.turns(COPYING):
        balancer = stage.shared(peer)
        window = stage.observe(balancer, _short(balancer, "echo", reset))
        stage.results.add(f"{prefix}.cpu", peer, number, window.cost())
        stage.results.add(f"{prefix}.rate", peer, number, window.throughput())
    _check_logs(stage)


def by_wrk(stage: Stage, prefix: str, close: bool) -> None:
    """HTTP requests by 64 clients; with `close` each on a connection of its own, which the host closes first."""
    if not wrk.installed():
        stage.results.notes.append("wrk was not found: no figures by it")
        return
    for number, peer in stage.turns(COPYING):
        window = stage.observe_wrk(stage.shared(peer), close)
        stage.results.add(f"{prefix}.cpu", peer, number, window.cost())
        stage.results.add(f"{prefix}.rate", peer, number, window.throughput())


def requests(stage: Stage) -> None:
    """Requests on connections that stay open."""
    for number, peer in stage.turns(COPYING):
        balancer = stage.shared(peer)
        window = stage.observe(balancer, _requests(balancer))
        stage.results.add("requests.cpu", peer, number, window.cost())
        stage.results.add("requests.rate", peer, number, window.throughput())


def bulk(stage: Stage, prefix: str, connections: int) -> None:
    """Bytes from the hosts to clients that drop them."""
    for number, peer in stage.turns((*COPYING, HaproxySplice.name)):
        balancer = stage.shared(peer)
        window = stage.observe(balancer, partial(load.bulk, ("127.0.0.1", balancer.port("bulk"))), clients=connections)
        stage.results.add(f"{prefix}.cpu", peer, number, window.cost(unit=1, per=1e9))
        stage.results.add(f"{prefix}.rate", peer, number, window.throughput(per=1e9))


def latency(stage: Stage) -> None:
    """A lone client, one message after the other."""
    for number, peer in stage.turns((*COPYING, Direct.name)):
        balancer = stage.shared(peer)
        window = stage.observe(
            balancer, partial(load.ping_pong, ("127.0.0.1", balancer.port("echo"))), 1, latencies=200_000
        )
        for percent in (50, 99):
            microseconds = percentile(window.latencies, percent) * 1e6
            stage.results.add(f"latency.p{percent}", peer, number, Sample(microseconds))


def half_load(stage: Stage) -> None:
    """Requests at random times, at half the rate that the slowest of all can do."""
    rate = _slowest(stage) / 2
    stage.results.notes.append(f"half load: {rate:,.0f} requests/s for all")
    for number, peer in stage.turns((*COPYING, Direct.name)):
        latencies = _at_rate(stage, stage.shared(peer), rate, CLIENTS, 2 * stage.settings.window)
        for percent in (50, 99):
            stage.results.add(f"half.p{percent}", peer, number, Sample(percentile(latencies, percent) * 1e6))


def fairness(stage: Stage) -> None:
    """What one connection at full speed adds to the latency of others on the same worker."""
    rate = _slowest(stage) / 4
    others = () if stage.settings.quick else (Nginx.name, HaproxySplice.name, Direct.name)
    for number, peer in stage.turns((Director.name, Haproxy.name, *others)):
        balancer = stage.shared(peer)
        alone = percentile(_at_rate(stage, balancer, rate, _OTHERS, stage.settings.window), 99)
        with stage.holding(partial(load.bulk, ("127.0.0.1", balancer.port("bulk"))), 1):
            beside = percentile(_at_rate(stage, balancer, rate, _OTHERS, stage.settings.window), 99)
        stage.results.add("fairness", peer, number, Sample((beside - alone) * 1e3))


def idle(stage: Stage) -> None:
    """Memory of connections that carried a message and then wait. Each time a fresh process, which owes nothing."""
    count = stage.settings.idle_connections
    for number, peer in stage.turns(COPYING, () if stage.settings.quick else EVERY_ROUND, slow=True):
        with stage.started(peer, _echo_service(stage)) as balancer:
            stage.observe(balancer, _requests(balancer), seconds=0.1)  # what is allocated once is not per connection
            before = [measure.unshared_bytes(pids) for pids in (balancer.workers, balancer.others)]
            with stage.holding(partial(load.idle, _entrances(balancer, "echo")), count):
                after = [measure.unshared_bytes(pids) for pids in (balancer.workers, balancer.others)]
        carriers, others = ((end - begin) / count / 1024 for begin, end in zip(before, after, strict=True))
        stage.results.add("idle.memory", peer, number, Sample(carriers, others))


def workers(stage: Stage) -> None:
    """Short connections with several workers."""
    for count in (WORKER_COUNTS[0], WORKER_COUNTS[-1]) if stage.settings.quick else WORKER_COUNTS:
        with stage.all_started(MANY_WORKERS, lambda _peer: _echo_service(stage), count) as balancers:
            for number, peer in stage.turns(MANY_WORKERS):
                window = stage.observe(balancers[peer], _short(balancers[peer], "echo"))
                stage.results.add(f"workers.{count}", peer, number, window.cost())


def evenness(stage: Stage) -> None:
    """How evenly four workers share short connections: in all, of far more than 100 000."""
    enough = stage.settings.even_connections
    with stage.all_started(MANY_WORKERS, lambda _peer: _echo_service(stage), 4) as balancers:
        for number, peer in stage.turns(MANY_WORKERS, () if stage.settings.quick else (Director.name,), slow=True):
            balancer = balancers[peer]
            balancer.empty_log()
            before = balancer.accepted()
            stage.observe(balancer, _short(balancer, "echo"), seconds=0.5, enough=enough)
            after = balancer.accepted()
            counts = [end - begin for begin, end in zip(before, after, strict=True)]
            stage.results.add("evenness", peer, number, Sample(max(counts) / max(1, min(counts))))


def group_sizes(stage: Stage) -> None:
    """Short connections through groups of few and of many hosts, by every scheduler."""
    peers = (Director.name, Haproxy.name)
    counts = (_FEW, _MANY) if stage.settings.quick else HOST_COUNTS

    def services(peer: str) -> list[Service]:
        wanted = [(scheduler, count) for scheduler in PEERS[peer].schedulers for count in counts]
        return [
            Service(f"{scheduler}-{count}", port, stage.echo_hosts(count), scheduler)
            for (scheduler, count), port in zip(wanted, free_ports(len(wanted)), strict=True)
        ]

    with stage.all_started(peers, services) as balancers:
        for scheduler in SCHEDULERS:
            able = [peer for peer in peers if scheduler in PEERS[peer].schedulers]
            for number, peer in stage.turns(able, () if stage.settings.quick else able, slow=True):
                costs = {}
                for count in counts:
                    if count not in (_FEW, _MANY) and number % 2:
                        continue  # what is between is only shown
                    kind = _short(balancers[peer], f"{scheduler}-{count}")
                    costs[count] = stage.observe(balancers[peer], kind, seconds=stage.settings.window / 2).cost()
                    stage.results.add(f"group.{scheduler}.{count}", peer, number, costs[count])
                growth = costs[_MANY].value / costs[_FEW].value
                stage.results.add(f"group.{scheduler}.growth", peer, number, Sample(growth))


def _at_rate(stage: Stage, balancer: Balancer, rate: float, clients: int, seconds: float) -> Sequence[float]:
    """Latencies of requests at random times, `rate` a second."""
    kind = partial(load.open_loop, ("127.0.0.1", balancer.port("echo")), rate)
    return stage.observe(balancer, kind, clients, seconds, latencies=int(rate * seconds * 2) + 1000).latencies


def _check_logs(stage: Stage) -> None:
    """Say so when a balancer spares itself what the others do."""
    for peer in (peer for peer in COPYING if peer in stage.settings.peers):
        note = f"{peer}: writes no line per connection, so what it costs lacks that"
        if stage.shared(peer).logged() < _LINES and note not in stage.results.notes:
            stage.results.notes.append(note)


def _slowest(stage: Stage) -> float:
    """Requests a second that the slowest peer can do; measured, unless it was in this run."""
    rates: list[float] = []
    for peer in COPYING:
        if peer in stage.settings.peers:
            known = list(stage.results.values("requests.rate", peer).values())
            balancer = stage.shared(peer)
            rates.append(median(known) if known else stage.observe(balancer, _requests(balancer)).rate)
    return min(rates)


def _echo_service(stage: Stage) -> list[Service]:
    (port,) = free_ports(1)
    return [Service("echo", port, stage.echo_hosts())]


def _entrances(balancer: Balancer, service: str) -> list[load.Address]:
    """Several addresses of a service, since a client has a space of ports for each."""
    return [(f"127.0.0.{number}", balancer.port(service)) for number in range(1, 9)]


def _short(balancer: Balancer, service: str, reset: bool = False) -> load.Load:
    return partial(load.short_connections, _entrances(balancer, service), reset)


def _requests(balancer: Balancer) -> load.Load:
    return partial(load.requests, ("127.0.0.1", balancer.port("echo")))


def _cost(key: str, title: str, must: float | None = None, aim: float | None = None) -> Figure:
    return Figure(key, f"{title}: CPU", "µs", must=must, aim=aim)


def _growth(scheduler: str) -> Figure:
    title = f"{scheduler}: CPU with {_MANY} hosts to {_FEW}"
    return Figure(f"group.{scheduler}.growth", title, "", digits=3, relative=False, must=1.10, aim=1.03)


SCENARIOS = (
    Scenario(
        "short-fin",
        partial(short, prefix="short-fin", reset=False),
        (
            _cost("short-fin.cpu", "short connection, FIN", 1.05, 0.95),
            Figure("short-fin.rate", "short connections, FIN", "1/s", more_is_better=True, digits=0),
        ),
    ),
    Scenario(
        "short-rst",
        partial(short, prefix="short-rst", reset=True),
        (
            _cost("short-rst.cpu", "short connection, RST", 1.05, 0.95),
            Figure("short-rst.rate", "short connections, RST", "1/s", more_is_better=True, digits=0),
        ),
    ),
    Scenario(
        "wrk-short",
        partial(by_wrk, prefix="wrk-short", close=True),
        (
            _cost("wrk-short.cpu", "HTTP, host closes, by wrk", 1.05, 0.95),
            Figure("wrk-short.rate", "HTTP, host closes, by wrk", "1/s", more_is_better=True, digits=0),
        ),
    ),
    Scenario(
        "requests",
        requests,
        (
            _cost("requests.cpu", "request on an open connection", 1.08, 1.00),
            Figure("requests.rate", "requests on open connections", "1/s", more_is_better=True, digits=0),
        ),
    ),
    Scenario(
        "wrk-requests",
        partial(by_wrk, prefix="wrk-requests", close=False),
        (
            _cost("wrk-requests.cpu", "HTTP, kept alive, by wrk", 1.08, 1.00),
            Figure("wrk-requests.rate", "HTTP, kept alive, by wrk", "1/s", more_is_better=True, digits=0),
        ),
    ),
    Scenario(
        "bulk-1",
        partial(bulk, prefix="bulk-1", connections=1),
        (
            Figure("bulk-1.cpu", "bulk, 1 connection: CPU", "s/GB", digits=3),
            Figure("bulk-1.rate", "bulk, 1 connection", "GB/s", more_is_better=True, digits=2),
        ),
    ),
    Scenario(
        "bulk-16",
        partial(bulk, prefix="bulk-16", connections=16),
        (
            Figure("bulk-16.cpu", "bulk, 16 connections: CPU", "s/GB", digits=3, must=0.45, aim=0.33),
            Figure("bulk-16.rate", "bulk, 16 connections", "GB/s", more_is_better=True, digits=2, must=1.8, aim=2.5),
        ),
    ),
    Scenario(
        "latency",
        latency,
        (
            Figure("latency.p50", "1 connection: latency p50", "µs"),
            Figure("latency.p99", "1 connection: latency p99", "µs"),
        ),
    ),
    Scenario(
        "half-load",
        half_load,
        (
            Figure("half.p50", "half load: latency p50", "µs", digits=0),
            Figure("half.p99", "half load: latency p99", "µs", digits=0, must=1.10, aim=1.00),
        ),
    ),
    Scenario(
        "fairness",
        fairness,
        (
            Figure(
                "fairness",
                f"bulk connection beside {_OTHERS}: adds to their p99",
                "ms",
                digits=2,
                relative=False,
                must=5.0,
                aim=1.0,
            ),
        ),
    ),
    Scenario("idle", idle, (Figure("idle.memory", "idle connection: memory", "KiB", digits=2, must=0.6, aim=0.3),)),
    Scenario(
        "workers",
        workers,
        tuple(
            _cost(f"workers.{count}", f"short connection, {count} worker{'s' * (count > 1)}") for count in WORKER_COUNTS
        ),
    ),
    Scenario(
        "evenness",
        evenness,
        (Figure("evenness", "most : least loaded of 4 workers", "", digits=3, relative=False, must=1.04, aim=1.02),),
    ),
    Scenario(
        "group-sizes",
        group_sizes,
        tuple(
            figure
            for scheduler in SCHEDULERS
            for figure in (
                *(_cost(f"group.{scheduler}.{count}", f"{scheduler}, {count} hosts") for count in HOST_COUNTS),
                _growth(scheduler),
            )
        ),
    ),
)
