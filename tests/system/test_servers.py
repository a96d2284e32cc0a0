"""Servers that people run, with their own clients, through director."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.system.addresses import LOOPBACK, accepts, free_address
from tests.system.configs import host, one_service
from tests.system.daemon import Daemon
from tests.system.peers import need
from tests.waiting import wait_until

Run = Callable[..., None]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, because sockets lie in it, and open, because servers give up root."""
    made = Path(tempfile.mkdtemp(prefix="srv-", dir="/tmp"))
    made.chmod(0o777)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def run(folder: Path) -> Iterator[Run]:
    """Start a server in the folder and wait until it accepts at the address; it ends with the test."""
    with ExitStack() as stack:

        def start(words: Sequence[str], address: str, user: str | None = None) -> None:
            server = subprocess.Popen(
                words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                user=user, extra_groups=[] if user else None,
            )  # fmt: skip
            stack.callback(server.wait, 20)
            stack.callback(server.terminate)
            wait_until(lambda: accepts(address), timeout=20)

        yield start


def port(address: str) -> str:
    return address.rpartition(":")[2]


def test_redis_benchmark(daemon: Daemon, folder: Path, run: Run) -> None:
    server, benchmark = need("redis-server", "redis-server"), need("redis-benchmark", "redis-tools")
    address, redis = free_address(), free_address()
    run(
        [
            server,
            "--bind",
            LOOPBACK,
            "--port",
            port(redis),
            "--save",
            "",
            "--dir",
            str(folder),
            "--protected-mode",
            "no",
        ],
        redis,
    )
    daemon.start(one_service(address, host("redis", redis)))
    for options in (["-n", "20000", "-c", "50"], ["-n", "20000", "-c", "20", "-P", "16"], ["-n", "1500", "-k", "0"]):
        done = subprocess.run(
            [benchmark, "-h", LOOPBACK, "-p", port(address), "-q", "-t", "set,get,lpush", "-d", "256", *options],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "error" not in (done.stdout + done.stderr).lower()
        assert done.stdout.count("requests per second") >= 3
    wait_until(lambda: daemon.service()["open"] == 0)
    assert sum(daemon.host("redis")["faults"].values()) == 0


def test_pgbench(daemon: Daemon, folder: Path, run: Run) -> None:
    initdb, server, pgbench = (need(command, "postgresql") for command in ("initdb", "postgres", "pgbench"))
    user = None
    if os.getuid() == 0:  # postgres refuses to be root
        user = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
    address, postgres = free_address(), free_address()
    subprocess.run(
        [initdb, "-D", "data", "-U", "tester", "-A", "trust", "--no-sync", "--no-locale"],
        cwd=folder, user=user, extra_groups=[] if user else None, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    where = ["-h", LOOPBACK, "-p", port(postgres), "-k", str(folder), "-c", "listen_addresses=" + LOOPBACK]
    run([server, "-D", "data", "-F", *where], postgres, user)
    daemon.start(one_service(address, host("pg", postgres)))
    through = ["-h", LOOPBACK, "-p", port(address), "-U", "tester"]
    for options in (["-i", "-q", "-s", "2"], ["-c", "8", "-j", "2", "-t", "200"], ["-C", "-S", "-c", "4", "-t", "40"]):
        done = subprocess.run(
            [pgbench, *through, *options, "postgres"], cwd=folder, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        if "-i" not in options:
            assert "number of failed transactions: 0 " in done.stdout, done.stdout
    wait_until(lambda: daemon.service()["open"] == 0)
    assert sum(daemon.host("pg")["faults"].values()) == 0


def nginx_configuration(folder: Path, addresses: Sequence[str]) -> str:
    servers = "".join(
        f"server {{ listen {address}; location = /name {{ return 200 '{number}'; }} root {folder}; }}\n"
        for number, address in enumerate(addresses)
    )
    return f"""daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{servers}}}
"""


def test_nginx(daemon: Daemon, folder: Path, run: Run) -> None:
    nginx, curl = need("nginx", "nginx"), need("curl", "curl")
    address, hosts = free_address(), [free_address(), free_address()]
    page = os.urandom(8 << 20)
    (folder / "page").write_bytes(page)
    (folder / "nginx.conf").write_text(nginx_configuration(folder, hosts))
    run([nginx, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"], hosts[1])
    daemon.start(one_service(address, host("a", hosts[0]), host("b", hosts[1])))

    names = [urllib.request.urlopen(f"http://{address}/name", timeout=10).read() for _ in range(20)]
    assert abs(names.count(b"0") - 10) <= 2, names
    urls = [word for _ in range(5) for word in (f"http://{address}/page", "-o", "-")]
    done = subprocess.run([curl, "-sS", "--fail", *urls], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == page * 5
