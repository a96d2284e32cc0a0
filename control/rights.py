"""Who is at the other end of the control socket, and what they may do.

The kernel says who (`SO_PEERCRED`, as it was at connect); the config's
`<control group= access=>` says what their groups may. Root and whoever started
the daemon may do all.
"""

from __future__ import annotations

import errno
import pwd
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from director.access import Access
from director.config.model import Control
from director.master.system import gid_of

ROOT = 0  # uid
SO_PEERGROUPS = getattr(socket, "SO_PEERGROUPS", 59)  # asm-generic/socket.h; Python has no name for it
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
_GROUPS_SIZE = 1024  # bytes, the most that Python's getsockopt takes: 256 groups


class Socket(Protocol):
    """What is needed of a socket."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes:
        """As the standard library's."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected. `gids` are its group and its supplementary ones.

    `socket`: the path of the one by which it did, None for the one in the run dir.
    """

    pid: int
    uid: int
    gids: frozenset[int]
    socket: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody for whom the web admin asks; it has made sure who that is."""

    name: str
    access: Access
    origin: str


# Web itself, when it asks for nobody.
WEB = Person("web admin", Access.READONLY, "web admin")

Speaker = Peer | Person


def peer_of(sock: Socket) -> Peer:
    """Who connected this unix stream socket. Raises OSError."""
    pid, uid, gid = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    try:
        groups = sock.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, _GROUPS_SIZE)
    except OSError as error:
        if error.errno != errno.ERANGE:
            raise
        groups = b""  # more groups than that: then only the first one counts
    gids = struct.unpack(f"{len(groups) // 4}I", groups)
    return Peer(pid, uid, frozenset((gid, *gids)))


def grants(controls: Iterable[Control]) -> dict[int, Access]:
    """What the members of each group may, by gid. May block: group names can come from a server.

    A group that this machine does not have grants nothing.
    """
    found: dict[int, Access] = {}
    for control in controls:
        gid = gid_of(control.group) if control.group else None
        if gid is not None:
            found[gid] = Access.FULL if Access.FULL in (control.access, found.get(gid)) else Access.READONLY
    return found


def access_of(peer: Peer, owner: int, granted: Callable[[], Mapping[int, Access]]) -> Access | None:
    """What the peer may do; None for nothing. `owner` is the uid that started the daemon.

    `granted` is asked only if that matters: root gets in, whatever names groups.
    """
    if peer.uid in (ROOT, owner):
        return Access.FULL
    by_group = granted()
    accesses = {by_group[gid] for gid in peer.gids if gid in by_group}
    if Access.FULL in accesses:
        return Access.FULL
    return Access.READONLY if accesses else None


def name_of(peer: Peer) -> str:
    """The user's name, or `uid N`. May block: user names can come from a server."""
    try:
        return pwd.getpwuid(peer.uid).pw_name
    except KeyError:
        return f"uid {peer.uid}"
