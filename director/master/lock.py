"""The lock file: who is the master here, and who are its children.

The file is never removed. Byte 0 is write-locked by the master for as long as
it lives, byte 1 read-locked by every child through a descriptor of its own, so
a probe can tell "running", "dead, children live" and "dead" apart without
taking a lock. The locks belong to open file descriptions: they survive exec and
end with the last copy of the descriptor, never by an explicit unlock.
The content names pids with their start ticks, as JSON. Generations that retire
stay there until they end: they outlive the master that has replaced them.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from director.errors import refusal
from director.master.system import start_ticks

_FLOCK = struct.Struct("hhqqi4x")
_MASTER, _CHILDREN = 0, 1


def flock(kind: int, start: int, length: int = 1) -> bytes:
    """For fcntl(2): a lock of that kind, of so many bytes of the file; 0: of all from `start` on."""
    return _FLOCK.pack(kind, os.SEEK_SET, start, length, 0)


def _held(fd: int, byte: int) -> bool:
    answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, flock(fcntl.F_WRLCK, byte))
    kind: int = _FLOCK.unpack(answer)[0]
    return kind != fcntl.F_UNLCK


@dataclass(frozen=True)
class Holder:
    """What the lock file tells."""

    master_lives: bool = False
    children_live: bool = False
    pid: int = 0
    start: int = 0
    generation: str = ""
    children: tuple[tuple[int, int], ...] = ()  # (pid, start ticks)
    stop_timeout: float = 30.0  # seconds that a graceful stop may take
    predecessor: int = 0  # the master that this one replaced
    serving: bool = False  # its start is over
    retirees: tuple[tuple[int, int], ...] = ()  # masters of generations that retire, as `children`
    config: str = ""  # the file that it runs by

    def is_still(self, pid: int, start: int) -> bool:
        """Whether that process is the one that was written down."""
        return start_ticks(pid) == start


def _content(fd: int) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(os.pread(fd, 1 << 20, 0) or b"{}")
    return content


def _processes(content: dict[str, Any], name: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(pid), int(start)) for pid, start in content.get(name, ()))


def probe(path: str) -> Holder:
    """Look at a lock file without taking any lock. A missing file: nobody lives."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not keep us waiting
    except FileNotFoundError:
        return Holder()
    except OSError as error:
        raise refusal(f"can't read lock file {path}: {error.strerror}", error) from None
    try:
        master_lives, children_live = _held(fd, _MASTER), _held(fd, _CHILDREN)
        try:
            content = _content(fd)
            return Holder(
                master_lives,
                children_live,
                pid=int(content.get("pid", 0)),
                start=int(content.get("start") or 0),
                generation=str(content.get("generation", "")),
                children=_processes(content, "children"),
                stop_timeout=float(content.get("stop_timeout", 30.0)),
                predecessor=int(content.get("predecessor", 0)),
                serving=bool(content.get("serving")),
                retirees=_processes(content, "retirees"),
                config=str(content.get("config") or ""),
            )
        except (ValueError, TypeError, AttributeError):
            # Written by half at this moment, or by somebody else; the locks tell the truth.
            return Holder(master_lives, children_live)
    except OSError as error:
        raise refusal(f"can't read lock file {path}: {error.strerror}", error) from None
    finally:
        os.close(fd)


def mark_child(path: str) -> int:
    """As a child: hold the lock that says children live. Returns the descriptor to keep open."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, flock(fcntl.F_RDLCK, _CHILDREN))
    return fd


@dataclass
class Lock:
    """The master's own lock."""

    path: str
    fd: int = -1
    predecessor: int = 0  # the master that had it before us, and gave it
    serving: bool = False  # we are started
    config: str | None = None  # the file that we run by

    def take(self) -> bool:
        """Become the master here; False if another is. Raises SystemFailure."""
        try:
            self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            if probe(self.path).master_lives:
                return False  # where one may only look, one can see that
            raise refusal(f"can't open lock file {self.path}: {error.strerror}", error) from None
        try:
            fcntl.fcntl(self.fd, fcntl.F_OFD_SETLK, flock(fcntl.F_WRLCK, _MASTER))
        except BlockingIOError:
            os.close(self.fd)
            self.fd = -1
            return False
        return True

    def is_there(self) -> bool:
        """Whether the file that we have locked is where others look for it."""
        try:
            found = os.stat(self.path)
        except OSError:
            return False
        return os.path.samestat(found, os.fstat(self.fd))

    def let_go(self) -> None:
        """It is another master's, who has a copy of the descriptor: ours must not outlive that one's."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def write(
        self,
        generation: str,
        children: list[tuple[int, int]],
        stop_timeout: float,
        retirees: Iterable[tuple[int, int]] = (),
    ) -> None:
        """Write down who we are, who our children are, how long a stop may take, and which generations retire.

        Of the latter those that were there already stay, as long as they live: a dead master's are nobody else's.
        """
        content = {
            "pid": os.getpid(),
            "start": start_ticks(os.getpid()),
            "generation": generation,
            "children": children,
            "stop_timeout": stop_timeout,
            "predecessor": self.predecessor,
            "serving": self.serving,
            "config": self.config,
            "retirees": [one for one in {*self._retirees(), *retirees} if start_ticks(one[0]) == one[1]],
        }
        data = json.dumps(content).encode() + b"\n"
        try:
            # The old tail must go after the new text is there, or a reader sees nothing.
            os.pwrite(self.fd, data, 0)
            os.ftruncate(self.fd, len(data))
        except OSError as error:
            error.filename = self.path  # a descriptor has no name
            raise

    def _retirees(self) -> tuple[tuple[int, int], ...]:
        try:
            return _processes(_content(self.fd), "retirees")
        except (ValueError, TypeError, AttributeError):
            return ()
