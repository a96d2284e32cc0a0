"""The balancers: how each is configured, started, found in /proc and ended.

Each gets what a careful operator would give it, and the same: least
connections where it has them, a log line per connection to a file, idle
timeouts of ten minutes, statistics where it has any. HAProxy logs to its
standard output, a file: that was cheaper for it than a syslog socket.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from xml.sax.saxutils import quoteattr

import psutil

from director.config.model import SCHEDULERS
from tests.bench.children import end_descendants, prepared, wait_until
from tests.bench.load import Address

ROOT = Path(__file__).parents[2]
_STATS_AGE = 1.5  # seconds; director promises at most one
_LOG_BYTES = 64 << 20
CONNECTIONS = 6000  # a proxy must hold at once; each takes two descriptors


@dataclass(frozen=True, slots=True)
class Service:
    """A port that a balancer listens on, and the hosts behind it. Scheduler names are director's."""

    name: str
    port: int
    hosts: tuple[Address, ...]
    scheduler: str = "leastconns"


class Balancer(ABC):
    """One running balancer, made by `start()`. `workers` and `others` are its pids once it runs.

    A subclass says how to configure it; everything it writes lies in `folder`.
    """

    name: ClassVar[str]
    program: ClassVar[str]
    schedulers: ClassVar[tuple[str, ...]] = ("leastconns", "roundrobin")

    def __init__(self, services: Sequence[Service], folder: Path, worker_count: int = 1) -> None:
        self.services = tuple(services)
        self.folder = folder
        self.worker_count = worker_count
        self.log = folder / "connections.log"
        self.workers: list[int] = []
        self.others: list[int] = []
        self._started: list[subprocess.Popen[bytes]] = []

    @classmethod
    @abstractmethod
    def version(cls) -> str | None:
        """What is installed here, as the report names it; None: nothing."""

    @abstractmethod
    def commands(self) -> list[list[str]]:
        """Write what the processes need into `folder`; the command of each process to start."""

    def start(self, cores: Iterable[int]) -> None:
        """Start it on these cores; returns when every port answers and all workers are there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        prepare = prepared(cores)
        with (self.folder / "output").open("ab") as output, self.log.open("ab") as log:
            for command in self.commands():
                process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=prepare,
                )
                self._started.append(process)
        wait_until(self._answers, f"{self.name} to start", timeout=30)
        self.workers = self.find_workers()
        self.others = [pid for pid in self.pids() if pid not in self.workers]

    def stop(self) -> None:
        """End all its processes."""
        end_descendants(self.pids())
        for process in self._started:
            process.wait()
        self._started.clear()

    def pids(self) -> list[int]:
        """All its processes."""
        found = []
        for process in self._started:
            try:
                tree = psutil.Process(process.pid)
                found += [tree.pid, *(child.pid for child in tree.children(recursive=True))]
            except psutil.NoSuchProcess:
                continue
        return found

    def find_workers(self) -> list[int]:
        """The processes that carry connections."""
        return self.pids()

    def accepted(self) -> list[int]:
        """Connections so far by worker; none for a peer that can't tell."""
        return []

    def port(self, service: str) -> int:
        """Where a service is, by name."""
        return next(each.port for each in self.services if each.name == service)

    def trim_log(self) -> None:
        """Empty the connection log when it has become big: in the course of a run it would fill the disk."""
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.empty_log()

    def logged(self) -> int:
        """Lines in the connection log."""
        with self.log.open("rb") as lines:
            return sum(1 for _ in lines)

    def empty_log(self) -> None:
        """Forget all lines of the connection log. Everyone appends to it, so the next begins at its start."""
        os.truncate(self.log, 0)

    def _answers(self) -> bool:
        for process in self._started:
            if process.poll() is not None:
                words = (self.folder / "output").read_text(errors="replace") + self.log.read_text(errors="replace")
                raise RuntimeError(f"can't start {self.name}: exit {process.returncode}\n{words.strip()[-2000:]}")
        return all(_answers(service.port) for service in self.services)


class Haproxy(Balancer):
    """HAProxy, mode tcp, one thread a worker."""

    name = "haproxy"
    program = "haproxy"
    options: ClassVar[tuple[str, ...]] = ()
    words: ClassVar[dict[str, str]] = {"leastconns": "leastconn", "roundrobin": "roundrobin"}

    @classmethod
    def version(cls) -> str | None:
        return _asked([cls.program, "-v"], r"version (\S+)", "HAProxy")

    def commands(self) -> list[list[str]]:
        lines = [
            "global",
            f"  nbthread {self.worker_count}",
            f"  maxconn {CONNECTIONS}",
            "  log stdout format raw local0",
            f"  stats socket {self._socket} level admin",
            "defaults",
            "  mode tcp",
            "  log global",
            "  option tcplog",
            *(f"  {option}" for option in self.options),
            "  timeout connect 5s",
            "  timeout client 10m",
            "  timeout server 10m",
        ]
        for service in self.services:
            lines += [
                f"listen {service.name}",
                f"  bind :{service.port}",
                f"  maxconn {CONNECTIONS}",
                f"  balance {self.words[service.scheduler]}",
                *(f"  server h{number} {ip}:{port}" for number, (ip, port) in enumerate(service.hosts)),
            ]
        config = self.folder / "haproxy.cfg"
        config.write_text("\n".join([*lines, ""]))
        return [[_path(self.program), "-db", "-f", str(config)]]

    def accepted(self) -> list[int]:
        """By thread, from `show activity`."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self._socket))
            control.sendall(b"show activity\n")
            answer = b"".join(iter(lambda: control.recv(65536), b"")).decode()
        found = re.search(r"^accepted: \d+ \[ ([\d ]+)\]", answer, re.MULTILINE)
        if not found:
            raise RuntimeError("can't count connections by thread: HAProxy's `show activity` does not tell")
        return [int(count) for count in found[1].split()]

    @property
    def _socket(self) -> Path:
        return self.folder / "stats.sock"


class HaproxySplice(Haproxy):
    """The same with zero copy switched on, which helps it with large transfers only."""

    name = "haproxy-splice"
    options = ("option splice-request", "option splice-response")


class Nginx(Balancer):
    """nginx's stream module, one process a worker."""

    name = "nginx"
    program = "nginx"
    words: ClassVar[dict[str, str]] = {"leastconns": "least_conn;", "roundrobin": ""}
    _MODULES = (Path("/usr/lib/nginx/modules"), Path("/usr/lib64/nginx/modules"), Path("/usr/local/libexec/nginx"))

    @classmethod
    def version(cls) -> str | None:
        built = _output([_path(cls.program), "-V"])
        if "--with-stream" not in built or ("--with-stream=dynamic" in built and cls._module() is None):
            return None
        return _asked([cls.program, "-v"], r"nginx/(\S+)", "nginx")

    def commands(self) -> list[list[str]]:
        module = self._module()
        reuseport = " reuseport" if self.worker_count > 1 else ""
        lines = [
            f"load_module {module};" if module else "",
            f"user {'root' if os.geteuid() == 0 else 'nobody'};",
            f"worker_processes {self.worker_count};",
            f"worker_rlimit_nofile {4 * CONNECTIONS // 2 + 1000};",
            f"pid {self.folder}/nginx.pid;",
            f"error_log {self.folder}/output warn;",
            f"events {{ worker_connections {2 * CONNECTIONS + 500}; }}",
            "stream {",
            "  log_format line '$pid $remote_addr [$time_local] $status $upstream_addr $bytes_received $bytes_sent"
            " $upstream_connect_time $session_time';",
            f"  access_log {self.log} line;",
            "  proxy_timeout 10m;",
            "  proxy_connect_timeout 5s;",
        ]
        for service in self.services:
            hosts = " ".join(f"server {ip}:{port};" for ip, port in service.hosts)
            lines += [
                f"  upstream {service.name} {{ {self.words[service.scheduler]} {hosts} }}",
                f"  server {{ listen {service.port} backlog=4096{reuseport}; proxy_pass {service.name}; }}",
            ]
        config = self.folder / "nginx.conf"
        config.write_text("\n".join([*lines, "}", ""]))
        return [[_path(self.program), "-c", str(config), "-p", str(self.folder), "-g", "daemon off;"]]

    def find_workers(self) -> list[int]:
        def found() -> list[int]:
            return [child.pid for child in psutil.Process(self._started[0].pid).children()]

        wait_until(lambda: len(found()) >= self.worker_count, "nginx's workers")
        return found()

    def accepted(self) -> list[int]:
        """By process, from the log."""
        with self.log.open() as lines:
            counts = Counter(line.partition(" ")[0] for line in lines)
        return [counts[str(pid)] for pid in self.workers]

    @classmethod
    def _module(cls) -> Path | None:
        places = (folder / "ngx_stream_module.so" for folder in cls._MODULES)
        return next((place for place in places if place.exists()), None)


class Pen(Balancer):
    """pen, one process a service."""

    name = "pen"
    program = "pen"

    @classmethod
    def version(cls) -> str | None:
        if not shutil.which(cls.program):
            return None
        return _asked(["dpkg-query", "-W", "-f", "${Version}", cls.program], r"([\d.]+)", "pen") or "pen"

    def commands(self) -> list[list[str]]:
        limit = str(CONNECTIONS)
        options = ["-f", "-r", "-x", limit, "-c", limit, "-l", str(self.log)]
        return [
            [_path(self.program), *options, str(service.port), *(f"{ip}:{port}:{limit}" for ip, port in service.hosts)]
            for service in self.services
        ]


class Naive(Balancer):
    """The proxy that one writes first; see `tests.bench.naive`."""

    name = "naive"
    program = sys.executable

    @classmethod
    def version(cls) -> str | None:
        import gevent

        return f"two greenlets a connection, gevent {gevent.__version__}, Python {sys.version.split()[0]}"

    def commands(self) -> list[list[str]]:
        services = [
            f"{service.port}=" + ",".join(f"{ip}:{port}" for ip, port in service.hosts) for service in self.services
        ]
        return [[self.program, "-m", "tests.bench.naive", *services]]


class Director(Balancer):
    """What all this is about."""

    name = "director"
    program = sys.executable
    schedulers = SCHEDULERS

    @classmethod
    def version(cls) -> str | None:
        return _asked([cls.program, "-m", "director", "--version"], r"(\d\S*)", "director")

    def commands(self) -> list[list[str]]:
        config = self.folder / "config.xml"
        config.write_text(self.config())
        places = ["--run-dir", str(self.folder / "run"), "--state-dir", str(self.folder / "state")]
        return [[self.program, "-m", "director", "start", "--foreground", "-c", str(config), *places]]

    def config(self) -> str:
        """config.xml."""
        root = ' user="root"' if os.geteuid() == 0 else ""
        lines = [f'<director workers="{self.worker_count}"{root}>']
        for service in self.services:
            lines += [
                f'  <service name="{service.name}" idle-timeout="10m">',
                f'    <listen ip="*:{service.port}"/>',
                f'    <group name="main" scheduler="{service.scheduler}">',
                *(f'      <host name="h{n}" ip="{ip}:{port}"/>' for n, (ip, port) in enumerate(service.hosts)),
                "    </group>",
                "  </service>",
            ]
        logging = (
            f"<logging file={quoteattr(str(self.folder / 'director.log'))} connections={quoteattr(str(self.log))}/>"
        )
        return "\n".join([*lines, f"  {logging}", "</director>", ""])

    def find_workers(self) -> list[int]:
        wait_until(lambda: len(self._serving()) >= self.worker_count, "director's workers")
        return [int(worker["pid"]) for worker in self._serving()]

    def accepted(self) -> list[int]:
        """By worker, from its statistics."""
        time.sleep(_STATS_AGE)
        return [int(worker["total"]) for worker in self._serving()]

    def _serving(self) -> list[dict[str, Any]]:
        control = "import sys; from control.cli import main; sys.exit(main())"
        socket_path = str(self.folder / "run" / "control.sock")
        answer = subprocess.run(
            [self.program, "-c", control, "-s", socket_path, "--json", "stats"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        return list(json.loads(answer.stdout)["workers"]) if answer.returncode == 0 else []


class Direct(Balancer):
    """No balancer: clients go straight to the first host. What load and hosts do by themselves."""

    name = "direct"

    @classmethod
    def version(cls) -> str | None:
        return "no balancer: load and hosts by themselves"

    def commands(self) -> list[list[str]]:
        return []

    def start(self, cores: Iterable[int]) -> None:
        """Nothing to start."""

    def port(self, service: str) -> int:
        return next(each.hosts[0][1] for each in self.services if each.name == service)


PEERS: dict[str, type[Balancer]] = {
    peer.name: peer for peer in (Director, Haproxy, HaproxySplice, Nginx, Pen, Naive, Direct)
}


def free_ports(count: int) -> list[int]:
    """TCP ports that nobody uses at this moment, outside the range that connections take theirs from."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    for port in range(lowest - 1, 1024, -1):
        if len(found) == count:
            break
        with socket.socket() as trial:
            try:
                trial.bind(("", port))
            except OSError:
                continue
        found.append(port)
    return found


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _path(program: str) -> str:
    """Where a program lies, the folders that only root searches included; its name when it is nowhere."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin") or program


def _output(command: list[str]) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=20)
    except OSError:
        return ""
    return answer.stdout + answer.stderr


def _asked(command: list[str], pattern: str, name: str) -> str | None:
    """`name` and the version that a command tells of itself; None when there is no such command."""
    found = re.search(pattern, _output([_path(command[0]), *command[1:]]))
    return f"{name} {found[1]}" if found else None
