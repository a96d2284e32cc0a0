"""Where the log goes, and how a line looks.

The master opens the file; children write to the descriptor they inherit, one
`write` a line on a descriptor opened for appending, so that lines of several
processes never mix. A disk that is full or slow never raises here.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import time
import traceback
from collections.abc import Callable
from types import TracebackType

from director.config.model import Logging
from director.events import Event
from director.messages import Happened

STDERR = 2  # not what `sys.stderr` may have been bent to
LEVELS = ("debug", "info", "warning", "error")
_LOGGER = logging.getLogger("director")
_LOGGER.propagate = False
logging.raiseExceptions = False


class _DescriptorHandler(logging.Handler):
    """Writes each record by one `write` to a descriptor."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self.fd = fd
        self.dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            os.write(self.fd, (self.format(record) + "\n").encode(errors="backslashreplace"))
        except OSError:
            self.dropped += 1


def _value(value: object) -> str:
    text = str(value)
    if text == "" or any(letter.isspace() or letter in "\"'\\" for letter in text):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    return text


class _Speaker:
    """Who speaks in this process, and who else listens."""

    subject = "master"
    listener: Callable[[Happened], None] | None = None


def listen(listener: Callable[[Happened], None] | None) -> None:
    """Have every event but those for debugging told to this one, too, whatever the log's level is."""
    _Speaker.listener = listener


def log(level: int, event: Event, **fields: object) -> None:
    """Write one event with its fields, in the order given."""
    if _Speaker.listener is not None and level >= logging.INFO:
        said = {key: str(value) for key, value in fields.items()}
        name = logging.getLevelName(level).lower()
        _Speaker.listener(Happened(time.time(), name, event.value, _Speaker.subject, os.getpid(), said))
    if _LOGGER.isEnabledFor(level):
        words = "".join(f" {key}={_value(value)}" for key, value in fields.items())
        _LOGGER.log(level, "%s%s", event.value, f":{words}" if words else "")


def debug(event: Event, **fields: object) -> None:
    """For following single connections."""
    log(logging.DEBUG, event, **fields)


def info(event: Event, **fields: object) -> None:
    """A state that an operator acts on."""
    log(logging.INFO, event, **fields)


def warning(event: Event, **fields: object) -> None:
    """Something went wrong and was coped with."""
    log(logging.WARNING, event, **fields)


def error(event: Event, **fields: object) -> None:
    """Someone has to act now."""
    log(logging.ERROR, event, **fields)


def crash(_context: object, kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
    """A callback or greenlet died of a bug; the process goes on. As gevent's hub calls it."""
    error(Event.PROCESS_CRASHED, traceback="".join(traceback.format_exception(kind, value, trace)))


def name_process(subject: str) -> None:
    """Say who speaks from now on: the prefix of every line of this process. Nobody listens to it yet."""
    _Speaker.subject, _Speaker.listener = subject, None
    for handler in _LOGGER.handlers:
        handler.setFormatter(_formatter(handler, subject))


def _formatter(handler: logging.Handler, subject: str) -> logging.Formatter:
    who = f"director[{os.getpid()}] {subject}"
    if isinstance(handler, logging.handlers.SysLogHandler):
        return logging.Formatter(f"{who}: %(message)s")
    return logging.Formatter(f"%(asctime)s.%(msecs)03d {who} %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")


def reopened(fd: int) -> None:
    """The log is this file from now on; takes the descriptor over."""
    for handler in _LOGGER.handlers:
        if isinstance(handler, _DescriptorHandler) and handler.fd != STDERR:
            os.dup2(fd, handler.fd, inheritable=False)
    os.close(fd)


def descriptors() -> tuple[int, ...]:
    """Descriptors that a child must inherit to be able to log."""
    return tuple(handler.fd for handler in _LOGGER.handlers if isinstance(handler, _DescriptorHandler))


def is_file(target: str | None) -> bool:
    """Whether a log target is a path."""
    return target is not None and target not in ("stderr", "journald", "syslog") and not target.startswith("syslog:")


def send_to(config: Logging, fd: int | None, *, foreground: bool, level: str | None = None) -> None:
    """Send the log where the config says; `fd` is open if that is a file. `level` overrules the config's."""
    target = config.file or ("stderr" if foreground else "syslog:")
    handler: logging.Handler = _DescriptorHandler(STDERR if fd is None else fd)
    if target.startswith("syslog"):
        try:
            handler = logging.handlers.SysLogHandler(address=target.partition(":")[2] or "/dev/log")
        except OSError:
            pass  # no syslog daemon here (a container, say): stderr is better than silence
    for old in list(_LOGGER.handlers):
        _LOGGER.removeHandler(old)
        old.close()
    handler.setFormatter(_formatter(handler, "master"))
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel((level or config.level).upper())
