"""What can go wrong, and the exit status that says so.

    DirectorError                 base; never raised itself
    +-- ConfigError               the operator's text is wrong; carries Problems
    +-- UsageError                a command names something that is not there
    +-- RefusedError              understood, but not done; the message says why
    +-- UnreachableError          no daemon answers
    |   +-- AbsentError           ... and none can
    +-- SystemFailure             the kernel said no (bind, fork, open, ...)
    |   +-- RightsError           ... to us, who have no right to it
    +-- ProtocolError             bytes between processes break the rules
        +-- LocalProtocolError    ... by our own bug
        +-- RemoteProtocolError   ... by the peer's

Parts have leaves of their own: CommandError, UpgradeRefused, Misfit. What is not
in the tree (BadValue, Malformed, ...) is a module's answer to its caller, which
always catches it; only SchedulerFault is users' to see, in `director.testing`.

The network being the network (a refused connect, a reset) is a value, not an
exception: see `director.messages.Fault`.
Messages read: "can't <verb> <object>: <cause>".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Exit(IntEnum):
    """Exit statuses of `directord` and `directorctl`; users' scripts rely on each."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NO_RIGHTS = 4
    NOT_RUNNING = 7
    BAD_CONFIG = 78
    UPGRADE_REFUSED = 150
    UPGRADE_ROLLED_BACK = 151


class Status(IntEnum):
    """Exit statuses of `directord status`, as LSB has them."""

    RUNNING = 0
    DEAD = 1  # its pid file is left
    ORPHANS = 2  # it is dead, some of its processes live
    STOPPED = 3
    UNKNOWN = 4


class ChildExit(IntEnum):
    """Exit statuses of our own children; the supervisor decides by them."""

    DRAINED = 0  # told to stop, or lost its master, and finished
    CRASHED = 70  # an exception reached the outermost frame; it is in the log
    BOOT_FAILED = 71  # could not become ready


class Severity(StrEnum):
    """How bad a Problem is: an error rejects the config, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a config text: where, what, and what would be right."""

    severity: Severity
    file: str
    line: int  # 1-based; 0 when the file as a whole is meant
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f"; {self.remedy}" if self.remedy else ""
        warning = "warning: " if self.severity is Severity.WARNING else ""
        return f"{self.file}:{self.line}: {warning}{self.message}{remedy}"


class DirectorError(Exception):
    """Base of all errors that director raises on purpose."""

    exit = Exit.FAILED


class ConfigError(DirectorError):
    """A config text that can't be used; `problems` lists all that is wrong."""

    exit = Exit.BAD_CONFIG

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UsageError(DirectorError):
    """A command that names what does not exist, or has the wrong arguments."""

    exit = Exit.FAILED


class RefusedError(DirectorError):
    """A command that was understood and is not done; nothing was changed. `data`: more about it, for programs."""

    def __init__(self, message: str, **data: str) -> None:
        super().__init__(message)
        self.data = data


class UnreachableError(DirectorError):
    """No daemon answers where one was expected."""

    exit = Exit.NOT_RUNNING


class AbsentError(UnreachableError):
    """Nobody listens there: no daemon has the socket open."""


class SystemFailure(DirectorError):
    """The operating system refused something that a process can't go on without."""


class RightsError(SystemFailure):
    """The operating system would do it for others."""

    exit = Exit.NO_RIGHTS


class ProtocolError(DirectorError):
    """Bytes between processes break the rules. Raise one of the two below."""


class LocalProtocolError(ProtocolError):
    """We were about to send what we must not: a bug of ours."""


class RemoteProtocolError(ProtocolError):
    """The peer sent what it must not."""


def refusal(message: str, error: OSError) -> SystemFailure:
    """What to raise when the kernel said so: whether rights were wanting is told by the exit status, too."""
    return RightsError(message) if isinstance(error, PermissionError) else SystemFailure(message)


def cause(error: OSError) -> str:
    """What the kernel said, and of which file."""
    return f"{error.strerror}: {error.filename}" if error.filename else error.strerror or str(error)


def raised_at(error: Exception) -> str:
    """FILE:LINE of what raised it."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
