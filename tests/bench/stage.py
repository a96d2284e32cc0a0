"""Where a scenario plays: hosts, balancers and load, who runs where, and whose turn it is.

All balancers of a scenario are up at the same time and take turns, so that
what else the machine does hits each alike. Director and HAProxy, whose ratio
must be exact, take part in every round; the others in the first, the middle
and the last, or only in the middle one where that takes too long. A balancer that
can't be started here is named and left out.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.bench import hosts, measure, wrk
from tests.bench.children import Child, fork, wait_until
from tests.bench.load import Address, Board, Load
from tests.bench.measure import Cores
from tests.bench.peers import PEERS, Balancer, Direct, Director, Haproxy, HaproxySplice, Service, free_ports
from tests.bench.samples import Results, Window

EVERY_ROUND = (Director.name, Haproxy.name, HaproxySplice.name)
CLIENTS = 64
_WARM_UP = 0.2  # seconds
_WRK_SECONDS = 1
_PATIENCE = 10.0  # seconds that the first operation may take


@dataclass(slots=True)
class Settings:
    """How long and how often; `quick` takes a fifth of the time and is good for a look, not for a verdict."""

    peers: tuple[str, ...]
    rounds: int = 7
    quick: bool = False

    @property
    def window(self) -> float:
        """Seconds that most samples last."""
        return 0.5 if self.quick else 1.0

    @property
    def even_connections(self) -> int:
        """How many connections of a round the evenness over workers is judged by; with more it looks better."""
        return 20_000 if self.quick else 60_000

    @property
    def idle_connections(self) -> int:
        """How many connections are held for the memory of each."""
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return min(1500 if self.quick else 3000, (descriptors - 1000) // 2)


class Stage:
    """What scenarios share: settings, hosts, running balancers, results. All ends with its block."""

    def __init__(self, settings: Settings, folder: Path, results: Results) -> None:
        self.settings = settings
        self.results = results
        self.cores = self.cores_for(1)
        self.folder = folder
        self._ends = contextlib.ExitStack()
        self._shared: dict[str, Balancer] = {}
        self._generators = max(1, len(self.cores.load) // 2)
        self._echo_port, self._web_port, self._source_port = free_ports(3)
        self._hosts: list[Child] = []

    def __enter__(self) -> Stage:
        for port, run in (
            (self._echo_port, hosts.echo),
            (self._web_port, hosts.web),
            (self._source_port, hosts.source),
        ):
            for _ in range(self._generators):
                with hosts.listening(port) as listener:
                    child = fork(f"{run.__name__} host", self.cores.load, partial(run, listener))
                self._ends.callback(child.stop)
                self._hosts.append(child)
        try:
            self._start_peers()
        except BaseException:
            self._ends.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._ends.close()

    def _start_peers(self) -> None:
        """The shared one-worker balancers. Without director there is nothing to measure."""
        able = []
        for peer in self.settings.peers:
            try:
                self.shared(peer)
                able.append(peer)
            except (RuntimeError, TimeoutError) as error:
                if peer == Director.name:
                    raise
                self.results.notes.append(f"{peer} took no part: {error}")
        self.settings.peers = tuple(able)

    @staticmethod
    def cores_for(workers: int) -> Cores:
        """Who runs where when a balancer has so many workers."""
        return Cores.shared_out(os.sched_getaffinity(0), workers)

    def echo_hosts(self, count: int = 4) -> tuple[Address, ...]:
        """Addresses of the echo. Several, since each has its own space of ports for what the proxy opens."""
        return tuple((f"127.1.{number // 250}.{number % 250 + 1}", self._echo_port) for number in range(count))

    @contextlib.contextmanager
    def started(self, peer: str, services: Sequence[Service], workers: int = 1) -> Iterator[Balancer]:
        """A balancer of its own, in its own folder, that ends with the block."""
        balancer = PEERS[peer](services, self.folder / f"{peer}-{time.monotonic_ns()}", workers)
        try:
            balancer.start(self.cores_for(workers).proxy)
            yield balancer
        finally:
            balancer.stop()

    @contextlib.contextmanager
    def all_started(
        self, peers: Sequence[str], services: Callable[[str], Sequence[Service]], workers: int = 1
    ) -> Iterator[dict[str, Balancer]]:
        """Those of `peers` that take part in this run, started at the same time, by name."""
        with contextlib.ExitStack() as ends:
            yield {
                peer: ends.enter_context(self.started(peer, services(peer), workers))
                for peer in peers
                if peer in self.settings.peers
            }

    def shared(self, peer: str) -> Balancer:
        """The one-worker balancer that most scenarios use; services `echo`, `web` and `bulk`."""
        if peer not in self._shared:
            echo, web, bulk = free_ports(3)
            services = [
                Service("echo", echo, self.echo_hosts()),
                Service("web", web, tuple((ip, self._web_port) for ip, _ in self.echo_hosts())),
                Service("bulk", bulk, (("127.0.0.1", self._source_port),)),
            ]
            self._shared[peer] = self._ends.enter_context(self.started(peer, services))
        return self._shared[peer]

    def turns(
        self, peers: Sequence[str], always: Sequence[str] = EVERY_ROUND, slow: bool = False
    ) -> Iterator[tuple[int, str]]:
        """(round, peer) in the order of measuring. Who begins changes, so that nobody always follows the same.

        Of `peers`, those that take part in this run, and the lack of any; `always` are who has every round, and
        `slow` says that the others shall have one only.
        """
        count = self.settings.rounds
        seldom = {count // 2} if slow or self.settings.quick else {0, count // 2, count - 1}
        present = [peer for peer in peers if peer in self.settings.peers or peer == Direct.name]
        for number in range(count):
            shift = number % max(1, len(present))
            for peer in present[shift:] + present[:shift]:
                if peer in always or number in seldom:
                    yield number, peer

    @contextlib.contextmanager
    def holding(self, kind: Load, connections: int) -> Iterator[None]:
        """A load that makes so many connections, or moves so many bytes, for as long as the block lasts."""
        board = Board()
        child = fork("load", self.cores.load, partial(kind, connections, board))
        try:

            def complete() -> bool:
                child.check()
                return board.done >= connections

            wait_until(complete, "connections to be made", timeout=60)
            yield
        finally:
            child.stop()

    def observe(
        self,
        balancer: Balancer,
        kind: Load,
        clients: int = CLIENTS,
        seconds: float | None = None,
        enough: int = 0,
        latencies: int = 0,
    ) -> Window:
        """Put a load on a balancer; when it runs, measure for `seconds`, and longer until `enough` is done.

        `latencies`: room for so many. Raises when nothing gets through or a process of ours ends.
        """
        balancer.trim_log()
        cores = self.cores_for(balancer.worker_count)
        count = min(self._generators, clients)
        boards = [Board(latencies) for _ in range(count)]
        with contextlib.ExitStack() as ends:
            children = list(self._hosts)
            for number, board in enumerate(boards):
                share = clients // count + (number < clients % count)
                child = fork("load", cores.load, partial(kind, share, board))
                ends.callback(child.stop)
                children.append(child)

            def pause(length: float) -> None:
                time.sleep(length)
                for child in children:
                    child.check()

            patience = time.monotonic() + _PATIENCE
            while not all(board.done for board in boards):
                pause(0.01)
                if time.monotonic() > patience:
                    raise TimeoutError(f"can't measure {balancer.name}: nothing gets through it")
            pause(_WARM_UP)
            before = _Reading.of(balancer, boards, cores)
            pause(self.settings.window if seconds is None else seconds)
            while sum(board.done for board in boards) - before.done < enough:
                pause(0.02)
            window = before.until(_Reading.of(balancer, boards, cores), boards, len(cores.proxy))
        self._note_failures(balancer, window.done, window.failed)
        return window

    def observe_wrk(self, balancer: Balancer, close: bool) -> Window:
        """Have wrk put its load on the service `web`, and measure all of its run."""
        balancer.trim_log()
        cores = self.cores_for(balancer.worker_count)
        before = _Reading.of(balancer, (), cores)
        done, failed = wrk.run(("127.0.0.1", balancer.port("web")), close, CLIENTS, _WRK_SECONDS, cores.load)
        window = before.until(_Reading.of(balancer, (), cores), (), len(cores.proxy))
        self._note_failures(balancer, done, failed)
        return replace(window, done=done, failed=failed)

    def _note_failures(self, balancer: Balancer, done: int, failed: int) -> None:
        if failed > done / 1000:
            self.results.notes.append(f"{balancer.name}: {failed} of {failed + done} failed")


@dataclass(frozen=True, slots=True)
class _Reading:
    """All counters at one moment."""

    at: float
    done: int
    failed: int
    worker_cpu: float
    other_cpu: float
    idle: float
    recorded: tuple[int, ...]

    @classmethod
    def of(cls, balancer: Balancer, boards: Sequence[Board], cores: Cores) -> _Reading:
        return cls(
            time.monotonic(),
            sum(board.done for board in boards),
            sum(board.failed for board in boards),
            measure.cpu_seconds(balancer.workers),
            measure.cpu_seconds(balancer.others),
            measure.idle_seconds(cores.proxy),
            tuple(board.recorded for board in boards),
        )

    def until(self, after: _Reading, boards: Sequence[Board], core_count: int) -> Window:
        seconds = after.at - self.at
        latencies = [
            latency
            for board, first, end in zip(boards, self.recorded, after.recorded, strict=True)
            for latency in board.latencies(first, end)
        ]
        return Window(
            seconds,
            after.done - self.done,
            after.failed - self.failed,
            after.worker_cpu - self.worker_cpu,
            after.other_cpu - self.other_cpu,
            (after.idle - self.idle) / (seconds * core_count),
            latencies,
        )
