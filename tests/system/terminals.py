"""A terminal of its own for a command: what it prints there, keys typed, and the size changed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self


class Terminal:
    """Runs the command as the foreground process of a new terminal; `screen` is all that it printed."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self._fd, theirs = pty.openpty()
        self.screen = ""
        self.process = subprocess.Popen(
            words,
            env=dict(environment),
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._fd)

    def shows(self, text: str) -> bool:
        """Whether it has printed that by now."""
        self._read(0.0)
        return text in self.screen

    def press(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def resize(self, rows: int, columns: int) -> None:
        """The kernel tells the foreground processes by WINCH."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait(self, timeout: float = 60.0) -> int:
        """The exit status; what it prints meanwhile is read, or it would have to wait for us."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it still runs: {self.screen}"
            self._read(0.1)
        self._read(0.0)
        return self.process.returncode

    def _read(self, timeout: float) -> None:
        while select.select([self._fd], [], [], timeout)[0]:
            try:
                data = os.read(self._fd, 65536)
            except OSError:  # nobody has the other end any more
                time.sleep(timeout)
                return
            self.screen += data.decode(errors="replace")
