"""The log of this process: which events are worth a line, and who writes it.

The master opens what the log goes to; children write to the descriptor they
inherit, one `write` a line, so that lines of several processes never mix. The
master writes itself, without waiting for pipes and sockets; all others have a
`Sink` do it, so that a slow disk holds up nobody. What can't be written is
counted, and never raises here.

A subsystem is the first word of an event: `host`, `process`, `config`.
"""

from __future__ import annotations

import errno
import os
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar, Protocol

from director import logsocket
from director.events import Event
from director.loglines import Encoder, encoder
from director.logtarget import LogSetup, LogTarget, Wrapping
from director.messages import Happened
from director.sink import FULL, Sink, Trouble, take_back

STDERR = 2  # not what `sys.stderr` may have been bent to
LEVELS = ("debug", "info", "warning", "error")
SUBSYSTEMS = tuple(sorted({event.value.partition(" ")[0] for event in Event}))
_RANK = {level: rank for rank, level in enumerate(LEVELS)}


class Writer(Protocol):
    """Takes encoded lines."""

    fd: int
    target: LogTarget
    trouble: Trouble

    def put(self, lines: bytes) -> object:
        """Write them, soon or now."""

    def close(self) -> None:
        """No more will come."""


class Direct:
    """Writes at once: for the master, which has no threads, and before it is known where the log goes."""

    def __init__(self, fd: int, target: LogTarget) -> None:
        self.fd = fd
        self.target = target
        self.trouble = Trouble()

    def put(self, lines: bytes) -> None:
        """Write, or count it as lost."""
        try:
            if self.target.socket:
                logsocket.send(self.fd, lines.rstrip(b"\n"), self.target)
            else:
                count = os.write(self.fd, lines)
                if count < len(lines) and take_back(self.fd, count):
                    raise OSError(errno.ENOSPC, FULL)
        except OSError as error:
            self.trouble.lost(1, str(error.strerror))
        else:
            self.trouble.written += 1

    def close(self) -> None:
        """Nothing waits."""


class _Log:
    """What this process knows of its log."""

    subject = "master"
    listener: Callable[[Happened], None] | None = None
    writer: Writer = Direct(STDERR, LogTarget(Wrapping.PLAIN))
    encode: Encoder = staticmethod(encoder("text", Wrapping.PLAIN, ""))
    level = "info"
    levels: ClassVar[dict[str, str]] = {}  # of subsystems that have their own


def listen(listener: Callable[[Happened], None] | None) -> None:
    """Have every event but those for debugging told to this one, too, whatever the log's level is."""
    _Log.listener = listener


def log(level: str, event: Event, **fields: object) -> None:
    """Write one event with its fields, in the order given."""
    told, written = _Log.listener is not None and level != "debug", is_worth(level, event)
    if not (told or written):
        return
    said = {key: str(value) for key, value in fields.items()}
    happened = Happened(time.time(), level, event.value, _Log.subject, os.getpid(), said)
    if told:
        assert _Log.listener is not None
        _Log.listener(happened)
    if written:
        _Log.writer.put(_Log.encode(happened))


def is_worth(level: str, event: Event) -> bool:
    """Whether an event of that level is written."""
    least = _Log.levels.get(event.value.partition(" ")[0], _Log.level) if _Log.levels else _Log.level
    return _RANK[level] >= _RANK[least]


def debug(event: Event, **fields: object) -> None:
    """For following single connections."""
    log("debug", event, **fields)


def info(event: Event, **fields: object) -> None:
    """A state that an operator acts on."""
    log("info", event, **fields)


def warning(event: Event, **fields: object) -> None:
    """Something went wrong and was coped with."""
    log("warning", event, **fields)


def error(event: Event, **fields: object) -> None:
    """Someone has to act now."""
    log("error", event, **fields)


def crash(_context: object, kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
    """A callback or greenlet died of a bug; the process goes on. As gevent's hub calls it."""
    error(Event.PROCESS_CRASHED, traceback="".join(traceback.format_exception(kind, value, trace)))


def name_process(subject: str) -> None:
    """Say who speaks from now on: the prefix of every line of this process. Nobody listens to it yet."""
    _Log.subject, _Log.listener = subject, None


# -- levels ------------------------------------------------------------------------


def set_level(level: str, subsystem: str | None = None) -> None:
    """What is worth a line: of one subsystem, or of all, whatever was said of any before."""
    if subsystem is None:
        _Log.level, _Log.levels = level, {}
    else:
        _Log.levels = {**_Log.levels, subsystem: level}


def levels() -> dict[str, str]:
    """The level of all subsystems under the empty name, and of those that have their own."""
    return {"": _Log.level, **_Log.levels}


# -- where it goes ------------------------------------------------------------------------


def descriptors() -> tuple[int, ...]:
    """Descriptors that a child must inherit to be able to log."""
    return () if _Log.writer.fd == STDERR else (_Log.writer.fd,)


def send_to(fd: int, setup: LogSetup) -> None:
    """Write to this descriptor, which stays the caller's; in the master."""
    _Log.writer = Direct(fd, setup.log)
    _use(setup)


def aside() -> None:
    """Have a thread write, from now on; not in the master."""
    if isinstance(_Log.writer, Direct):
        _Log.writer = Sink(_Log.writer.fd, _Log.writer.target)


def moved(fd: int, setup: LogSetup | None = None) -> None:
    """In a child: the log goes there from now on. Takes the descriptor over."""
    if isinstance(_Log.writer, Sink):
        _Log.writer.move(fd, None if setup is None else setup.log)
    if setup is not None:
        _use(setup)
    os.close(fd)


def settled() -> bool:
    """Whether nothing more will be written to where it went before it was moved."""
    return not isinstance(_Log.writer, Sink) or _Log.writer.settled


def _use(setup: LogSetup) -> None:
    _Log.encode = encoder(setup.format, setup.log.wrapping, setup.hostname)
    set_level(setup.level)


def trouble() -> Trouble:
    """What could not be written."""
    return _Log.writer.trouble


def tend() -> None:
    """Now and then: say once that lines get lost, and once that they do so no more."""
    tell_trouble("log", _Log.writer.trouble)


def tell_trouble(log: str, trouble: Trouble) -> None:
    """Say of this log, once, that lines get lost, or how many were."""
    match trouble.turn(time.monotonic()):
        case None:
            pass
        case 0:
            warning(Event.LOG_FAILED, log=log, reason=trouble.cause)
        case dropped:
            warning(Event.LOG_RECOVERED, log=log, dropped=dropped)


def close() -> None:
    """The last lines, before the process ends."""
    _Log.writer.close()
