"""Telling systemd how the daemon is: datagrams to the socket that it names.

Nothing happens where there is no such socket. Never raises: a service manager
that does not listen is no reason to stop serving.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Says READY, STOPPING and WATCHDOG. `environ` as systemd made it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._path = environ.get("NOTIFY_SOCKET", "")
        try:
            self.watchdog = int(environ.get("WATCHDOG_USEC", "0")) / 2e6  # seconds between two signs of life
        except ValueError:
            self.watchdog = 0.0
        self._last = 0.0

    @property
    def heard(self) -> bool:
        """Whether there is a service manager to tell."""
        return bool(self._path)

    def tell(self, *lines: str) -> None:
        """Send these assignments as one datagram."""
        if not self._path:
            return
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(lines).encode(), address)
        except OSError:
            pass

    def hush(self, now: float) -> None:
        """The next sign of life is due only a while from now. `now` in monotonic seconds."""
        self._last = now

    def alive(self, now: float) -> None:
        """A sign of life, if one is due. `now` in monotonic seconds."""
        if self.watchdog and now - self._last >= self.watchdog:
            self._last = now
            self.tell("WATCHDOG=1")


def from_environment() -> Notifier:
    """The notifier of this process."""
    return Notifier(os.environ)
