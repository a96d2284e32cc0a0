"""A director of its own for one test, and what one does to it.

It is started as users start it, from the command line, with its run and state
directories in a folder of its own under /tmp (a unix socket's path must be
short). Every process of it carries the folder's name in its environment: by
that they are found, however they came to be, and after the test none may be left.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import psutil

from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
MARK = "DIRECTOR_TEST_FOLDER"
DIRECTORD = (sys.executable, "-m", "director")
DIRECTORCTL = (sys.executable, "-c", "import sys; from control.cli import main; sys.exit(main())")


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    exit: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


class Daemon:
    """One director. `start` and `stop` it, look at it, hurt it; `close` says what it left."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dir-", dir="/tmp"))
        self.folder.chmod(0o755)  # as root, workers lose their rights and still must get here
        self.run_dir = self.folder / "run"
        self.state_dir = self.folder / "state"
        self.config_file = self.folder / "config.xml"
        self.log_file = self.folder / "director.log"
        self.pid_file = self.run_dir / "directord.pid"
        self.socket = self.run_dir / "control.sock"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DIRECTOR_", "LISTEN_"))},
            MARK: str(self.folder),
            "PYTHONPATH": str(ROOT),
            "PYTHONSAFEPATH": "1",  # as with `directord` itself: what lies in the working directory is no module yet
        }
        self.environment.pop("NOTIFY_SOCKET", None)

    # -- its commands ---------------------------------------------------------

    @property
    def options(self) -> list[str]:
        where = {"--config": self.config_file, "--run-dir": self.run_dir, "--state-dir": self.state_dir}
        return [word for option, path in where.items() for word in (option, str(path))]

    def command_line(self, *words: str) -> list[str]:
        return [*DIRECTORD, *self.options, *words]

    def configure(self, text: str) -> None:
        self.config_file.write_text(text)

    def directord(self, *words: str, timeout: float = 60.0) -> Result:
        """Run a command of `directord`, whatever comes of it."""
        return self._run(self.command_line(*words), timeout)

    def ctl(self, *words: str, timeout: float = 30.0, stdin: str = "") -> Result:
        """Run a command of `directorctl`, whatever comes of it."""
        return self._run([*DIRECTORCTL, "-s", str(self.socket), *words], timeout, stdin)

    def _run(self, words: Sequence[str], timeout: float, stdin: str = "") -> Result:
        done = subprocess.run(
            words, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=timeout, input=stdin
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def spawn(self, *words: str) -> subprocess.Popen[str]:
        """A command of `directord` that goes on beside the test, in a session of its own."""
        return subprocess.Popen(
            self.command_line(*words),
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def start(self, text: str | None = None) -> None:
        """Start it as a daemon, with this config.xml; it must succeed."""
        if text is not None:
            self.configure(text)
        done = self.directord("start")
        assert done.exit == 0, f"start: exit {done.exit}: {done.text}\n{self.log}"

    def stop(self) -> None:
        done = self.directord("stop")
        assert done.exit == 0, f"stop: exit {done.exit}: {done.text}"

    def reload(self, text: str) -> Result:
        """Reload with this config.xml; it must succeed."""
        self.configure(text)
        done = self.directord("reload")
        assert done.exit == 0, f"reload: exit {done.exit}: {done.text}"
        return done

    # -- looking at it --------------------------------------------------------

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def stats(self) -> dict[str, Any]:
        """The statistics, asked for on the control socket as any client may."""
        result = self.command("stats")
        assert isinstance(result, dict)
        return result

    def command(self, command: str, **arguments: object) -> Any:
        """One request in frames; the last reply's result. A refusal fails."""
        request = msgpack.packb({"v": 1, "id": 1, "command": command, "args": arguments})
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(self.socket))
            client.sendall(struct.pack(">I", len(request)) + request)
            while True:
                reply = _read_frame(client)
                assert reply["ok"], reply
                if not reply.get("more"):
                    return reply["result"]

    def host(self, name: str, service: str = "web", group: str = "main") -> dict[str, Any]:
        """The statistics of one host."""
        found: dict[str, Any] = _named(
            _named(_named(self.stats()["services"], service)["groups"], group)["hosts"], name
        )
        return found

    def service(self, name: str = "web") -> dict[str, Any]:
        """The statistics of one service."""
        return _named(self.stats()["services"], name)

    @property
    def master(self) -> int:
        """The pid in the pid file; fails when there is none."""
        return int(self.pid_file.read_text())

    def workers(self) -> dict[int, int]:
        """The pid of each worker, by slot."""
        return {int(worker["slot"]): int(worker["pid"]) for worker in self.stats()["workers"]}

    def hub(self) -> int:
        """The pid of the hub."""

        def living() -> list[int]:
            found = [one["pid"] for one in self.command("status")["processes"] if one["kind"] == "hub"]
            return [pid for pid in found if pid]

        return wait_until(living)[0]

    def processes(self) -> list[psutil.Process]:
        """Every living process that was started by, or is, this director or a command of it."""
        mark = str(self.folder)
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def pids(self) -> set[int]:
        return {process.pid for process in self.processes()}

    def is_serving(self, workers: int) -> bool:
        """Whether that many workers serve, by the statistics."""
        states = [worker["state"].lower() for worker in self.stats()["workers"]]
        return states == ["serving"] * workers

    def digests(self) -> list[str | None]:
        """What each worker says its digest is, behind all that the hub had to tell; None: it has not answered."""
        return [one["digest"] for one in self.command("workers", digest=True)["workers"]]

    def agrees(self, workers: int) -> bool:
        """Whether that many workers are there and all know the same."""
        found = self.digests()
        return len(found) == workers and None not in found and len(set(found)) == 1

    def owners(self) -> dict[int, int]:
        """The worker that holds each client's connection: {client's port: pid}."""
        found = {}
        for pid in self.workers().values():
            for connection in psutil.Process(pid).net_connections("tcp"):
                if connection.status in (psutil.CONN_ESTABLISHED, psutil.CONN_CLOSE_WAIT):
                    found[connection.raddr.port] = pid
        return found

    # -- hurting it -----------------------------------------------------------

    def kill(self, pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        assert pid in self.pids(), f"{pid} is no process of this director"
        os.kill(pid, number)

    # -- the end --------------------------------------------------------------

    def close(self) -> None:
        """End all of it and remove the folder; fails if a process outlives a fast stop."""
        try:
            if self.pid_file.exists() and self.master in self.pids():
                os.kill(self.master, signal.SIGINT)
                wait_until(lambda: not self.pids(), timeout=8)
            left = self.processes()
            assert left == [], f"left behind: {[process.cmdline() for process in left]}"
        finally:
            for process in self.processes():
                process.kill()
            if self.log:
                print(f"-- director.log\n{self.log[-20_000:]}")
            shutil.rmtree(self.folder)


def _named(things: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(thing for thing in things if thing["name"] == name)


def _read_frame(client: socket.socket) -> dict[str, Any]:
    (length,) = struct.unpack(">I", _read_exactly(client, 4))
    reply = msgpack.unpackb(_read_exactly(client, length), strict_map_key=False)
    assert isinstance(reply, dict)
    return reply


def _read_exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = client.recv(count - len(data))
        assert more, "the control socket was closed in the middle of a reply"
        data += more
    return data
