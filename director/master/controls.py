"""The control sockets: the one in the run dir, and those that the config names beside it.

Opened here, served by the hub, which decides about rights by who connects and
by which socket. The first is given to the hub at its birth, others by link.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from director.config.model import Config
from director.errors import SystemFailure, refusal
from director.master.listeners import remove_stale_socket
from director.master.system import gid_of
from director.messages import ControlSockets

if TYPE_CHECKING:
    from director.master.family import Family


class Controls:
    """Those beside the one at `main`, by path."""

    def __init__(self, main: str) -> None:
        self._main = main
        self._sockets: dict[str, socket.socket] = {}

    @property
    def descriptors(self) -> dict[str, int]:
        """Of each, by path."""
        return {path: sock.fileno() for path, sock in self._sockets.items()}

    def adopt(self, descriptors: Mapping[str, int]) -> None:
        """Another generation opened these."""
        self._sockets = {path: socket.socket(fileno=fd) for path, fd in descriptors.items()}

    def open_new(self, config: Config) -> None:
        """Those that the config has and we have not. Raises SystemFailure; then all is as before."""
        fresh: dict[str, socket.socket] = {}
        try:
            for path in self._named(config) - self._sockets.keys():
                fresh[path] = open_control(path)
        except SystemFailure:
            _remove(fresh)
            raise
        self._sockets.update(fresh)

    def open_lost(self) -> None:
        """Bind those again whose paths somebody has removed. Raises SystemFailure."""
        for path, sock in self._sockets.items():
            if not os.path.lexists(path):
                self._sockets[path] = open_control(path)
                sock.close()

    def grant(self, config: Config) -> None:
        """Let those groups of the config connect that may. Raises SystemFailure."""
        for path in (self._main, *self._sockets):
            groups = (one.group for one in config.controls if (one.socket or self._main) == path and one.group)
            grant(path, tuple(groups))

    def drop_gone(self, config: Config) -> None:
        """Close those that the config has not."""
        _remove({path: self._sockets.pop(path) for path in self._sockets.keys() - self._named(config)})

    def let_go(self) -> None:
        """Close our copies: others go on with theirs."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()

    def _named(self, config: Config) -> set[str]:
        """Those that are there only since the config names them."""
        return {control.socket for control in config.controls if control.socket} - {self._main}

    def tell(self, family: Family) -> None:
        """Have the hub serve them, and no others."""
        family.tell_hub(ControlSockets(tuple(self._sockets)), tuple(self.descriptors.values()))


def _remove(sockets: Mapping[str, socket.socket]) -> None:
    for path, sock in sockets.items():
        sock.close()
        _unlink(path)


def open_control(path: str) -> socket.socket:
    """Bind and listen on a control socket. Raises SystemFailure."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = -1
    try:
        folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        remove_stale_socket(path) if len(path) < 100 else _unlink(path)
        # By way of the folder's descriptor, since a socket's path is short by law.
        sock.bind(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
        os.chmod(path, 0o660)
        sock.listen(1024)
    except OSError as error:
        sock.close()
        raise refusal(f"can't open control socket {path}: {error.strerror}", error) from None
    finally:
        if folder >= 0:
            os.close(folder)
    sock.setblocking(False)
    return sock


def grant(path: str, groups: Iterable[str]) -> None:
    """Let these groups connect. Raises SystemFailure."""
    gids = set()
    for group in groups:
        gid = gid_of(group)
        if gid is None:
            raise SystemFailure(f"can't give rights to group {group!r}: there is no such group")
        gids.add(gid)
    try:
        # Rights are decided by who connects; several groups can't share one file mode.
        os.chown(path, -1, gids.pop() if len(gids) == 1 else os.getegid())
        os.chmod(path, 0o666 if gids else 0o660)
    except OSError as error:
        raise SystemFailure(f"can't give rights on control socket {path}: {error.strerror}") from None


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
