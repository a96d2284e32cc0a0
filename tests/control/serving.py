"""A control socket over a hub, served in a thread of its own as the hub process would."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import msgpack

from control.server import Server
from tests.control.hubs import FakeHub


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name in its address."""
    folder = Path(tempfile.mkdtemp(prefix="ctl-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Served:
    """A server at the socket `path`. `start` and `stop` are what becomes of the hub; the socket stays."""

    def __init__(self, path: str, hub: FakeHub, owner: int, settings: dict[str, Any]) -> None:
        self.path = path
        self.hub = hub
        self.listener = socket.socket(socket.AF_UNIX)
        # By way of the folder's descriptor, so that a long path will do, too.
        folder = os.open(os.path.dirname(path), os.O_PATH)
        self.listener.bind(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
        os.close(folder)
        self.listener.listen(1024)
        self._owner = owner
        self._settings = settings
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._ready.clear()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        """Returns when it has ended."""
        if self._thread is not None:
            self._stop.send()
            self._thread.join(10)
            assert not self._thread.is_alive()
            self._thread = None

    def _run(self) -> None:
        hub = gevent.get_hub()
        self.loop = hub.loop
        self._stop = hub.loop.async_()
        self.server = Server(os.dup(self.listener.fileno()), self.hub, self._owner, **self._settings)
        self.server.start()
        self._ready.set()
        hub.wait(self._stop)
        self.server.stop()
        hub.destroy(destroy_loop=True)

    def ask(self, what: Callable[[], None]) -> None:
        """Have the server's own thread do this; returns when it is done."""
        done = threading.Event()

        def do() -> None:
            what()
            done.set()

        self.loop.run_callback_threadsafe(do)
        assert done.wait(10)

    def connect(self) -> socket.socket:
        """A client that has said nothing yet."""
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(10)
        client.connect(self.path)
        return client


@contextmanager
def serving(hub: FakeHub, path: str, owner: int | None = None, **settings: Any) -> Iterator[Served]:
    """Serve `hub` at `path`; who runs the test is who started the daemon, unless `owner` says otherwise."""
    served = Served(path, hub, os.getuid() if owner is None else owner, settings)
    served.start()
    try:
        yield served
    finally:
        served.stop()
        served.listener.close()


def framed(value: Any) -> bytes:
    """A request as bytes."""
    body: bytes = msgpack.packb(value)
    return struct.pack(">I", len(body)) + body


def request(command: str, ident: int = 1, **args: Any) -> bytes:
    return framed({"v": 1, "id": ident, "command": command, "args": args})


def reply(client: socket.socket) -> dict[str, Any]:
    """The next reply."""
    (length,) = struct.unpack(">I", _exactly(client, 4))
    found = msgpack.unpackb(_exactly(client, length))
    assert isinstance(found, dict)
    return found


def _exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = client.recv(count - len(data))
        assert more, f"the end came {count - len(data)} bytes too early"
        data += more
    return data


def everything(client: socket.socket) -> bytes:
    """What comes until the other side hangs up."""
    data = b""
    while more := client.recv(65536):
        data += more
    return data


def ask(served: Served, data: bytes) -> dict[str, Any]:
    """The first reply to this, on a connection of its own."""
    with served.connect() as client:
        client.sendall(data)
        return reply(client)


def say(served: Served, text: str | bytes) -> str:
    """What the line dialect answers until it hangs up."""
    with served.connect() as client:
        client.sendall(text.encode() if isinstance(text, str) else text)
        return everything(client).decode()


def is_alive(served: Served) -> bool:
    """Whether it answers others."""
    return bool(ask(served, request("version"))["ok"])
