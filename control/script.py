"""A check by a program of the operator's: run without a shell, watched by its pidfd.

Exit status 0 is good. What it prints last is the cause that people read. It
gets its arguments as the config has them, a short environment (see ENVIRONMENT)
and nothing else of ours; at its timeout it is killed with all its children.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from control.attempt import Job, Watch
from control.dialogues import Outcome

ENVIRONMENT = ("PATH", "DIRECTOR_SERVICE", "DIRECTOR_GROUP", "DIRECTOR_HOST", "DIRECTOR_ADDRESS", "DIRECTOR_PORT")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OUTPUT = 4096  # bytes
_SIGNALS = (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


class Script:
    """One run of the program."""

    __slots__ = ("_done", "_job", "_out", "_over", "_pid", "_pidfd", "_watch", "began", "number")

    def __init__(self, job: Job, watch: Watch, done: Callable[[Script, Outcome], None]) -> None:
        self.number = job.number
        self._job, self._watch, self._done = job, watch, done
        self._pid = 0
        self._pidfd = self._out = -1
        self._over = False
        self.began = 0.0

    def start(self) -> None:
        """Run it; `done` is called at once if it can't be."""
        self.began = time.monotonic()
        command = self._job.check.command or ""
        read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self._pid = os.posix_spawn(
                command,
                [command, *self._job.check.args],
                environment(self._job),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, write, 1),
                    (os.POSIX_SPAWN_DUP2, write, 2),
                ],
                setpgroup=0,
                setsigmask=(),
                setsigdef=_SIGNALS,
            )
        except OSError as error:
            os.close(read)
            cause = f"can't run {command}: {error.strerror}"
            self._end(Outcome(False, "PROCERR", cause, errno=error.errno or 0, reached=False))
            return
        finally:
            os.close(write)
        self._out = read
        self._pidfd = os.pidfd_open(self._pid)
        self._watch.add(self._pidfd, self._on_exit, select.EPOLLIN)

    def expire(self) -> None:
        """Its time is up: it is killed."""
        if self._over:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        self._reap()
        cause = f"no end in {self._job.check.timeout:g} s"
        self._end(Outcome(False, "PROCTOUT", cause, errno=errno.ETIMEDOUT))

    def _on_exit(self, mask: int) -> None:
        status = self._reap()
        said = self._said()
        if status == 0:
            self._end(Outcome(True, "PROCOK", said))
        elif status < 0:
            self._end(Outcome(False, "PROCERR", said or f"ended by {signal.Signals(-status).name}", code=-status))
        else:
            self._end(Outcome(False, "PROCERR", said or f"exit status {status}", code=status))

    def _reap(self) -> int:
        """Its exit status; negative: the signal that ended it."""
        self._watch.remove(self._pidfd)
        os.close(self._pidfd)
        _, status = os.waitpid(self._pid, 0)
        return os.waitstatus_to_exitcode(status)

    def _said(self) -> str:
        try:
            text = os.read(self._out, _OUTPUT).decode(errors="replace")
        except BlockingIOError:
            return ""
        lines = text.strip().splitlines()
        return lines[-1][:200] if lines else ""

    def _end(self, outcome: Outcome) -> None:
        self._over = True
        if self._out >= 0:
            os.close(self._out)
        self._done(self, outcome)


def environment(job: Job) -> dict[str, str]:
    """What the program finds in its environment."""
    service, group, host = job.label
    where = job.addresses[0][1] if job.addresses else ("", "")
    address, port = (where, "") if isinstance(where, str) else where[:2]
    return dict(zip(ENVIRONMENT, (_PATH, service, group, host, str(address), str(port)), strict=True))
