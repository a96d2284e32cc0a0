"""The proxy that one writes first: gevent, two greenlets a connection, recv and sendall.

    python -m tests.bench.naive PORT=HOST:PORT[,HOST:PORT…] …

Kept as a peer, so that what the callbacks of the real data path are worth
stays visible. Round robin, no log, no limits, no timeouts, half-close
forwarded.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Callable, Iterator

import gevent
from gevent import socket
from gevent.server import StreamServer

Address = tuple[str, int]


def relay(hosts: Iterator[Address]) -> Callable[[socket.socket, object], None]:
    """A handler of accepted connections that gives each to the next host."""

    def handle(client: socket.socket, _address: object) -> None:
        try:
            host = socket.create_connection(next(hosts))
        except OSError:
            client.close()
            return
        with client, host:
            for each in (client, host):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            gevent.joinall([gevent.spawn(pump, client, host), gevent.spawn(pump, host, client)])

    return handle


def pump(origin: socket.socket, target: socket.socket) -> None:
    """Copy one direction up to its end, then pass the end on; a broken direction ends both."""
    try:
        while data := origin.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for each in (origin, target):
            with contextlib.suppress(OSError):  # that side had ended before
                each.shutdown(socket.SHUT_RDWR)


def main() -> None:
    """Serve every PORT=HOSTS argument until killed."""
    for argument in sys.argv[1:]:
        port, _, addresses = argument.partition("=")
        pairs = [address.rpartition(":") for address in addresses.split(",")]
        hosts = itertools.cycle([(name, int(number)) for name, _, number in pairs])
        StreamServer(("", int(port)), relay(hosts), backlog=4096).start()
    gevent.get_hub().join()


if __name__ == "__main__":
    main()
