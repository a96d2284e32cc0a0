"""What web admins need of the master: listening sockets, files, and a way to the hub.

The web process has no rights: it can open neither a low port nor a private key,
and it asks the hub on sockets that the master made, because the hub believes
what is said on those about who wants something. Files are looked at each
second and handed over again when they changed, as copies: what web could use
last is what a new web begins with, whatever has become of the files since.
"""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING, Any

from director import logs
from director.config.model import Admin, Config, Listen
from director.errors import SystemFailure
from director.events import Event
from director.master import selfsigned
from director.master.listeners import Address, open_address
from director.messages import HUB_SLOT, WEB_SLOT, AdminFiles, Admit, Drain, Introduce, Slot

if TYPE_CHECKING:
    from director.master.family import Child, Family

_SOCKETS = 8  # requests that web can make at a time
_BACKLOG = 256
_LOOK = 1.0  # seconds between looks at the files
_PATIENCE = 3  # looks in which the master before this one may still have its addresses: it lets go at one of its own
_LARGEST = 1024 * 1024  # bytes of a file that are of interest

_Copies = dict[str, tuple[bytes, int]]  # content and mode, by path


class Admins:
    """The admins of the config. `state_dir` is where certificates are kept that we made."""

    def __init__(self, state_dir: str) -> None:
        self._state_dir = state_dir
        self._addresses: dict[str, Address] = {}
        self._paths: tuple[str, ...] = ()
        self._stamps: dict[str, Any] = {}
        self._number = 0  # of what was given to web last
        self._given: _Copies = {}
        self._good: _Copies = {}  # all that web had when it could last use everything
        self._complaint = ""
        self._attempts = 0  # in vain, to take the addresses
        self._looked = 0.0

    @staticmethod
    def check_free(config: Config, elder: Config) -> None:
        """That a successor can listen for all admins once the elder, who has its own, lets go. Raises SystemFailure."""
        had = {admin.listen for admin in elder.admins}
        for admin in config.admins:
            if admin.listen not in had:
                _open(admin).close()

    def open(self, config: Config) -> None:
        """Listen for the admins of this config, and for no others. Raises SystemFailure; then all is as before."""
        fresh: dict[str, Address] = {}
        try:
            paths = [path for admin in config.admins for path in files(admin, self._state_dir)]
            if without := [admin.listen.host for admin in config.admins if admin.secure and not admin.cert]:
                hosts = [host for host in without if host not in ("*", "::", "0.0.0.0")]
                selfsigned.ensure(selfsigned.path(self._state_dir), hosts)
            for path in paths:
                os.close(open_file(path))
            for admin in config.admins:
                ip = str(admin.listen)
                if ip not in self._addresses:
                    fresh[ip] = _open(admin)
        except SystemFailure:
            for address in fresh.values():
                address.close()
            raise
        wanted = {str(admin.listen) for admin in config.admins}
        for ip in self._addresses.keys() - wanted:
            self._addresses.pop(ip).close()
        self._addresses.update(fresh)
        self._paths = tuple(dict.fromkeys(paths))

    def close(self) -> None:
        """Listen no more."""
        for address in self._addresses.values():
            address.close()
        self._addresses.clear()

    # -- to the children -------------------------------------------------------------

    def born(self, family: Family, slot: Slot) -> None:
        """The hub or web is there."""
        if slot == WEB_SLOT:
            self.tell(family)
        self.introduce(family)

    def tell(self, family: Family) -> None:
        """Tell web where to listen, and by which files to serve. It is made if it is wanted for the first time."""
        if self._addresses and WEB_SLOT not in family.supervisor.places:
            family.supervisor.add(WEB_SLOT)
            return
        web = family.children.get(WEB_SLOT)
        if web is None:
            return
        fresh = self._read()
        began = self._good if self._good.keys() >= {*self._paths} else fresh
        self._give(family, web, began)
        fds = [address.socket_for(0).fileno() for address in self._addresses.values()]
        family.tell(web, Admit(tuple(self._addresses)), fds)
        if fresh != began:
            self._give(family, web, fresh)  # if it can't use them, it goes on with the others

    def used(self, number: int) -> None:
        """Web could use what it was given under this number."""
        if number == self._number and self._given.keys() == {*self._paths}:
            self._good = self._given

    def introduce(self, family: Family) -> None:
        """Give hub and web sockets to each other, if both are there."""
        hub, web = family.children.get(HUB_SLOT), family.children.get(WEB_SLOT)
        if hub is None or web is None:
            return
        pairs = [socket.socketpair() for _ in range(_SOCKETS)]
        family.tell(hub, Introduce(_SOCKETS), [one.fileno() for one, _ in pairs])
        family.tell(web, Introduce(_SOCKETS), [other.fileno() for _, other in pairs])
        for pair in pairs:
            for sock in pair:
                sock.close()

    @property
    def listening(self) -> bool:
        """Whether there is an admin."""
        return bool(self._addresses)

    def refresh(self, family: Family, config: Config, reigns: bool, now: float) -> None:
        """Once a second: hand over the files again if one of them changed.

        After an upgrade the new master takes the addresses when it alone
        `reigns`, and the old one lets go of them then: hubs of two generations
        must not both be asked.
        """
        if now - self._looked < _LOOK:
            return
        self._looked = now
        if not reigns:
            web = family.children.get(WEB_SLOT)
            if self._addresses and family.supervisor.stopping and web is not None:
                family.tell(web, Drain(0))
                self.close()
            return
        if config.admins and not self._addresses:
            try:
                self.open(config)
            except SystemFailure as error:
                self._attempts += 1
                if self._attempts > _PATIENCE:
                    self._complain(str(error))
                return
            self._attempts = 0
            self.tell(family)
        web = family.children.get(WEB_SLOT)
        if web is not None and {path: _stamp(path) for path in self._paths} != self._stamps:
            self._give(family, web, self._read())

    def _read(self) -> _Copies:
        """Copies of the files as they are now; web goes on with what it has of those that can't be read."""
        self._stamps = {path: _stamp(path) for path in self._paths}
        copies: _Copies = {}
        complaint = ""
        for path in self._paths:
            try:
                copies[path] = _read(path)
            except SystemFailure as error:
                complaint = str(error)
        self._complain(complaint)
        return copies

    def _complain(self, complaint: str) -> None:
        """Once, until it is another."""
        if complaint and complaint != self._complaint:
            logs.warning(Event.CONFIG_WARNING, problem=complaint)
        self._complaint = complaint

    def _give(self, family: Family, web: Child, copies: _Copies) -> None:
        self._number += 1
        self._given = copies
        fds = [_memory(*copy) for copy in copies.values()]
        family.tell(web, AdminFiles(tuple(copies), self._number), fds)
        for fd in fds:
            os.close(fd)


def _open(admin: Admin) -> Address:
    return open_address(Listen(ip=admin.listen, backlog=_BACKLOG), 1)


def files(admin: Admin, state_dir: str) -> list[str]:
    """The files of an admin; where no certificate is named, the one that we make."""
    found = [admin.users_file] if admin.users_file else []
    if admin.secure:
        cert = admin.cert or selfsigned.path(state_dir)
        found += [cert, admin.key or cert]
    return found


def open_file(path: str) -> int:
    """To be read, without waiting. Raises SystemFailure."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise SystemFailure(f"can't open {path}: {error.strerror}") from None


def _read(path: str) -> tuple[bytes, int]:
    try:
        with open(open_file(path), "rb") as file:
            return file.read(_LARGEST + 1), os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise SystemFailure(f"can't read {path}: {error.strerror}") from None


def _memory(content: bytes, mode: int) -> int:
    """A copy as an open file."""
    fd = os.memfd_create("director-admin")
    os.fchmod(fd, stat.S_IMODE(mode))  # who may write it tells web whether to trust it
    with open(fd, "wb", closefd=False) as file:
        file.write(content)
    return fd


def _stamp(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode
