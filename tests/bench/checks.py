"""`python -m tests.bench.checks`: what health checks cost the hub, and how late they come. Needs nginx.

Every host has a loopback address of its own, at one nginx that writes down when
which was asked. Per kind and number of checks, each every two seconds:

    hub    CPU of the hub in per cent of a processor, above what it takes without checks
    late   the longest time between two checks of a host, beyond the interval (http and https)

Promised are 6 % for 1 000 of tcp or http, 25 % for 1 000 of tls, and 60 % for 10 000,
none later than a tenth of the interval. Counterpart of scale, which measures commands.
"""

from __future__ import annotations

import argparse
import io
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import psutil

from director.master import selfsigned
from tests.system.addresses import accepts, free_address
from tests.system.daemon import Daemon
from tests.system.peers import PATH
from tests.waiting import wait_until

INTERVAL = 2.0  # seconds
_KINDS = {
    "tcp": "<check type='tcp' {}/>",
    "http": "<check type='http' path='/' expect='200' {}/>",
    "tls": "<check type='tls' verify='no' {}/>",
    "https": "<check type='https' path='/' expect='200' verify='no' {}/>",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 0, or 1 without nginx."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.checks", description="What health checks cost.")
    parser.add_argument("--seconds", type=float, default=10.0, help="of measuring, for each")
    parser.add_argument("--kinds", nargs="+", default=[*_KINDS], choices=_KINDS)
    parser.add_argument("--hosts", nargs="+", type=int, default=[1000, 10000], help="how many; tls and https the first")
    wanted = parser.parse_args(argv)
    nginx = shutil.which("nginx", path=PATH)
    if nginx is None:
        print("nginx is missing", file=sys.stderr)
        return 1
    for number in wanted.hosts:
        idle = _measure(nginx, "", number, wanted.seconds)[0]
        print(f"{number:6} hosts unchecked: hub {idle:5.1f} %", flush=True)
        for kind in wanted.kinds:
            if kind in ("tcp", "http") or number == wanted.hosts[0]:
                share, late, down = _measure(nginx, kind, number, wanted.seconds)
                told = "" if late is None else f", late {1000 * late:5.0f} ms"
                print(f"{number:6} of {kind:<9}: hub {share - idle:5.1f} %{told}, {down} down", flush=True)
    return 0


def _measure(nginx: str, kind: str, number: int, seconds: float) -> tuple[float, float | None, int]:
    """CPU of the hub in per cent, how late checks came, and how many hosts are down."""
    daemon = Daemon()
    try:
        plain, secure = _free_port(), _free_port()
        port = secure if kind in ("tls", "https") else plain
        times = f"interval='{INTERVAL:g}s' timeout='{INTERVAL:g}s'"
        check = _KINDS[kind].format(times) if kind else ""
        hosts = "".join(f"<host name='h{n}' ip='127.8.{n >> 8}.{n & 255}:{port}'/>" for n in range(number))
        with _served(nginx, daemon.folder, plain, secure) as log:
            daemon.start(
                f"<director workers='1'><logging file='{daemon.log_file}'/><service name='s'>"
                f"<listen ip='{free_address()}'/><group name='main'>{check}{hosts}</group></service></director>"
            )
            hub = psutil.Process(daemon.hub())
            time.sleep(2 * INTERVAL)  # the first round is spread, sessions are made
            began, before = time.monotonic(), sum(hub.cpu_times()[:2])
            time.sleep(seconds)
            share = 100 * (sum(hub.cpu_times()[:2]) - before) / (time.monotonic() - began)
            found = daemon.service("s")["groups"][0]["hosts"]
            return share, _lateness(log), sum(one["state"] != "up" for one in found)
    finally:
        with redirect_stdout(io.StringIO()):  # its log, which a test would want to see
            daemon.close()


def _free_port() -> int:
    """One that is free at every address."""
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", 0))
        return int(sock.getsockname()[1])


@contextmanager
def _served(nginx: str, folder: Path, plain: int, secure: int) -> Iterator[Path]:
    """nginx at both ports of every loopback address; its log has a line `ADDRESS SECONDS` for each request."""
    certificate, log = folder / "pair.pem", folder / "asked.log"
    selfsigned.ensure(str(certificate))
    (folder / "nginx.conf").write_text(
        f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 20000; }}
http {{ log_format asked '$server_addr $msec'; access_log {log} asked; keepalive_timeout 0;
ssl_certificate {certificate}; ssl_certificate_key {certificate}; ssl_session_cache shared:all:20m;
server {{ listen 0.0.0.0:{plain} backlog=4096; listen 0.0.0.0:{secure} ssl backlog=4096; return 200 'ready'; }} }}
"""
    )
    with subprocess.Popen([nginx, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]) as process:
        try:
            wait_until(lambda: accepts(f"127.0.0.1:{plain}"))
            yield log
        finally:
            process.terminate()


def _lateness(log: Path) -> float | None:
    """How much longer than the interval the longest pause between two requests to one address was."""
    last: dict[str, float] = {}
    longest = 0.0
    for line in log.read_text().splitlines():
        address, at = line.split()
        longest = max(longest, float(at) - last.get(address, float(at)))
        last[address] = float(at)
    return longest - INTERVAL if longest else None


if __name__ == "__main__":
    sys.exit(main())
