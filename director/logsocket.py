"""Sockets to a syslog daemon: a datagram a line, over a unix socket or by UDP.

The daemon may be restarted at any time, which breaks a unix socket's
connection: it is made anew with the next line.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from typing import Any

from director.logtarget import LogTarget

_PEER_GONE = (errno.ECONNREFUSED, errno.ENOTCONN, errno.ECONNRESET, errno.EDESTADDRREQ, errno.EPIPE)


def opened(target: LogTarget) -> int:
    """A descriptor that never waits. Nobody need be there yet. Raises OSError: the name is not known."""
    family: int = socket.AF_UNIX
    address: Any = target.socket
    if target.port:
        family, _, _, _, address = socket.getaddrinfo(target.socket, target.port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.connect(address)
        except OSError:
            pass  # each line tries again
        return sock.detach()


def send(fd: int, line: bytes, target: LogTarget) -> None:
    """Send one line on a descriptor of `connected`. Raises OSError if it is lost."""
    try:
        os.write(fd, line)
    except OSError as error:
        if error.errno not in _PEER_GONE:
            raise
        if not target.port:
            again = opened(target)
            os.dup2(again, fd, inheritable=False)
            os.close(again)
        os.write(fd, line)


def is_passing(error: OSError) -> bool:
    """Whether the same line may be taken a moment later: the daemon is busy, or is not there just now."""
    return error.errno in (errno.EAGAIN, *_PEER_GONE)


def rest(fd: int, error: OSError, seconds: float) -> None:
    """Until it may be tried again after that error: when there is room, after so many seconds at the latest."""
    if error.errno == errno.EAGAIN:
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        poll.poll(seconds * 1000)
    else:
        time.sleep(seconds)  # poll() calls a socket without a peer ready
