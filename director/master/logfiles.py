"""The files of the log and of the connection log, which only the master opens.

Children inherit the descriptors. When the files were moved away (logrotate),
each is opened anew and takes the old descriptor's number, here and, by link, in
every child: nobody else has to know that anything has changed.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

from director import logs
from director.config.model import Logging
from director.errors import SystemFailure
from director.messages import LogFile, Reopen


def open_file(path: str) -> int:
    """A descriptor that appends. A pipe without a reader opens too: what it can't hold is dropped. Raises OSError."""
    flags = os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        if stat.S_ISFIFO(os.stat(path).st_mode):
            return os.open(path, os.O_RDWR | flags)
    except FileNotFoundError:
        pass  # it is made now
    return os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o640)


@dataclass
class LogFiles:
    """The descriptors by what they are for, and the path of each that is a file."""

    descriptors: dict[LogFile, int] = field(default_factory=dict)
    paths: dict[LogFile, str] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Logging, *, foreground: bool, level: str | None = None) -> LogFiles:
        """Open what the config names, and send the log of this process there. Raises SystemFailure."""
        files = cls()
        if logs.is_file(config.file):
            files._open(LogFile.LOG, config.file or "")
        if logs.is_file(config.connections):
            files._open(LogFile.CONNECTIONS, config.connections or "")
        elif config.connections == "stderr":
            files.descriptors[LogFile.CONNECTIONS] = os.dup(logs.STDERR)
        logs.send_to(config, files.descriptors.get(LogFile.LOG), foreground=foreground, level=level)
        return files

    @property
    def connections(self) -> int:
        """Where the connection log goes; -1: nowhere."""
        return self.descriptors.get(LogFile.CONNECTIONS, -1)

    def reopen(self) -> tuple[Reopen, list[int]]:
        """Open every file anew, and what children need to do so, too. Raises SystemFailure; all goes on as it was."""
        fresh: dict[LogFile, int] = {}
        try:
            for kind, path in self.paths.items():
                fresh[kind] = _opened(path)
        except SystemFailure:
            for fd in fresh.values():
                os.close(fd)
            raise
        for kind, fd in fresh.items():
            os.dup2(fd, self.descriptors[kind], inheritable=False)
        return Reopen(tuple(fresh)), list(fresh.values())

    def close(self) -> None:
        """Close them all. The log of this process must not go there any more."""
        for fd in self.descriptors.values():
            os.close(fd)

    def _open(self, kind: LogFile, path: str) -> None:
        try:
            self.descriptors[kind] = _opened(path)
        except SystemFailure:
            self.close()
            raise
        self.paths[kind] = path


def _opened(path: str) -> int:
    try:
        return open_file(path)
    except OSError as error:
        raise SystemFailure(f"can't open log file {path}: {error.strerror}") from None
