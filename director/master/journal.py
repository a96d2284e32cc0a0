"""The journal: one file in the state dir that remembers what operators changed.

Every record is on the disk before anybody hears that the change was made. One
master writes it at a time: it holds a lock on the file that ends with it. A
tail that a crash tore is cut off, and a record before it that can't be read is
left out; a journal that grew long is written anew at the next load, with the
last changes for whoever looks back. What is in force already, room or not, is
owed: it goes before the next record, which may rest on it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat

from director import logs
from director.backups import sync_folder
from director.errors import SystemFailure
from director.events import Event
from director.master.lock import flock
from director.master.records import Changed, Loaded, Record, line, read

_LONG = 1 << 20  # bytes: then it is written anew
_KEPT = 1000  # changes from before the last load that are kept then


class Journal:
    """Records in order; on disk at `path`, or only in memory without one."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        self.failure = ""  # why it could not have its file
        self.records: list[Record] = []
        self._fd = -1
        self._size = 0
        self._strange = 0  # lines that can't be read
        self._owed = b""  # lines that there was no room for
        if path is not None:
            self._open(path)

    @property
    def next_number(self) -> int:
        """Of the next change; what can't be read may be changes, too, and have the numbers after those we know."""
        known = (record.number for record in self.records if isinstance(record, Changed))
        return 1 + self._strange + max(known, default=0)

    @property
    def closed(self) -> bool:
        """Whether it has let go of its file."""
        return self.path is not None and self._fd < 0

    @property
    def lost(self) -> bool:
        """Whether somebody has removed its file, or put another in its place."""
        if self.path is None or self._fd < 0:
            return False
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except OSError:
            return True

    def append(self, record: Record) -> None:
        """Remember this. Raises SystemFailure; then it is not remembered."""
        try:
            self._put(record)
        except OSError as error:
            raise SystemFailure(f"can't write journal {self.path}: {error.strerror}; nothing was changed") from None

    def owe(self, record: Record) -> None:
        """Remember what is in force by now: at once, or where there is no room before the next that is remembered."""
        try:
            self._put(record)
        except OSError as error:
            self._owed += line(record)
            self.records.append(record)
            later = "what is in force is written down before the next change is"
            logs.warning(Event.JOURNAL_FAILED, path=self.path, reason=f"{error.strerror}; {later}")

    def _put(self, record: Record) -> None:
        if self._fd >= 0:
            if isinstance(record, Loaded) and self._size > _LONG:
                self._rewrite(record)
                return
            self._write(self._owed + line(record))
            self._owed = b""
        self.records.append(record)

    def close(self) -> None:
        """Let go of the file, and of the lock."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self, path: str) -> None:
        try:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if not stat.S_ISREG(os.fstat(self._fd).st_mode):
                raise OSError(errno.EINVAL, "it is no regular file")
            _lock(self._fd)
            with open(path, "rb") as file:
                data = file.read()
            self.records, self._size, self._strange = read(data)
            if self._strange:
                logs.warning(Event.JOURNAL_SKIPPED, path=path, records=self._strange)
            if self._size < len(data):
                logs.warning(Event.JOURNAL_CUT, path=path, bytes=len(data) - self._size)
                os.ftruncate(self._fd, self._size)
                os.fsync(self._fd)
        except BlockingIOError:
            self.close()
            raise SystemFailure(
                f"can't keep a journal in {path}: another daemon does; give this one a --state-dir of its own"
            ) from None
        except OSError as error:
            self.close()
            self.path = None
            self.failure = f"changes are not remembered: {error.strerror}"
            remedy = "start with a --state-dir that can be written"
            logs.warning(Event.JOURNAL_FAILED, path=path, reason=f"{self.failure}; {remedy}")

    def _write(self, data: bytes) -> None:
        try:
            _write_all(self._fd, data)
            os.fdatasync(self._fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._size += len(data)

    def _rewrite(self, loaded: Loaded) -> None:
        """Begin a new file with the last changes and this load, and put it in the old one's place."""
        assert self.path is not None
        fresh = f"{self.path}.new"
        changes = [record for record in self.records if isinstance(record, Changed)]
        records: list[Record] = [*changes[-_KEPT:], loaded]
        data = b"".join(map(line, records))
        fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _lock(fd)
            _write_all(fd, data)
            os.fsync(fd)
            os.rename(fresh, self.path)
            sync_folder(self.path)
        except OSError:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd, self._size, self._owed = fd, len(data), b""
        self.records = records


def _lock(fd: int) -> None:
    """Ours for as long as the descriptor lives. Raises BlockingIOError if it is another's."""
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, flock(fcntl.F_WRLCK, 0, 0))


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
