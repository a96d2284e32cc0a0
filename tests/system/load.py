"""Clients under way while something is done to director.

with ShortRequests(address) as requests, Streams(address, 40) as streams:
    ...
assert requests.failures == [] and streams.broken == {}
"""

from __future__ import annotations

import itertools
import os
import re
import selectors
import socket
import threading
import time
from typing import Self

from tests.system import addresses

TICK = 0.02  # seconds between two chunks of a stream


class ShortRequests:
    """Threads that connect to an echo, send, read the same back and close, again and again.

    `failures` lists what went wrong, `slowest` is the longest request in seconds.
    """

    def __init__(self, address: str, threads: int = 2, timeout: float = 15.0, pause: float = 0.002) -> None:
        self.failures: list[str] = []
        self.done = 0
        self.slowest = 0.0
        self._address = address
        self._timeout = timeout
        self._pause = pause
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._request()
                self.done += 1
            except (OSError, AssertionError) as error:
                self.failures.append(f"after {time.monotonic() - began:.3f} s: {error!r}")
            self.slowest = max(self.slowest, time.monotonic() - began)
            self._stopping.wait(self._pause)  # leaves some of the machine to who is tested

    def _request(self) -> None:
        sent = os.urandom(64)
        with addresses.connect(self._address, self._timeout) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            got = addresses.read_all(client)
        assert got == sent, f"short answer: {len(got)} bytes of {len(sent)}"


class Askers(ShortRequests):
    """The same of hosts that say their names first."""

    def _request(self) -> None:
        sent = os.urandom(64).hex().encode()
        with addresses.connect(self._address, self._timeout) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            got = addresses.read_all(client)
        assert re.fullmatch(rb"[a-z]\n" + sent, got), f"not a name and the same: {got!r}"


class _Stream:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.port: int = sock.getsockname()[1]
        self.expected = b""
        self.exchanged = 0


class Streams:
    """Connections to an echo, open all the time, each byte compared.

    A stream is named by its local port; `broken` tells why those that ended did.
    """

    def __init__(self, address: str, count: int) -> None:
        self.broken: dict[int, str] = {}
        self._stopping = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._alive: dict[int, _Stream] = {}
        for _ in range(count):
            stream = _Stream(addresses.connect(address))
            self._alive[stream.port] = stream
            self._selector.register(stream.sock, selectors.EVENT_READ, stream)
        self._ticks = itertools.count()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def alive(self) -> set[int]:
        return set(self._alive)

    @property
    def exchanged(self) -> int:
        """Bytes that came back on the streams still alive."""
        return sum(stream.exchanged for stream in list(self._alive.values()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for stream in self._alive.values():
            stream.sock.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            tick_ends = time.monotonic() + TICK
            self._send(os.urandom(256 + next(self._ticks) % 4096))
            while (left := tick_ends - time.monotonic()) > 0:
                for key, _ in self._selector.select(left):
                    self._read(key.data)

    def _send(self, chunk: bytes) -> None:
        """The next chunk on every stream that has its last one back."""
        for stream in [stream for stream in self._alive.values() if not stream.expected]:
            stream.expected = chunk
            try:
                stream.sock.sendall(chunk)
            except OSError as error:
                self._break(stream, repr(error))

    def _read(self, stream: _Stream) -> None:
        if stream.port not in self._alive:
            return
        try:
            data = stream.sock.recv(1 << 16)
        except OSError as error:
            self._break(stream, repr(error))
            return
        if not data:
            self._break(stream, "closed")
        elif not stream.expected.startswith(data):
            self._break(stream, f"wrong bytes after {stream.exchanged}")
        else:
            stream.expected = stream.expected[len(data) :]
            stream.exchanged += len(data)

    def _break(self, stream: _Stream, reason: str) -> None:
        self._selector.unregister(stream.sock)
        stream.sock.close()
        self.broken[stream.port] = reason
        del self._alive[stream.port]
