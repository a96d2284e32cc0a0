"""Addresses that nobody else uses, and connecting to them.

All of 127.0.0.0/8 is loopback. Each test process takes an address of its own
there, so that runs side by side can't meet at a port, and counts ports up from
below the range the kernel takes for outgoing connections.

An address is written as in config.xml: `127.1.2.3:80`, `[::1]:80`, `unix:/path`.
"""

from __future__ import annotations

import itertools
import os
import random
import socket
import struct

LOOPBACK = f"127.{1 + (os.getpid() >> 16) % 254}.{(os.getpid() >> 8) & 255}.{1 + (os.getpid() & 255) % 254}"

_PORTS = itertools.count(10_000)


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_address(host: str = LOOPBACK) -> str:
    """An address to listen at. Other hosts than our own loopback address are shared with other runs: at random."""
    ports = _PORTS if host == LOOPBACK else iter(lambda: random.randrange(10_000, 30_000), 0)
    port = next(port for port in ports if _is_free(host, port))
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse(address: str) -> tuple[socket.AddressFamily, str | tuple[str, int]]:
    """What `socket.socket` and `connect` or `bind` take for it."""
    if address.startswith("unix:"):
        return socket.AF_UNIX, address.removeprefix("unix:")
    host, _, port = address.rpartition(":")
    if host.startswith("["):
        return socket.AF_INET6, (host.strip("[]"), int(port))
    return socket.AF_INET, (host, int(port))


def connect(address: str, timeout: float = 10.0) -> socket.socket:
    """A connected socket with that timeout, for connecting and for all that follows."""
    family, where = parse(address)
    client = socket.socket(family)
    client.settimeout(timeout)
    try:
        client.connect(where)
    except BaseException:
        client.close()
        raise
    return client


def accepts(address: str) -> bool:
    """Whether somebody listens there."""
    try:
        connect(address).close()
    except OSError:
        return False
    return True


def listen(address: str, backlog: int = 1024) -> socket.socket:
    family, where = parse(address)
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_UNIX and isinstance(where, str):
        if os.path.exists(where):
            os.unlink(where)
        listener.bind(where)
        os.chmod(where, 0o777)  # director's workers may have another uid
    else:
        listener.bind(where)
    listener.listen(backlog)
    return listener


def reset(client: socket.socket) -> None:
    """Close so that the other side gets RST, not FIN."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def read_line(client: socket.socket) -> str:
    """One line, byte by byte; "" if the other side closed first."""
    line = b""
    while not line.endswith(b"\n"):
        byte = client.recv(1)
        if not byte:
            break
        line += byte
    return line.decode().rstrip("\n")


def read_all(client: socket.socket) -> bytes:
    """Everything until the other side closes."""
    chunks = []
    while chunk := client.recv(1 << 18):
        chunks.append(chunk)
    return b"".join(chunks)


def ask_name(address: str, timeout: float = 10.0) -> str:
    """The name of the NamedHost that a new connection reaches; "" if it was closed without one."""
    with connect(address, timeout) as client:
        return read_line(client)


def answers(address: str, count: int = 12) -> set[str]:
    """Who answers, over so many connections."""
    return {ask_name(address) for _ in range(count)}


def is_closed_at_once(address: str, within: float = 1.0) -> bool:
    """Whether a new connection is taken and then closed, or reset, within that time."""
    try:
        with connect(address, within) as client:
            return client.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False
