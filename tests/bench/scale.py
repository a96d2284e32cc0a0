"""`python -m tests.bench.scale`: what a large config costs. Starts one director with 1 000 services of 10 hosts.

    start        from the command to its return: every worker accepts
    host-down    by an open control connection, acknowledged by all workers
    stats        the same way, and by `directorctl --json stats`
    reload       of a file in which one weight is another
    idle         CPU of each kind of process while nothing happens

`--load` has clients connect all the while. Promised are 3 s, 50 ms at p99, 300 ms,
and 1 s. Counterpart of the scenarios, which measure connections.
"""

from __future__ import annotations

import argparse
import io
import socket
import struct
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Any

import msgpack
import psutil

from tests.bench.estimates import percentile
from tests.bench.measure import QUICK
from tests.system.daemon import Daemon
from tests.system.hosts import Echo, Host
from tests.system.load import ShortRequests

IDLE = 3.0  # seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description="What a large config costs.")
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--hosts", type=int, default=10, help="of each service")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--changes", type=int, default=60 if QUICK else 200, help="host-down and host-up, in turn")
    parser.add_argument("--load", action="store_true", help="with clients all the while")
    size = parser.parse_args(argv)
    daemon = Daemon()
    with ExitStack() as stack:
        stack.callback(_close, daemon)
        echo = stack.enter_context(Host(Echo))
        _say("start", _seconds(lambda: daemon.start(_config(daemon, size, echo.address))))
        if size.load:
            stack.enter_context(ShortRequests(f"unix:{daemon.folder}/l0.sock", threads=4))
        _changes(daemon, size)
        with _connection(daemon) as ask:
            _say("stats", _seconds(lambda: ask("stats")))
        _say("directorctl --json stats", _seconds(lambda: daemon.ctl("--json", "stats")))
        changed = _config(daemon, size, echo.address, weight=3)
        _say("reload", _seconds(lambda: daemon.reload(changed)))
        _idle(daemon)
    return 0


def _close(daemon: Daemon) -> None:
    with redirect_stdout(io.StringIO()):  # its log, which a test would want to see
        daemon.close()


def _say(what: str, seconds: float) -> None:
    print(f"{what:<26} {1000 * seconds:9.1f} ms", flush=True)


def _seconds(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _config(daemon: Daemon, size: argparse.Namespace, address: str, weight: int = 1) -> str:
    """Services that listen on unix sockets; one host weighs `weight`."""
    lines = [f'<director workers="{size.workers}"><logging file="{daemon.log_file}"/>']
    for number in range(size.services):
        lines.append(f'<service name="s{number}"><listen ip="unix:{daemon.folder}/l{number}.sock"/><group name="main">')
        odd = f' weight="{weight}"' if number == size.services // 2 else ""
        lines += [f'<host name="h{host}" ip="{address}"{odd if host == 0 else ""}/>' for host in range(size.hosts)]
        lines.append("</group></service>")
    return "\n".join([*lines, "</director>"])


def _changes(daemon: Daemon, size: argparse.Namespace) -> None:
    took, partial = [], 0
    with _connection(daemon) as ask:
        ask("version")
        for turn in range(size.changes):
            command = "host-up" if turn % 2 else "host-down"
            place = {"service": f"s{turn // 2 * 7 % size.services}", "group": "main", "host": "h0"}
            began = time.perf_counter()
            result = ask(command, **place)
            took.append(time.perf_counter() - began)
            partial += result["applied"] != result["workers"]
            time.sleep(0.02)
    for percent in (50, 99):
        _say(f"host-down p{percent}", percentile(took, percent))
    _say("host-down, the longest", max(took))
    print(f"{'':<26} {partial} of {len(took)} not acknowledged by all workers", flush=True)


@contextmanager
def _connection(daemon: Daemon) -> Iterator[Callable[..., Any]]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(60)
        sock.connect(str(daemon.socket))
        answers = sock.makefile("rb")

        def ask(command: str, **args: object) -> Any:
            request: bytes = msgpack.packb({"v": 1, "id": 1, "command": command, "args": args})
            sock.sendall(struct.pack(">I", len(request)) + request)
            while True:
                (length,) = struct.unpack(">I", answers.read(4))
                reply = msgpack.unpackb(answers.read(length), strict_map_key=False)
                if not reply["ok"]:
                    raise RuntimeError(f"{command}: {reply['error']}")
                if not reply.get("more"):
                    return reply["result"]

        yield ask


def _idle(daemon: Daemon) -> None:
    kinds = {one["pid"]: one["kind"] for one in daemon.command("status")["processes"]}
    before = {pid: _cpu(pid) for pid in kinds}
    time.sleep(IDLE)
    shares = defaultdict(list)
    for pid, kind in kinds.items():
        shares[kind].append(100 * (_cpu(pid) - before[pid]) / IDLE)
    for kind, found in shares.items():
        print(f"idle {kind:<21} {max(found):9.2f} % of a processor", flush=True)


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    sys.exit(main())
