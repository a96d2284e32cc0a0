"""A check by a program of the operator's: run without a shell, watched by its pidfd.

Exit status 0 is good. What it prints last is the cause that people read. It
gets its arguments as the config has them, a short environment (see ENVIRONMENT)
and nothing else of ours. At its timeout it is killed with its process group,
and what it left of that behind when it ends goes, too. Nothing here waits for
it: a program that a dead disk keeps from ending costs a process, not the hub.
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
from control.dialogues import OUR_FAULT, OURS, Outcome

ENVIRONMENT = ("PATH", "DIRECTOR_SERVICE", "DIRECTOR_GROUP", "DIRECTOR_HOST", "DIRECTOR_ADDRESS", "DIRECTOR_PORT")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CHUNK = 64 * 1024  # bytes: all that a pipe holds
_KEPT = 4096  # bytes of what it printed last
_MOST = 16 * 1024 * 1024  # bytes that it may print
# It has them all as at login: what is ignored when a shell begins, as most are by us, it can't even trap.
_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


class Script:
    """One run of the program."""

    __slots__ = (
        "_done", "_job", "_out", "_pid", "_pidfd", "_printed", "_tail", "_watch", "began", "number", "over", "span",
    )  # fmt: skip

    def __init__(self, job: Job, watch: Watch, done: Callable[[Script, Outcome], None]) -> None:
        self.number = job.number
        self._job, self._watch, self._done = job, watch, done
        self._pid = 0
        self._pidfd = self._out = -1
        self._tail, self._printed = b"", 0
        self.over = False
        self.span = job.check.timeout
        self.began = 0.0

    def start(self) -> None:
        """Run it; `done` is called at once if it can't be."""
        self.began = time.monotonic()
        command = self._job.check.command or ""
        try:
            self._run(command)
        except OSError as error:
            status = OUR_FAULT if error.errno in OURS else "PROCERR"
            cause = f"can't run {command}: {error.strerror}"
            self._end(Outcome(False, status, cause, errno=error.errno or 0, reached=False))

    def _run(self, command: str) -> None:
        self._out, write = os.pipe2(os.O_CLOEXEC)  # its end blocks: nothing that it prints fails for being much
        try:
            os.set_blocking(self._out, False)
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
        finally:
            os.close(write)
        self._watch.offspring.add(self._pid)
        try:
            self._pidfd = os.pidfd_open(self._pid)
        except OSError:
            self._kill()
            self._reap()
            raise
        self._watch.add(self._out, self._on_output, select.EPOLLIN)
        self._watch.add(self._pidfd, self._on_exit, select.EPOLLIN)

    def late(self) -> None:
        """Its time is over."""
        self.expire()

    def expire(self) -> None:
        """It is killed."""
        if not self.over:
            self._kill()
            cause = f"no end in {self._job.check.timeout:g} s"
            self._end(Outcome(False, "PROCTOUT", cause, errno=errno.ETIMEDOUT))

    def _on_exit(self, mask: int) -> None:
        if not self.over:
            self._on_output(mask)
        self._kill()  # while it is not reaped, nobody else has its number
        self._watch.remove(self._pidfd)
        os.close(self._pidfd)
        status = self._reap()
        if not self.over:
            self._end(self._judged(status))

    def _reap(self) -> int:
        """It has ended, or does: its exit status."""
        _, status = os.waitpid(self._pid, 0)
        self._watch.offspring.remove(self._pid)
        return os.waitstatus_to_exitcode(status)

    def _judged(self, status: int) -> Outcome:
        """What came of it, by its exit status; negative: the signal that ended it."""
        lines = self._tail.decode(errors="replace").strip().splitlines()
        said = lines[-1][:200] if lines else ""
        if status == 0:
            return Outcome(True, "PROCOK", said)
        if status < 0:
            return Outcome(False, "PROCERR", said or f"ended by {_signal_name(-status)}", code=-status)
        return Outcome(False, "PROCERR", said or f"exit status {status}", code=status)

    def _on_output(self, mask: int) -> None:
        """It printed something: the end of it is kept."""
        if self._out < 0:
            return
        with suppress(BlockingIOError):
            text = os.read(self._out, _CHUNK)
            self._tail = (self._tail + text)[-_KEPT:]
            self._printed += len(text)
            if not text:
                self._close()
            elif self._printed > _MOST:
                self._kill()
                self._end(Outcome(False, "PROCERR", f"it printed more than {_MOST >> 20} MiB"))

    def _kill(self) -> None:
        """End all that is left of it and its children, those that have taken a process group of their own excepted."""
        if self._pid:
            with suppress(ProcessLookupError, PermissionError):  # all gone, or all others' by now
                os.killpg(self._pid, signal.SIGKILL)

    def _close(self) -> None:
        out, self._out = self._out, -1
        if out >= 0:
            self._watch.remove(out)
            os.close(out)

    def _end(self, outcome: Outcome) -> None:
        self.over = True
        self._close()
        self._done(self, outcome)


def environment(job: Job) -> dict[str, str]:
    """What the program finds in its environment."""
    service, group, host = job.label
    where = job.addresses[0][1] if job.addresses else ("", "")
    address, port = (where, "") if isinstance(where, str) else where[:2]
    return dict(zip(ENVIRONMENT, (_PATH, service, group, host, str(address), str(port)), strict=True))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
