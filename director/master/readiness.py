"""Telling whoever typed `directord start` how it went, from the background.

The launching process waits on a pipe until the daemon says so: a line with its pid,
then one byte of exit status and the words to print. Of a daemon that dies before,
the kernel tells how.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass

from director import console
from director.errors import Exit
from director.master import system as kernel
from director.master.child import close_all_but


def show(exit: int, text: str) -> None:
    """Print what `start` has to say where people and scripts look for it."""
    (console.say if exit == Exit.DONE else console.complain)(text)


@dataclass
class Readiness:
    """Where the daemon says once that it is ready or has failed. `fd` -1: it runs in the foreground."""

    fd: int = -1
    told: bool = False

    def tell(self, exit: int, text: str, stays: bool = False) -> None:
        """Say it; only the first time counts.

        Unless this process `stays`, whoever waits goes on waiting until it has
        ended: a start that failed leaves nobody behind.
        """
        if self.told:
            return
        self.told = True
        if self.fd < 0:
            show(exit, text)
            return
        try:
            os.write(self.fd, bytes([exit]) + text.encode())
        except BrokenPipeError:
            pass  # whoever started us did not wait
        if stays:
            os.close(self.fd)
            self.fd = -1


def wait(fd: int) -> int:
    """In the launching process: wait, print, and return the exit status."""
    data = b""
    while piece := os.read(fd, 65536):
        data += piece
    pid, _, said = data.partition(b"\n")
    if not said:
        show(Exit.FAILED, f"directord: can't start: it {_fate(int(pid or 0))} without a word; see the log")
        return Exit.FAILED
    show(said[0], said[1:].decode())
    return said[0]


def _fate(pid: int) -> str:
    """How the daemon ended, if it is ours to know."""
    try:
        _, status = os.waitpid(pid, 0) if pid else (0, 0)
    except ChildProcessError:
        status = 0
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"was killed by signal {number} ({signal.strsignal(number)})"
    return f"ended with status {os.waitstatus_to_exitcode(status)}" if status else "died"


def daemonise(passed: Iterable[int]) -> Readiness | int:
    """Go to the background. Returns a Readiness in the daemon, the exit status in the launching process.

    `passed`: descriptors that are for the daemon. It keeps no other: a lock or a pipe of whoever called
    `directord start` must not be held for as long as the daemon lives.
    """
    read, write = os.pipe()
    kernel.reap_orphans()  # as the daemon is one at once: how it ends is told to us
    if between := os.fork():
        os.close(write)
        os.waitpid(between, 0)
        return wait(read)
    os.close(read)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0o027)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    close_all_but((0, 1, 2, write, *passed))
    with contextlib.suppress(BrokenPipeError):  # whoever started us did not wait
        os.write(write, b"%d\n" % os.getpid())
    return Readiness(write)
