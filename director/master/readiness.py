"""Telling whoever typed `directord start` how it went, from the background.

The launching process waits on a pipe until the daemon says so: one byte of exit
status and the words to print. A daemon that dies before says so by silence.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from director.errors import Exit


def show(exit: int, text: str) -> None:
    """Print what `start` has to say where people and scripts look for it."""
    print(text, file=sys.stdout if exit == Exit.DONE else sys.stderr, flush=True)


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
    if not data:
        show(Exit.FAILED, "directord: can't start: it died without a word; see the log")
        return Exit.FAILED
    show(data[0], data[1:].decode())
    return data[0]


def daemonise() -> Readiness | int:
    """Go to the background. Returns a Readiness in the daemon, the exit status in the launching process."""
    read, write = os.pipe()
    if os.fork():
        os.close(write)
        status = wait(read)
        os.wait()
        return status
    os.close(read)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0o027)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    if null > 2:
        os.close(null)
    return Readiness(write)
