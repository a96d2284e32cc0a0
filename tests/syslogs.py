"""A syslog daemon's socket, for what writes to one."""

from __future__ import annotations

import socket
from pathlib import Path


def syslog_at(path: Path) -> socket.socket:
    """Takes datagrams there, as a syslog does that was just started."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(path))
    sock.settimeout(10)
    return sock
