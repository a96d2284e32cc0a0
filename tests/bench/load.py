"""What clients do. Each load runs in a child until it is killed, and counts on a board in shared memory.

The parent reads the board together with the proxy's CPU at both ends of a
window, so no load has to be started or ended in step with a measurement.

Of the well-known generators, wrk has scenarios of its own, where the host
closes first as web servers do; redis-benchmark costs as much CPU a request as
the loops here and can't tell a window from its warm-up; iperf3 copies every
byte twice, more than a splicing proxy does. None sends at given times and
measures from those, so that a stall counts against everyone who had to wait
(open loop).
"""

from __future__ import annotations

import mmap
import os
import random
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence

from tests.bench.hosts import MESSAGE

Address = tuple[str, int]
Load = Callable[[int, "Board"], None]  # number of clients, where to count

_REQUEST = b"x" * MESSAGE
_RESET = struct.pack("ii", 1, 0)
_SINK_BYTES = 1 << 20
_HEADER = 3


class Board:
    """Counters, and a list of latencies, that a child writes and its parent reads.

    Made before the fork. `latencies` is how many it has room for; more are dropped.
    """

    def __init__(self, latencies: int = 0) -> None:
        self._memory = mmap.mmap(-1, 8 * (_HEADER + latencies))
        self._counts = memoryview(self._memory).cast("Q")
        self._seconds = memoryview(self._memory).cast("d")[_HEADER:]

    @property
    def done(self) -> int:
        """Operations finished: connections, requests or bytes."""
        return self._counts[0]

    @done.setter
    def done(self, count: int) -> None:
        self._counts[0] = count

    @property
    def failed(self) -> int:
        """Operations that did not bring what they should."""
        return self._counts[1]

    @failed.setter
    def failed(self, count: int) -> None:
        self._counts[1] = count

    @property
    def recorded(self) -> int:
        """How many latencies are on the board."""
        return self._counts[2]

    def record(self, seconds: float) -> None:
        """Add one latency."""
        count = self._counts[2]
        if count < len(self._seconds):
            self._seconds[count] = seconds
            self._counts[2] = count + 1

    def latencies(self, first: int, end: int) -> list[float]:
        """Latencies number `first` up to `end`, in seconds."""
        return [float(seconds) for seconds in self._seconds[first:end]]


def short_connections(addresses: Sequence[Address], reset: bool, clients: int, board: Board) -> None:
    """Connect, one message there and back, close; by FIN, or with `reset` by RST.

    Clients go round the addresses, each of which has its own space of ports.
    On the loopback a connection can be written to as soon as connect() is
    back, so there is no wait for that.
    """
    poller = select.epoll()
    waiting: dict[int, socket.socket] = {}
    kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
    ring = deque(addresses)

    def connect() -> None:
        client = socket.socket(socket.AF_INET, kind, 0)
        ring.rotate()
        client.connect_ex(ring[0])
        try:
            client.send(_REQUEST)
        except OSError:
            board.failed += 1
            client.close()
            return
        descriptor = client.fileno()
        waiting[descriptor] = client
        poller.register(descriptor, select.EPOLLIN)

    def answered(client: socket.socket) -> bool:
        try:
            return len(client.recv(MESSAGE)) == MESSAGE
        except OSError:
            return False

    while True:
        for _ in range(clients - len(waiting)):
            connect()
        done = 0
        events = poller.poll(1.0)
        for descriptor, _events in events:
            client = waiting.pop(descriptor)
            done += answered(client)
            if reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            client.close()
            connect()
        board.done += done
        if done < len(events):
            board.failed += len(events) - done


def requests(address: Address, clients: int, board: Board) -> None:
    """One message after the other there and back on every connection, as fast as answers come."""
    poller = select.epoll()
    connections = _connected(address, clients)
    for connection in connections:
        poller.register(connection, select.EPOLLIN)
        connection.send(_REQUEST)
    while True:
        events = poller.poll()
        for descriptor, _events in events:
            if len(os.read(descriptor, MESSAGE)) != MESSAGE:
                raise ConnectionError("can't go on with requests: the proxy closed a connection or split a message")
            os.write(descriptor, _REQUEST)
        board.done += len(events)


def bulk(address: Address, clients: int, board: Board) -> None:
    """Take what a source sends. The kernel drops the bytes: they are never copied to us."""
    poller = select.epoll()
    receivers = {}
    buffer = bytearray(_SINK_BYTES)
    for connection in _connected(address, clients):
        connection.setblocking(False)
        receivers[connection.fileno()] = connection.recv_into
        poller.register(connection, select.EPOLLIN)
    while True:
        taken = 0
        for descriptor, _events in poller.poll():
            count = receivers[descriptor](buffer, _SINK_BYTES, socket.MSG_TRUNC)
            if not count:
                raise ConnectionError("can't take bytes any longer: the proxy closed a connection")
            taken += count
        board.done += taken


def ping_pong(address: Address, clients: int, board: Board) -> None:
    """One message at a time on one connection, each way timed. `clients` must be 1."""
    assert clients == 1
    (connection,) = _connected(address, 1)
    while True:
        begin = time.perf_counter()
        connection.send(_REQUEST)
        answer = connection.recv(MESSAGE)
        board.record(time.perf_counter() - begin)
        if len(answer) != MESSAGE:
            raise ConnectionError("can't go on: the proxy closed the connection or split a message")
        board.done += 1


def open_loop(address: Address, rate: float, clients: int, board: Board) -> None:
    """Requests at random times, `rate` a second on average, whether or not answers come.

    A latency counts from when the request was due, so what a stall delays counts
    in full. Answers come in the order of requests on each connection.
    """
    poller = select.epoll()
    sockets = _connected(address, clients)
    connections = [connection.fileno() for connection in sockets]
    due_times: dict[int, deque[float]] = {descriptor: deque() for descriptor in connections}
    for descriptor in connections:
        poller.register(descriptor, select.EPOLLIN)
    ready = [poller.fileno()]
    now = time.perf_counter
    draw = random.Random(rate).expovariate
    turn = 0
    due = now()
    while True:
        while due <= now():
            descriptor = connections[turn]
            turn = (turn + 1) % clients
            os.write(descriptor, _REQUEST)
            due_times[descriptor].append(due)
            due += draw(rate)
            if turn == 0:
                break  # far behind: let the answers in between
        # select() knows microseconds where epoll_wait() knows milliseconds.
        select.select(ready, [], [], max(0.0, due - now()))
        for descriptor, _events in poller.poll(0):
            data = os.read(descriptor, 65536)
            if not data or len(data) % MESSAGE:
                raise ConnectionError("can't go on: the proxy closed a connection or split a message")
            end = now()
            for _ in range(len(data) // MESSAGE):
                board.record(end - due_times[descriptor].popleft())
                board.done += 1


def idle(addresses: Sequence[Address], clients: int, board: Board) -> None:
    """Connections that carried one message there and back, and then nothing more."""
    held = []
    for number in range(clients):
        (connection,) = _connected(addresses[number % len(addresses)], 1)
        connection.send(_REQUEST)
        if len(connection.recv(MESSAGE)) != MESSAGE:
            raise ConnectionError("can't hold a connection: the proxy closed it")
        held.append(connection)
        board.done += 1
    while True:
        time.sleep(3600)


def _connected(address: Address, count: int) -> list[socket.socket]:
    """Blocking connections without Nagle's delay."""
    connections = []
    for _ in range(count):
        connection = socket.create_connection(address, timeout=5)
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections.append(connection)
    return connections
