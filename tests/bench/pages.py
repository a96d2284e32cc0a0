"""`python -m tests.bench.pages`: what open live pages of the web admin cost traffic.

Clients connect, send and close all the while; in turn nobody looks and 50 pages
are open. Told are requests a second, the processor time of all workers for one
request, and the hub's and web's share of a processor.
"""

from __future__ import annotations

import argparse
import base64
import selectors
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median

import psutil

from tests.system.admins import Site
from tests.system.daemon import Daemon
from tests.system.hosts import Host, Named
from tests.system.load import Askers

_REQUEST = "GET /live?service=web HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {}\r\n\r\n"


@contextmanager
def live_pages(site: Site, count: int) -> Iterator[None]:
    """So many pages that are looked at: each has shown something, and all it gets is read."""
    request = _REQUEST.format(base64.b64encode(b"bob:secret").decode()).encode()
    over = threading.Event()
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(count):
            page = stack.enter_context(socket.create_connection(site.plain.split(":"), timeout=30))  # type: ignore[arg-type]
            page.sendall(request)
            seen = b""
            while b"main/a/state" not in seen:
                seen += page.recv(65536)
            selector.register(page, selectors.EVENT_READ)

        def look() -> None:
            while not over.is_set():
                for key, _ in selector.select(0.2):
                    key.fileobj.recv(65536)  # type: ignore[union-attr]

        looking = threading.Thread(target=look)
        if count:
            looking.start()
        try:
            yield
        finally:
            over.set()
            if count:
                looking.join()


class Round:
    """What was done in a while, and what it took of each kind of process, in seconds of a processor."""

    def __init__(self, site: Site, clients: Askers, seconds: float) -> None:
        daemon = site.daemon
        kinds = {"hub": [daemon.hub()], "web": [site.web()], "workers": [*daemon.workers().values()]}
        before, done, began = _cpu(kinds), clients.done, time.monotonic()
        time.sleep(seconds)
        self.seconds = time.monotonic() - began
        self.requests = clients.done - done
        self.cpu = {kind: used - before[kind] for kind, used in _cpu(kinds).items()}

    @property
    def worker_us(self) -> float:
        """Of workers' processor time, for one request."""
        return 1e6 * self.cpu["workers"] / max(1, self.requests)


def _cpu(kinds: dict[str, list[int]]) -> dict[str, float]:
    return {kind: sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids) for kind, pids in kinds.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pages", description="What open live pages cost.")
    parser.add_argument("--pages", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5, help="of each kind")
    parser.add_argument("--seconds", type=float, default=4.0, help="of a round")
    size = parser.parse_args(argv)
    daemon = Daemon()
    with ExitStack() as stack:
        stack.callback(daemon.close)
        site = Site(daemon, [stack.enter_context(Host(Named(name))) for name in "ab"])
        clients = stack.enter_context(Askers(site.service, threads=2, pause=0.0))
        rounds: dict[int, list[Round]] = {0: [], size.pages: []}
        for _ in range(size.rounds):
            for pages, found in rounds.items():
                with live_pages(site, pages):
                    found.append(Round(site, clients, size.seconds))
        for pages, found in rounds.items():
            print(
                f"{pages:>4} pages: {median(one.requests / one.seconds for one in found):7.0f} requests/s,"
                f" {median(one.worker_us for one in found):6.1f} us of workers for one,"
                f" hub {100 * median(one.cpu['hub'] / one.seconds for one in found):5.1f} %,"
                f" web {100 * median(one.cpu['web'] / one.seconds for one in found):5.1f} %"
            )
        print(f"{len(clients.failures)} requests failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
