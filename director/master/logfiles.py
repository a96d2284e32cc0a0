"""What the log and the connection log go to: files, pipes and sockets that only the master opens.

Children inherit the descriptors. When files were moved away (logrotate), each
is opened anew and takes the old descriptor's number, here and, by link, in
every child: nobody else has to know that anything has changed. When the config
names other ones, they are opened first, and the old ones closed at last.
"""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass, field

from director import logs, logsocket
from director.config.model import Logging
from director.errors import SystemFailure
from director.logtarget import LogSetup, LogTarget, Wrapping, log_target
from director.messages import LogFile, Reopen


def open_file(path: str, make: bool = True) -> int:
    """A descriptor that appends. A pipe without a reader opens too: what it can't hold is dropped. Raises OSError.

    Without `make` a file must be there already.
    """
    flags = os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        if stat.S_ISFIFO(os.stat(path).st_mode):
            return os.open(path, os.O_RDWR | flags)
    except FileNotFoundError:
        pass  # it is made now
    return os.open(path, os.O_WRONLY | flags | (os.O_CREAT if make else 0), 0o640)


def setup_of(config: Logging, *, foreground: bool, level: str | None = None) -> LogSetup:
    """What the config means in this process. `level` overrules the config's."""
    journal = _journal_reads_stderr()
    log = log_target(config.file or ("stderr" if foreground else "syslog"), journal)
    if log.wrapping is Wrapping.LOCAL and not os.path.exists(log.socket):
        log = log_target("stderr", journal)  # no syslog here (a container, say): better than silence
    connections = None if config.connections is None else log_target(config.connections, journal)
    # In a header of syslog, names have no blanks and are printable.
    hostname = "".join(letter for letter in socket.gethostname() if "!" <= letter <= "~") or "-"
    return LogSetup(level or config.level, config.format, log, connections, hostname)


def _journal_reads_stderr() -> bool:
    """Whether systemd gave us a stderr that it reads, as it says by JOURNAL_STREAM."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(logs.STDERR)
    except OSError:
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


@dataclass
class LogFiles:
    """The descriptors by what they are for, and what is known of them."""

    setup: LogSetup
    descriptors: dict[LogFile, int] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Logging, *, foreground: bool, level: str | None = None) -> LogFiles:
        """Open what the config names, and send the log of this process there. Raises SystemFailure."""
        files = cls.opened(setup_of(config, foreground=foreground, level=level))
        files.use()
        return files

    @classmethod
    def opened(cls, setup: LogSetup) -> LogFiles:
        """Open what it names, and nothing else. Raises SystemFailure."""
        files = cls(setup)
        try:
            for kind, target in files.targets().items():
                files.descriptors[kind] = _opened(target)
        except SystemFailure:
            files.close()
            raise
        return files

    def use(self) -> None:
        """Send the log of this process there."""
        logs.send_to(self.descriptors[LogFile.LOG], self.setup)

    def targets(self) -> dict[LogFile, LogTarget]:
        """The log, and the connection log if there is one."""
        both = {LogFile.LOG: self.setup.log, LogFile.CONNECTIONS: self.setup.connections}
        return {kind: target for kind, target in both.items() if target is not None}

    @property
    def connections(self) -> int:
        """Where the connection log goes; -1: nowhere."""
        return self.descriptors.get(LogFile.CONNECTIONS, -1)

    def reopen(self, number: int) -> tuple[Reopen, list[int]]:
        """Open every file anew, and what children need to do so, too. Raises SystemFailure; all goes on as it was."""
        fresh: dict[LogFile, int] = {}
        try:
            for kind, target in self.targets().items():
                if target.path:
                    fresh[kind] = _opened(target)
        except SystemFailure:
            for fd in fresh.values():
                os.close(fd)
            raise
        for kind, fd in fresh.items():
            os.dup2(fd, self.descriptors[kind], inheritable=False)
        return Reopen(tuple(fresh), number=number), list(fresh.values())

    def introduction(self) -> tuple[Reopen, list[int]]:
        """What children need that have worked with other ones so far."""
        return Reopen(tuple(self.descriptors), self.setup), list(self.descriptors.values())

    def close(self) -> None:
        """Close them all. The log of this process must not go there any more."""
        for fd in self.descriptors.values():
            os.close(fd)


def _opened(target: LogTarget) -> int:
    try:
        if target.path:
            return open_file(target.path)
        if target.socket:
            return logsocket.opened(target)
        return os.dup(logs.STDERR)
    except OSError as error:
        what = f"file {target.path}" if target.path else f"to {target.socket or 'stderr'}"
        raise SystemFailure(f"can't open log {what}: {error.strerror}") from None
