"""Options on a bare descriptor.

`socket.setsockopt` and `socket.shutdown` need a socket object, and making one
of a descriptor costs a `getsockname` every time; the C library needs neither.
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
import termios
from _socket import socket as Socket
from functools import cache
from pathlib import Path

from director.addresses import be_uncongested, is_loopback
from director.config.model import Service

_libc = ctypes.CDLL(None)
_shutdown = _libc.shutdown
_setsockopt = _libc.setsockopt
_ON = ctypes.byref(ctypes.c_int(1))
_INT = ctypes.sizeof(ctypes.c_int)
_NO_LINGER = (ctypes.c_int * 2)(1, 0)  # struct linger: on, for no time
_LOCAL_BUFFER = 1024 * 1024  # bytes; twice as much saves nothing, a quarter costs bulk a third more
_TCP, _NODELAY = int(socket.IPPROTO_TCP), int(socket.TCP_NODELAY)

Option = tuple[int, int, int]  # level, option, value


def end_writing(fd: int) -> None:
    """Tell the peer that nothing more comes. A peer that is gone already is no error."""
    _shutdown(fd, int(socket.SHUT_WR))


def send_at_once(fd: int) -> None:
    """No waiting for more to fill a packet. Harmless on a unix socket."""
    _setsockopt(fd, _TCP, _NODELAY, _ON, _INT)


def reset_when_closed(fd: int) -> None:
    """Have its end be a RST: the peer knows at once, and our kernel keeps nothing of it. Harmless on a unix socket."""
    _setsockopt(fd, int(socket.SOL_SOCKET), int(socket.SO_LINGER), _NO_LINGER, ctypes.sizeof(_NO_LINGER))


def set_options(fd: int, options: tuple[Option, ...]) -> None:
    """Set integer options; what the kernel does not know is left alone."""
    for level, option, value in options:
        _setsockopt(fd, level, option, ctypes.byref(ctypes.c_int(value)), _INT)


def stay_local(fd: int) -> None:
    """Of a connection that never leaves this machine, have TCP leave out what a network asks for.

    A receive buffer that follows what is sent grows to megabytes there, which are out of the
    processor's caches when they are read.
    """
    try:
        sock = Socket(fileno=fd)
    except OSError:
        return  # nobody is there
    try:
        if sock.family != socket.AF_UNIX and stays_here(sock.getsockname()[0], sock.getpeername()[0]):
            be_uncongested(sock)
            if _most_received() >= _LOCAL_BUFFER:  # less of it than asked for would be worse than as it is
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LOCAL_BUFFER)
    except OSError:
        pass  # its other end is gone
    finally:
        sock.detach()


def stays_here(ours: str, theirs: str) -> bool:
    """Whether what goes between two addresses, one of them ours, leaves this machine not at all."""
    return ours == theirs or is_loopback(theirs)


@cache
def _most_received() -> int:
    """The largest receive buffer that this machine lets anybody ask for; bytes."""
    try:
        return int(Path("/proc/sys/net/core/rmem_max").read_text())
    except (OSError, ValueError):
        return 0


def of_service(service: Service) -> tuple[Option, ...]:
    """What a service wants of both sides of its connections."""
    wanted: list[Option] = [(int(socket.SOL_SOCKET), int(socket.SO_KEEPALIVE), int(service.keepalive))]
    for option, value in (
        (socket.TCP_KEEPIDLE, service.keepalive_idle),
        (socket.TCP_KEEPINTVL, service.keepalive_interval),
        (socket.TCP_KEEPCNT, service.keepalive_count),
        (socket.TCP_USER_TIMEOUT, service.user_timeout * 1000),
    ):
        if value:
            wanted.append((_TCP, int(option), max(1, round(value))))
    return tuple(wanted)


def unsent(fd: int) -> int:
    """Bytes written to a socket that its other end has not got yet."""
    return _count(fd, termios.TIOCOUTQ)


def unread(fd: int) -> int:
    """Bytes that came to a socket and were not read yet."""
    return _count(fd, termios.FIONREAD)


def _count(fd: int, question: int) -> int:
    return int(struct.unpack("i", fcntl.ioctl(fd, question, bytes(4)))[0])
