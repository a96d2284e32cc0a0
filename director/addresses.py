"""Where a host is, when that needs no looking up: addresses and unix paths.

Hub and workers both know it at once, so that a host which a reload brings can
be used the moment the reload is answered.
"""

from __future__ import annotations

import errno
import socket
from _socket import socket as Socket
from contextlib import suppress
from typing import Any

from director.config.model import Endpoint

_IP_BIND_ADDRESS_NO_PORT = 24

Addresses = tuple[tuple[int, Any], ...]  # (family, address as `connect` takes it)


def place(where: Any) -> str:
    """An address as `connect` takes it and `getpeername` gives it, in the words of config.xml."""
    return str(Endpoint(path=where) if isinstance(where, str) else Endpoint(*where[:2]))


def literal(ip: Endpoint) -> Addresses | None:
    """The address of what is no name; None for a name."""
    if ip.path:
        return ((int(socket.AF_UNIX), ip.path),)
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, ip.host)
        except OSError:
            continue
        return ((int(family), (ip.host, ip.port)),)
    return None


def of_client(text: str) -> str:
    """An address in the form that workers have a client's, however it is written; ValueError if it is none."""
    from ipaddress import ip_address

    address = ip_address(text.strip("[]"))
    return str(getattr(address, "ipv4_mapped", None) or address)


def is_loopback(ip: str) -> bool:
    """Whether what goes there never leaves this machine."""
    return ip == "::1" or ip.removeprefix("::ffff:").startswith("127.")


def be_uncongested(sock: Socket) -> None:
    """Of a connection that never leaves this machine, or the listener of such: nothing there could be congested.

    BBR, if it is the system's default, would pace by timers what can go at once. A connection that
    has begun with it keeps some of that, so best a listener is told. Where the system allows
    no choice (`tcp_allowed_congestion_control`, a container's filter), all goes on as it is.
    """
    with suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")  # every kernel has it


def call_from(sock: Socket, source: str) -> bool:
    """Have the calls of a socket come from this address; False if that can't be: `not_from` says why."""
    try:
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source, 0))
    except OSError:
        return False
    return True


def not_from(source: str) -> str:
    """Why nothing is called."""
    return f"can't call from {source}: not ours, or of another family"


def has_way(family: int, where: Any) -> bool:
    """Whether this machine has an address to call from; if TCP says EADDRNOTAVAIL all the same, its ports are taken.

    Want of either is that error. By UDP, which needs no port of TCP's, only the former is.
    """
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            return sock.connect_ex(where) != errno.EADDRNOTAVAIL
    except OSError:  # it is descriptors, too, that we lack
        return True
