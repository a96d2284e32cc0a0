"""Sockets that somebody else opened for us: those of systemd's socket units, matched by their address.

They are shared by all workers, as unix sockets are, and never closed for others
or unlinked: who made them goes on holding them. What no listen asks for is let go.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import MutableMapping, Sequence

from director import logs
from director.config.model import Config, Endpoint, Listen
from director.events import Event
from director.master.listeners import Address, resolve, set_inherited_options

FIRST = 3  # the first descriptor that is passed


def passed(environ: MutableMapping[str, str], pid: int) -> tuple[int, ...]:
    """The descriptors that were passed to process `pid`, which is us; nobody below us shall take them for its own."""
    count, owner = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if not count.isdigit() or owner != str(pid):
        return ()
    fds = tuple(range(FIRST, FIRST + int(count)))
    for fd in fds:
        os.set_inheritable(fd, False)
    return fds


def adopt(config: Config, fds: Sequence[int]) -> dict[str, Address]:
    """The addresses of the config that are there already, by their text."""
    listens = [listen for _, listen in config.listens()]
    adopted: dict[str, Address] = {}
    for fd in fds:
        sock = _listening(fd)
        if sock is None:
            logs.warning(Event.LISTENER_CLOSED, descriptor=fd, reason="it was passed to us, but does not listen")
            continue
        free = (listen for listen in listens if str(listen.ip) not in adopted)
        found = next((listen for listen in free if _is_at(sock, listen.ip)), None)
        if found is None:
            name = sock.getsockname()
            logs.warning(Event.LISTENER_CLOSED, ip=name, reason="it was passed to us, but no listen has this address")
            sock.close()
            continue
        adopted[str(found.ip)] = _address(found, sock)
        logs.info(Event.LISTENER_OPENED, ip=found.ip, by="whoever started us")
    return adopted


def _listening(fd: int) -> socket.socket | None:
    try:
        sock = socket.socket(fileno=fd)
    except OSError:
        with contextlib.suppress(OSError):
            os.close(fd)
        return None
    if sock.type == socket.SOCK_STREAM and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return sock
    sock.close()
    return None


def _is_at(sock: socket.socket, ip: Endpoint) -> bool:
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return bool(ip.path) and name == ip.path
    if ip.path or name[1] != ip.port:
        return False
    if ip.host == "*" and name[0] == "::":
        # What systemd makes of a bare port: one socket for both families.
        return not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    family, where = resolve(ip)
    return bool(family == sock.family and where[0] == name[0])


def _address(listen: Listen, sock: socket.socket) -> Address:
    sock.setblocking(False)
    if sock.family != socket.AF_UNIX:
        set_inherited_options(sock, sock.getsockname()[0])
    return Address(listen, shared=True, foreign=True, sockets=[sock])
