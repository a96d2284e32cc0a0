"""`directorctl top` in a terminal of 80 by 24: what it shows, its keys, and that it leaves all as it was.

With SCREENSHOTS set to a folder the pictures are written there, as the manual has them.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.addresses import ask_name, free_address
from tests.system.configs import host, one_service
from tests.system.daemon import DIRECTORCTL, Daemon
from tests.system.hosts import Host
from tests.system.peers import need
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]


class Terminal:
    """A terminal of tmux's, with a shell in it."""

    def __init__(self, daemon: Daemon) -> None:
        self._tmux = [need("tmux", "tmux"), "-f", "/dev/null", "-S", str(daemon.folder / "tmux")]
        self._folder = daemon.folder
        self._environment = {**daemon.environment, "LC_ALL": "C.UTF-8"}
        self._run("new-session", "-d", "-s", "t", "-x", "80", "-y", "24", "env PS1='$ ' sh")
        wait_until(lambda: self.screen().startswith("$"), 30)

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [*self._tmux, *words],
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout

    def screen(self) -> str:
        return self._run("capture-pane", "-p", "-t", "t")

    def press(self, *keys: str) -> None:
        self._run("send-keys", "-t", "t", *keys)

    def type(self, text: str) -> None:
        self._run("send-keys", "-t", "t", "-l", text)

    def close(self) -> None:
        self._run("kill-server")


@contextmanager
def terminal(daemon: Daemon) -> Iterator[Terminal]:
    found = Terminal(daemon)
    try:
        yield found
    finally:
        found.close()


def keep(picture: str, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder, name).write_text("\n".join(line.rstrip() for line in picture.splitlines()) + "\n")


def test_top_shows_what_goes_on_and_gives_the_terminal_back(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address), host("b", b.address)))
    with terminal(daemon) as shown:
        command = shlex.join([*DIRECTORCTL, "-s", str(daemon.socket), "top"])
        shown.type("stty -g > before; " + command + "; stty -g > after; echo was $?")
        shown.press("Enter")
        wait_until(lambda: "hosts 2 of 2 up" in shown.screen(), 30)

        def busy() -> bool:
            assert all(ask_name(address) for _ in range(5))
            return " 0 conn/s" not in shown.screen()

        wait_until(busy, 30)
        keep(shown.screen(), "top-hosts.txt")
        assert len(shown.screen().splitlines()) == 24
        assert "web/main/a" in shown.screen() and "web/main/b" in shown.screen()

        shown.press("Tab", "Tab")
        wait_until(lambda: "worker 1" in shown.screen(), 30)
        keep(shown.screen(), "top-workers.txt")
        shown.press("Tab")

        shown.type("/main/b")
        shown.press("Enter")
        wait_until(lambda: "only 'main/b'" in shown.screen() and "web/main/a" not in shown.screen(), 30)
        shown.press("d")
        wait_until(lambda: "host-down web main b? " in shown.screen(), 30)
        shown.press("n")
        wait_until(lambda: "nothing was done" in shown.screen(), 30)
        assert daemon.host("b")["state"] == "up"
        shown.press("d")
        wait_until(lambda: "host-down web main b? " in shown.screen(), 30)
        shown.press("y")
        wait_until(lambda: daemon.host("b")["state"] == "maint", 30)
        wait_until(lambda: "is in maint" in shown.screen() and "1 of 2 up" in shown.screen(), 30)

        daemon.kill(daemon.hub())
        wait_until(lambda: "1 of 2 up" in shown.screen(), 30)
        shown.press("q")
        wait_until(lambda: "was 0" in shown.screen(), 30)
        assert "hosts 1 of 2 up" not in shown.screen()
    assert (daemon.folder / "before").read_text() == (daemon.folder / "after").read_text()
