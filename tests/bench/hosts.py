"""What the balancers hand connections to: an echo, a web server of one page, a source of endless bytes.

All spend as little CPU as Python can: descriptors without socket objects,
blocking ones that are only touched when epoll says so, and for bulk
`sendfile` from memory, which copies nothing. They listen on every loopback
address, so a group of a thousand hosts is one port on a thousand addresses.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable

MESSAGE = 64  # bytes of a request, and of its answer
_BACKLOG = 4096
_SOURCE_BYTES = 1 << 20
_PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n%b\r\n" + b"x" * MESSAGE


def listening(port: int = 0) -> socket.socket:
    """A listener on every IPv4 address at `port` (0: a free one), non-blocking, that others of ours may join."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("", port))
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def echo(listener: socket.socket) -> None:
    """Send back whatever comes, until killed; close when the other side has finished."""
    _answer(listener, lambda request: (request, True))


def web(listener: socket.socket) -> None:
    """Answer each request with a page, until killed; close first when the client asks for it."""
    pages = {close: _PAGE % (b"Connection: close\r\n" if close else b"") for close in (True, False)}

    def page(request: bytes) -> tuple[bytes, bool]:
        close = b"Connection: close" in request
        return pages[close], not close

    _answer(listener, page)


def _answer(listener: socket.socket, answer: Callable[[bytes], tuple[bytes, bool]]) -> None:
    """Serve with what `answer` makes of each request: the bytes to send, and whether the connection stays."""
    poller = select.epoll()
    entrance = listener.fileno()
    poller.register(entrance, select.EPOLLIN)
    while True:
        for descriptor, _events in poller.poll():
            if descriptor == entrance:
                for newcomer in _accepted(listener):
                    poller.register(newcomer, select.EPOLLIN)
                continue
            try:
                data = os.read(descriptor, 65536)
                if data:
                    reply, stays = answer(data)
                    os.write(descriptor, reply)
                    if stays:
                        continue
            except OSError:
                pass  # reset by the other side: closed like a finished one
            os.close(descriptor)


def source(listener: socket.socket) -> None:
    """Send bytes for as long as they are taken, until killed."""
    memory = os.memfd_create("bulk")
    os.write(memory, os.urandom(_SOURCE_BYTES))
    poller = select.epoll()
    entrance = listener.fileno()
    poller.register(entrance, select.EPOLLIN)
    while True:
        for descriptor, _events in poller.poll():
            if descriptor == entrance:
                for newcomer in _accepted(listener):
                    os.set_blocking(newcomer, False)
                    poller.register(newcomer, select.EPOLLOUT)
                continue
            try:
                os.sendfile(descriptor, memory, 0, _SOURCE_BYTES)
            except BlockingIOError:
                pass  # the room that epoll saw was taken meanwhile
            except OSError:
                os.close(descriptor)  # the taker left


def _accepted(listener: socket.socket) -> list[int]:
    """Descriptors of the connections that wait; they are blocking."""
    found: list[int] = []
    accept = listener._accept  # type: ignore[attr-defined]  # accept() would make an object of each
    try:
        while len(found) < 64:
            found.append(accept()[0])
    except BlockingIOError:
        pass
    return found
