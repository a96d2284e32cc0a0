"""One pid for whoever started us in the foreground, through every upgrade.

A shell, a container or a supervisor watches the process that it started; an
upgrade makes another process the daemon. So that process stays as a launcher:
every generation becomes its child (it is the subreaper), signals go on to the
master that reigns, and its end is that of the daemon, with the same status.
Whatever else is orphaned below it is reaped, as befits the pid 1 of a container.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from director.master import system as kernel
from director.master.lock import Holder, probe
from director.master.readiness import Readiness

_FORWARDED = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGTTIN,
        signal.SIGTTOU,
        signal.SIGUSR1,
        signal.SIGUSR2,
    }
)
_LOOK = 0.1  # seconds between looks while a successor is on its way
_ENDED_BY_SIGNAL = 128  # added to its number, as shells do


@dataclass
class Offspring:
    """Who is the daemon among our children: pure but for what `holder` and `is_ours` tell.

    `first`: the master that we started.
    """

    first: int
    holder: Callable[[], Holder]
    is_ours: Callable[[int], bool]
    ended: dict[int, int] = field(default_factory=dict)  # {pid: wait status}

    def reigning(self) -> int:
        """The master that signals are for. Another daemon may have the lock: that is none of ours."""
        pid = self.holder().pid
        return pid if pid in self.ended or (pid and self.is_ours(pid)) else self.first

    def verdict(self) -> int | None:
        """The wait status of the daemon once it has ended; None while it lives or a successor is on its way."""
        master = self.reigning()
        if master not in self.ended:
            return None
        now = self.holder()
        # A successor has the lock from its birth on, and writes its name when the daemon is its.
        return None if now.master_lives and now.pid == master else self.ended[master]


def launch(lock: str, passed: Iterable[int]) -> Readiness | int:
    """Stay as the launcher of a master. Returns a Readiness in the master, and the exit status here, at its end.

    `passed`: descriptors that are for the master only.
    """
    heard = _FORWARDED | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, heard)
    kernel.reap_orphans()
    launcher = os.getpid()
    pid = os.fork()
    if not pid:
        os.setsid()  # what a terminal says to its group, we say on
        kernel.end_with_parent(launcher)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return Readiness()
    for fd in passed:
        os.close(fd)
    signal.signal(signal.SIGWINCH, signal.SIG_IGN)
    offspring = Offspring(pid, lambda: probe(lock), _is_our_child)
    while (status := offspring.verdict()) is None:
        told = signal.sigtimedwait(heard, _LOOK if offspring.reigning() in offspring.ended else 60.0)
        if told is not None and told.si_signo in _FORWARDED:
            _forward(offspring.reigning(), told.si_signo)
        _reap(offspring.ended)
    if os.WIFSIGNALED(status):
        return _ENDED_BY_SIGNAL + os.WTERMSIG(status)
    return os.waitstatus_to_exitcode(status)


def _forward(pid: int, number: int) -> None:
    # A child of ours that we have not reaped: no stranger can have its pid.
    if _is_our_child(pid):
        os.kill(pid, number)


def _reap(ended: dict[int, int]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        ended[pid] = status


def _is_our_child(pid: int) -> bool:
    return kernel.parent(pid) == os.getpid()
