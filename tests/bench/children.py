"""The processes of a bench run, and that none is left behind.

The bench makes itself the reaper of whatever its descendants orphan, so the
processes of a daemon that lost its master are still found here, and only
processes that we started are ever signalled. A forked child dies with us.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_TIMERSLACK = 29
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(slots=True)
class Child:
    """A forked process of ours that runs until it is told to stop."""

    pid: int
    name: str

    def stop(self) -> None:
        """Kill it and wait for its end; twice does no harm."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
            self.pid = 0

    def check(self) -> None:
        """Raise if it ended by itself: whatever is measured now would be nonsense."""
        if self.pid and os.waitpid(self.pid, os.WNOHANG) != (0, 0):
            self.pid = 0
            raise RuntimeError(f"can't go on: the {self.name} process died")


def adopt_orphans() -> None:
    """Become the parent of what our descendants leave behind, and lift the descriptor limit."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def prepared(cores: Iterable[int]) -> Callable[[], None]:
    """What a child does before anything else: own cores, exact timers, death with its parent."""
    mask = frozenset(cores)
    parent = os.getpid()

    def prepare() -> None:
        os.sched_setaffinity(0, mask)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # it died before we asked

    return prepare


def fork(name: str, cores: Iterable[int], run: Callable[[], None]) -> Child:
    """Run a function in a child of its own on `cores`. Its end is the child's end."""
    prepare = prepared(cores)
    pid = os.fork()
    if pid:
        return Child(pid, name)
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which ends us
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        prepare()
        _libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
        gc.disable()  # no pauses; what these loops allocate has no cycles
        run()
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


@contextlib.contextmanager
def forked(name: str, cores: Iterable[int], run: Callable[[], None]) -> Iterator[Child]:
    """`fork`, and the child's end when the block is left."""
    child = fork(name, cores, run)
    try:
        yield child
    finally:
        child.stop()


def end_descendants(pids: Iterable[int] | None = None, grace: float = 5.0) -> None:
    """End processes with TERM, and with KILL after `grace` seconds; wait for each.

    `pids` of None: every descendant of ours.
    """
    if pids is None:
        processes = psutil.Process().children(recursive=True)
    else:
        processes = []
        for pid in pids:
            with contextlib.suppress(psutil.NoSuchProcess):
                processes.append(psutil.Process(pid))
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _gone, alive = psutil.wait_procs(processes, timeout=grace)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=grace)


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 20.0) -> None:
    """Ask again and again until `condition` holds; TimeoutError names `what` was waited for."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"can't wait any longer for {what}: {timeout:.0f} s have passed")
        time.sleep(0.01)
