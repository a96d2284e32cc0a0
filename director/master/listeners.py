"""The listening sockets: opened by the master, one per worker slot and address.

With one SO_REUSEPORT socket per slot the kernel spreads connections evenly over
the workers; a three-instruction filter makes it choose by chance instead of by
the client's port. All sockets of an address stay open in the master for as long
as the address is configured: a slot whose worker is gone still queues clients,
and its neighbour accepts them.

The first socket of an address is bound and listens *before* SO_REUSEPORT is set
on it: that way a rival on the same port is found out. The sockets of other
slots are bound at once but listen only when their worker accepts, for the
kernel gives clients to every socket that listens. Only TCP is spread like this:
a unix socket is one socket, shared by all workers.
Never `shutdown` one of these: it would end it in every process that has it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import stat
import struct
from dataclasses import dataclass, field
from typing import Any

from director.addresses import be_uncongested, is_loopback
from director.config.model import Endpoint, Listen
from director.errors import SystemFailure, refusal
from director.master.system import gid_of, uid_of

_SO_ATTACH_REUSEPORT_CBPF = 51
_LD_ABS, _MOD_K, _RET_A = 0x20, 0x94, 0x16
_RANDOM = 0xFFFFF000 + 56  # SKF_AD_OFF + SKF_AD_RANDOM
_TCPI_UNACKED = 24  # where struct tcp_info has it; of a listening socket: clients that wait, then how many may


def _steer(sock: socket.socket, count: int) -> bool:
    """Have the kernel choose among the first `count` listening sockets of the address at random; False if it can't."""
    program = b"".join(
        struct.pack("HBBI", code, 0, 0, k) for code, k in ((_LD_ABS, _RANDOM), (_MOD_K, count), (_RET_A, 0))
    )
    memory = ctypes.create_string_buffer(program)
    filter_ = struct.pack("HxxxxxxP", 3, ctypes.addressof(memory))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, filter_)
    except OSError:
        return False  # an old kernel: it goes on choosing by the client's address and port
    return True


def _backlog(sock: socket.socket) -> tuple[int, int]:
    """How many clients wait in this TCP socket's accept queue, and how many may."""
    waiting, most = struct.unpack_from("II", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32), _TCPI_UNACKED)
    return waiting, most


def _explain(ip: Endpoint, error: OSError) -> SystemFailure:
    hint = {
        errno.EADDRINUSE: "something else listens there",
        errno.EACCES: "" if ip.path else "ports below 1024 need root or CAP_NET_BIND_SERVICE",
        errno.EADDRNOTAVAIL: "this machine has no such address",
    }.get(error.errno or 0)
    cause = error.strerror or str(error)
    return refusal(f"can't listen on {ip}: {cause}" + (f" ({hint})" if hint else ""), error)


def account_ids(listen: Listen) -> tuple[int, int]:
    """Whose the socket's file shall be, by number; -1: as the kernel has it. Raises SystemFailure, a line a fault."""
    uid = uid_of(listen.owner) if listen.owner else -1
    gid = gid_of(listen.group) if listen.group else -1
    if uid is None or gid is None:
        named = (("user", listen.owner, uid), ("group", listen.group, gid))
        faults = (
            f"can't give {listen.ip} to {what} {name!r}: there is no such {what}"
            for what, name, number in named
            if number is None
        )
        raise SystemFailure("\n".join(faults))
    return uid, gid


def resolve(ip: Endpoint) -> tuple[int, Any]:
    """Family and address to bind. A name is looked up; the first answer counts."""
    if ip.host == "*":
        return socket.AF_INET, ("0.0.0.0", ip.port)
    try:
        family, _, _, _, address = socket.getaddrinfo(ip.host, ip.port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise SystemFailure(f"can't listen on {ip}: {error.strerror}") from None
    return family, address


@dataclass
class Address:
    """One configured address and its sockets: by slot, or a single shared one."""

    listen: Listen
    shared: bool
    foreign: bool = False  # whoever started us holds it, too: it is not ours to take away
    sockets: list[socket.socket] = field(default_factory=list)
    serving: int = 0  # the first so many listen
    spread: int = 0  # over so many of them new clients are spread; 0: as another generation had it

    def socket_for(self, seat: int) -> socket.socket:
        """The socket that the worker with this seat accepts on; it listens from now on."""
        if self.shared:
            return self.sockets[0]
        while self.serving <= seat:
            self.sockets[self.serving].listen(self.listen.backlog)
            self.serving += 1
            self.spread = 0
        if not self.spread:
            self.spread_over(self.serving)
        return self.sockets[seat]

    def spread_over(self, seats: int) -> bool:
        """New clients go to the first so many sockets only, of those that listen; False if the kernel can't."""
        count = min(seats, self.serving)
        if self.spread == count:
            return True
        done = _steer(self.sockets[0], count)
        self.spread = count if done else 0
        return done

    @property
    def lost(self) -> bool:
        """Whether somebody has removed the path of our unix socket, so that no client finds it."""
        return bool(self.listen.ip.path) and not self.foreign and not os.path.lexists(self.listen.ip.path)

    def become(self, listen: Listen) -> None:
        """Be as the config says by now; whoever waits goes on waiting. Raises SystemFailure; all is as before then."""
        before, self.listen = self.listen, listen
        if self.foreign or listen == before:
            return
        try:
            if listen.ip.path:
                _dress(listen, before)
            for sock in self.sockets:
                _set_options(sock, listen, before)
            for sock in self._listening():
                sock.listen(listen.backlog)
        except (OSError, SystemFailure) as error:
            self.listen = before
            raise _explain(listen.ip, error) if isinstance(error, OSError) else error from None

    def waiting(self) -> list[int]:
        """How many clients wait at each socket to be accepted; of a unix socket the kernel does not tell."""
        return [waiting for waiting, _ in self._backlogs()]

    def crowded(self) -> bool:
        """Whether at some socket half of those wait that may."""
        return any(waiting * 2 >= most > 0 for waiting, most in self._backlogs())

    def _backlogs(self) -> list[tuple[int, int]]:
        return [_backlog(sock) for sock in self._listening() if sock.family != socket.AF_UNIX]

    def _listening(self) -> list[socket.socket]:
        return self.sockets if self.shared else self.sockets[: self.serving]

    def close_tail(self, seats: int) -> None:
        """Close our copies of the sockets beyond the first so many. Only the last may go: the kernel counts them."""
        if not self.shared:
            while len(self.sockets) > seats:
                self.sockets.pop().close()
            self.serving = min(self.serving, seats)

    def add_slots(self, slots: int) -> None:
        """Bind sockets for more worker slots, up to this many. Raises SystemFailure."""
        if self.shared:
            return
        try:
            _bind_slots(self, *resolve(self.listen.ip), slots)
        except OSError as error:
            raise _explain(self.listen.ip, error) from None

    def let_go(self) -> None:
        """Close our copies of the sockets: others go on with theirs."""
        for sock in self.sockets:
            sock.close()

    def close(self) -> None:
        """Close all sockets; remove a unix socket's file."""
        self.let_go()
        if self.listen.ip.path and not self.foreign:
            try:
                os.unlink(self.listen.ip.path)
            except OSError:
                pass  # somebody tidied up before us


def open_address(listen: Listen, slots: int) -> Address:
    """Bind an address for so many worker slots. Raises SystemFailure; nothing stays open then."""
    address = Address(listen, shared=bool(listen.ip.path))
    try:
        if address.shared:
            address.sockets.append(_open_unix(listen))
        else:
            _open_tcp(address, slots)
    except OSError as error:
        for sock in address.sockets:
            sock.close()
        raise _explain(listen.ip, error) from None
    return address


def _open_tcp(address: Address, slots: int) -> None:
    listen = address.listen
    family, where = resolve(listen.ip)
    first = _tcp_socket(address, family, where)
    first.bind(where)
    first.listen(listen.backlog)
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    address.serving = 1
    _bind_slots(address, family, where, slots)


def _bind_slots(address: Address, family: int, where: Any, slots: int) -> None:
    while len(address.sockets) < slots:
        sock = _tcp_socket(address, family, where)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(where)


def _tcp_socket(address: Address, family: int, where: Any) -> socket.socket:
    listen = address.listen
    sock = socket.socket(family, socket.SOCK_STREAM)
    address.sockets.append(sock)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    set_inherited_options(sock, where[0])
    _set_options(sock, listen, Listen(ip=listen.ip))
    return sock


def set_inherited_options(sock: socket.socket, ip: str) -> None:
    """Set on a TCP listener at `ip` what accepted sockets inherit: that saves calls on every connection."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if is_loopback(ip):
        be_uncongested(sock)


def _set_options(sock: socket.socket, listen: Listen, before: Listen) -> None:
    """What of a listener may be set at any time, where it is not as it was."""
    if listen.defer_accept != before.defer_accept:
        seconds = max(1, round(listen.defer_accept)) if listen.defer_accept else 0
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, seconds)
    most = listen.backlog if listen.fast_open else 0
    if most != (before.backlog if before.fast_open else 0):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, most)


def _open_unix(listen: Listen) -> socket.socket:
    path = listen.ip.path
    account_ids(listen)  # before there is anything to undo
    remove_stale_socket(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        sock.bind(path)
        _dress(listen, Listen(ip=listen.ip))
        sock.listen(listen.backlog)
    except OSError:
        sock.close()
        raise
    return sock


def _dress(listen: Listen, before: Listen) -> None:
    """Give a unix socket's file the owner, group and mode that its config says, where it said another before."""
    uid, gid = account_ids(listen)
    if before.owner is not None and listen.owner is None:
        uid = os.geteuid()
    if before.group is not None and listen.group is None:
        gid = os.getegid()
    # First what we may lack the right to do: then nothing has to be undone.
    if (listen.owner, listen.group) != (before.owner, before.group):
        os.chown(listen.ip.path, uid, gid)
    if listen.mode != before.mode:
        os.chmod(listen.ip.path, 0o777 & ~_umask() if listen.mode is None else listen.mode)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def remove_stale_socket(path: str) -> None:
    """Remove a socket's file that nobody listens on any more. Raises OSError (EADDRINUSE) if someone does."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "a file that is no socket is in the way")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        refused = probe.connect_ex(path) == errno.ECONNREFUSED
    if not refused:
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    os.unlink(path)
