"""`directord demo`: the first thing anybody tries."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import urllib.request
from collections.abc import Iterator

import pytest

from tests.system.daemon import DIRECTORCTL, DIRECTORD, Daemon
from tests.waiting import wait_until


class Demo:
    """A demo as it runs in somebody's terminal."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.output = daemon.folder / "output"
        # Two that start at the same moment may choose the same ports: then one of them ends, and is tried again.
        for _ in range(5):
            self.process = self._begin()
            wait_until(lambda: self._url() or self.process.poll() is not None, timeout=60)
            if self.process.poll() is None:
                break
        self.url: str = wait_until(self._url, timeout=20)
        wait_until(lambda: self.line("directorctl", "host-down"), timeout=20)

    def _begin(self) -> subprocess.Popen[bytes]:
        daemon = self.daemon
        with self.output.open("w") as output:
            return subprocess.Popen(
                [*DIRECTORD, "--run-dir", str(daemon.run_dir), "--state-dir", str(daemon.state_dir), "demo"],
                env=daemon.environment,
                cwd=daemon.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def _url(self) -> str:
        found = re.search(r"curl .*?(http://[^\s'\"]+)", self.text)
        return found[1] if found else ""

    def line(self, *words: str) -> str | None:
        """The first line that holds all these words."""
        return next((line for line in self.text.splitlines() if all(word in line for word in words)), None)

    def try_out(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Do what a printed line with these words says."""
        line = self.line("directorctl", *words)
        assert line
        command = re.split(r"\s{2,}#", line[line.index("directorctl") :])[0]
        arguments = shlex.split(command)[1:]
        return subprocess.run(
            [*DIRECTORCTL, *arguments], env=self.daemon.environment, capture_output=True, text=True, timeout=30
        )

    def get(self) -> str:
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            body: bytes = answer.read()
            return body.decode()

    def hosts(self) -> list[dict[str, object]]:
        (service,) = self.daemon.stats()["services"]
        found: list[dict[str, object]] = service["groups"][0]["hosts"]
        return found

    def press_ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)


@pytest.fixture
def demo(daemon: Daemon) -> Iterator[Demo]:
    demo = Demo(daemon)
    yield demo
    print(demo.text)
    if demo.process.poll() is None:
        demo.press_ctrl_c()
    demo.process.wait(timeout=10)


def test_thirty_requests_reach_each_host_ten_times(demo: Demo) -> None:
    bodies = {demo.get() for _ in range(30)}
    assert len(bodies) >= 3
    wait_until(lambda: sum(int(str(host["total"])) for host in demo.hosts()) == 30)
    totals = [int(str(host["total"])) for host in demo.hosts()]
    assert len(totals) == 3
    assert all(abs(total - 10) <= 2 for total in totals), totals


def test_what_it_prints_to_try_works(demo: Demo) -> None:
    assert demo.try_out("stats").returncode == 0
    done = demo.try_out("host-down")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: [host["state"] for host in demo.hosts()].count("maint") == 1)
    assert len({demo.get() for _ in range(12)}) >= 2
    assert demo.line("Ctrl-C")


def test_its_web_admin_lets_in_whoever_read_the_password(demo: Demo) -> None:
    line = demo.line("http://", "password") or ""
    found = re.search(r"(http://\S+)\s+# user (\S+), password (\S+)", line)
    assert found
    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, found[1], found[2], found[3])
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
    with opener.open(found[1] + "running.txt", timeout=10) as answer:
        assert answer.read().decode().startswith("service web ")


def test_ctrl_c_ends_every_process_within_two_seconds_and_leaves_only_the_lock(demo: Demo) -> None:
    demo.get()
    demo.press_ctrl_c()
    wait_until(lambda: not demo.daemon.pids(), timeout=2)
    assert demo.process.wait(timeout=1) == 0
    assert os.listdir(demo.daemon.run_dir) == ["directord.lock"]


def test_two_demos_run_side_by_side(demo: Demo) -> None:
    neighbour = Daemon()
    try:
        other = Demo(neighbour)
        assert other.url != demo.url
        assert other.get() and demo.get()
        other.press_ctrl_c()
        assert other.process.wait(timeout=10) == 0
    finally:
        neighbour.close()
