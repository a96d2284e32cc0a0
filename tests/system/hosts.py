"""The servers behind director, in a thread each.

    with Host(Echo) as host: ...           sends back what comes
    with Host(Named("a")) as host: ...     says its name, then is an echo
    with Host(Digest) as host: ...         at the client's end of file, answers its length and SHA-256
    with Host(Source(data)) as host: ...   sends the data and closes

For loads that would starve the clients of the test's own process:
`python -m tests.system.hosts ADDRESS` is an echo in a process by itself.
"""

from __future__ import annotations

import hashlib
import selectors
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol, Self

from tests.system import addresses

FULL = 1 << 20  # bytes not yet sent that make a host stop reading
CHUNK = 1 << 17


class Talk(Protocol):
    """What a host says to one client."""

    def hello(self) -> bytes: ...
    def answer(self, data: bytes) -> bytes: ...
    def farewell(self) -> bytes: ...


class Echo:
    def hello(self) -> bytes:
        return b""

    def answer(self, data: bytes) -> bytes:
        return data

    def farewell(self) -> bytes:
        return b""


class _NamedEcho(Echo):
    def __init__(self, name: str) -> None:
        self._name = name

    def hello(self) -> bytes:
        return f"{self._name}\n".encode()


def Named(name: str) -> Callable[[], Talk]:  # named like the class it stands for
    return lambda: _NamedEcho(name)


class Digest:
    """Proves that a byte-exact upload and its end of file came through: it answers only after both."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._length = 0

    def hello(self) -> bytes:
        return b""

    def answer(self, data: bytes) -> bytes:
        self._hash.update(data)
        self._length += len(data)
        return b""

    def farewell(self) -> bytes:
        return f"{self._length} {self._hash.hexdigest()}\n".encode()


class _Sender:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def hello(self) -> bytes:
        return self._data

    def answer(self, data: bytes) -> bytes:
        return b""

    def farewell(self) -> bytes:
        return b""


def Source(data: bytes) -> Callable[[], Talk]:  # named like the class it stands for
    """For a client that sends its end of file first; the data follows whole nevertheless."""
    return lambda: _Sender(data)


class _Client:
    """One connection at a host."""

    def __init__(self, sock: socket.socket, talk: Talk) -> None:
        self.sock = sock
        self.talk = talk
        self.unsent: deque[memoryview] = deque()
        self.pending = 0
        self.eof = False
        self.say(talk.hello())

    def say(self, data: bytes) -> None:
        if data:
            self.unsent.append(memoryview(data))
            self.pending += len(data)

    def flush(self) -> None:
        while self.unsent:
            try:
                sent = self.sock.send(self.unsent[0][:CHUNK])
            except BlockingIOError:
                return
            self.pending -= sent
            self.unsent[0] = self.unsent[0][sent:]
            if not self.unsent[0]:
                self.unsent.popleft()

    def read(self) -> None:
        try:
            data = self.sock.recv(CHUNK)
        except BlockingIOError:
            return
        if data:
            self.say(self.talk.answer(data))
        else:
            self.eof = True
            self.say(self.talk.farewell())

    @property
    def is_over(self) -> bool:
        return self.eof and not self.unsent

    @property
    def wants(self) -> int:
        reading = 0 if self.eof or self.pending > FULL else selectors.EVENT_READ
        return reading | (selectors.EVENT_WRITE if self.unsent else 0)


class Host:
    """A server at an address, a free one unless given. Stopped, it refuses; it can be started again."""

    def __init__(self, talk: Callable[[], Talk] = Echo, address: str | None = None) -> None:
        self.address = address or addresses.free_address()
        self.accepted = 0
        self.most = 0  # connections at once
        self._talk = talk
        self._clients: dict[socket.socket, _Client] = {}
        self._thread: threading.Thread | None = None
        self._wake: socket.socket | None = None

    @property
    def open(self) -> int:
        """Connections held now."""
        return len(self._clients)

    def start(self) -> Self:
        listener = addresses.listen(self.address)
        self._wake, asleep = socket.socketpair()
        self._thread = threading.Thread(target=self.serve, args=(listener, asleep), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the listener and every connection; returns when that is so."""
        if self._thread and self._wake:
            self._wake.close()
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def serve(self, listener: socket.socket, asleep: socket.socket | None = None) -> None:
        """Until the other end of `asleep` is closed; without it, for ever."""
        listener.setblocking(False)
        with selectors.DefaultSelector() as selector, listener:
            selector.register(listener, selectors.EVENT_READ)
            if asleep:
                selector.register(asleep, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is asleep:
                        self._end(asleep)
                        return
                    if key.fileobj is listener:
                        self._accept(selector, listener)
                    else:
                        self._attend(selector, key.data)

    def _end(self, asleep: socket.socket) -> None:
        asleep.close()
        for sock in self._clients:
            sock.close()
        self._clients.clear()

    def _accept(self, selector: selectors.BaseSelector, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        sock.setblocking(False)
        self.accepted += 1
        client = self._clients[sock] = _Client(sock, self._talk())
        self.most = max(self.most, self.open)
        selector.register(sock, client.wants, client)
        self._attend(selector, client, readable=False)

    def _attend(self, selector: selectors.BaseSelector, client: _Client, readable: bool = True) -> None:
        try:
            if readable and client.wants & selectors.EVENT_READ:
                client.read()
            client.flush()
        except OSError:
            self._close(selector, client)
            return
        if client.is_over:
            self._close(selector, client)
        else:
            selector.modify(client.sock, client.wants, client)

    def _close(self, selector: selectors.BaseSelector, client: _Client) -> None:
        selector.unregister(client.sock)
        client.sock.close()
        del self._clients[client.sock]


if __name__ == "__main__":
    Host().serve(addresses.listen(sys.argv[1], backlog=8192))
