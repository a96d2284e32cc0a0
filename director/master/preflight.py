"""Trying the version that is on disk before anything is touched: does it load, does it take the config?

In the new interpreter `try_out` runs: it has imported everything by then and
checks the config without rights, and whether this machine has what that needs.
Its last line tells that all is well, and which protocol the two generations
would speak.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from director.errors import ChildExit, Exit, Severity, SystemFailure
from director.master import checker
from director.master.child import fork_child
from director.master.invocation import Invocation
from director.master.loop import Loop
from director.master.needs import Judge, Needs
from director.master.system import System
from director.places import Places
from director.version import VERSION

PROTOCOL = 1  # between generations; one that differs can only be had by a restart
_GOOD = "director is fit:"


def try_out(places: Places, judge: Judge) -> int:
    """In the new interpreter: say whether this version could take over. Returns the exit status."""
    if places.config is None:
        print("it would run without a config file", flush=True)
        return Exit.BAD_CONFIG
    try:
        result = checker.check_now(
            checker.read_file(places.config), places.config, Needs(places.run_dir, places.state_dir, judge)
        )
    except SystemFailure as error:
        print(error, flush=True)
        return Exit.BAD_CONFIG
    for problem in result.problems:
        if problem.severity is Severity.ERROR:
            print(problem, flush=True)
    if result.config is None:
        return Exit.BAD_CONFIG
    print(_GOOD, PROTOCOL, VERSION, flush=True)
    return Exit.DONE


@dataclass
class Preflight:
    """One under way. `on_done` gets the new version, or None and why not."""

    loop: Loop
    on_done: Callable[[str | None, str], None]
    pid: int = 0
    _fd: int = -1
    _said: bytearray = field(default_factory=bytearray)

    def begin(self, system: System, invocation: Invocation, places: Places) -> None:
        """Start the new interpreter. Raises OSError."""
        read, write = os.pipe()
        os.set_blocking(read, False)

        def run() -> int:
            os.dup2(write, 1)
            os.dup2(write, 2)
            try:
                invocation.execute(places, ("preflight",), ())
            except OSError as error:
                os.write(1, f"can't run {invocation.words[0]}: {error.strerror}\n".encode())
            return ChildExit.BOOT_FAILED

        self.pid = fork_child(system, run, lambda: (0, 1, 2, write))
        os.close(write)
        self._fd = read
        self.loop.watch(read, self._read)

    def give_up(self) -> None:
        """End it; nothing is reported."""
        if self._fd >= 0:
            self.loop.forget(self._fd)
            os.close(self._fd)
            self._fd = -1
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        if data:
            self._said += data[: 1 << 20]
            return
        lines = self._said.decode(errors="replace").strip().splitlines() or ["it died without a word"]
        self.give_up()
        self.on_done(*judge(lines))


def judge(lines: list[str]) -> tuple[str | None, str]:
    """The version if what a preflight said is good; else None and the reason."""
    if not lines[-1].startswith(_GOOD):
        # The last line of a traceback is what it is about; of a config, every line counts.
        trace = any(line.startswith("Traceback") or line.lstrip().startswith('File "') for line in lines)
        return None, lines[-1] if trace else "; ".join(lines)
    protocol, _, version = lines[-1].removeprefix(_GOOD).strip().partition(" ")
    if protocol != str(PROTOCOL):
        return None, f"version {version} can't follow {VERSION} while it runs: restart instead"
    return version, ""
