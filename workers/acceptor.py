"""Clients in: the listeners of this worker's slot, and of neighbours' slots it covers.

Accepting pauses at the limit of descriptors, and when the kernel has none left:
clients then wait in the backlog, and the master lets a neighbour take over.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from _socket import socket as Socket
from collections.abc import Callable, Sequence
from typing import Any

from director import logs
from director.events import Event
from director.messages import ListenerRef
from workers.connector import Client, Connector
from workers.poller import Poller
from workers.services import Service, Services
from workers.session import UNIX_CLIENT, Sessions

_MOST = 64  # clients accepted in a row
_DISGUISE = "::ffff:"  # before an address of IPv4 in one of IPv6
_set_blocking = os.set_blocking
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
PAUSE = 0.1  # seconds without accepting when the kernel has no descriptor left


class Listener:
    """One listening socket that this worker accepts on."""

    def __init__(self, ref: ListenerRef, sock: Socket, stage: Callable[..., None]) -> None:
        self.ref = ref
        self.sock = sock
        self.stage = stage
        self.burst = 1  # how many to accept in a row; follows what was there lately
        self.accept: Callable[[], tuple[int, Any]] = sock._accept  # type: ignore[attr-defined]  # a bare descriptor
        self.is_tcp = sock.family != socket.AF_UNIX
        if sock.family == socket.AF_INET6 and not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
            self.accept = self._accept_both

    def _accept_both(self) -> tuple[int, Any]:
        """Of a socket for IPv4 and IPv6, as systemd opens them: who comes by IPv4 is the one he is elsewhere."""
        fd, address = Socket._accept(self.sock)  # type: ignore[attr-defined]
        host = address[0]
        return fd, (host[len(_DISGUISE) :], address[1]) if host.startswith(_DISGUISE) else address


class Acceptor:
    """All listeners of a worker. `capacity`: how many sessions it may have at once."""

    def __init__(
        self,
        poller: Poller,
        sessions: Sessions,
        services: Services,
        connector: Connector,
        capacity: int,
        on_pause: Callable[[bool], None],
    ) -> None:
        self._poller = poller
        self._sessions = sessions
        self._services = services
        self._connector = connector
        self._capacity = capacity
        self._on_pause = on_pause
        self._listeners: dict[tuple[str, int], Listener] = {}  # by (address, slot)
        self._paused_until = 0.0
        self.paused = False  # for want of descriptors
        self.held = False  # by order

    def accept(self, refs: Sequence[ListenerRef], fds: Sequence[int]) -> None:
        """Accept on these from now on; takes over the descriptors."""
        for ref, fd in zip(refs, fds, strict=True):
            known = self._listeners.get((ref.ip, ref.slot))
            if known is not None:
                os.close(fd)
                known.ref = ref
                continue
            listener = Listener(ref, Socket(fileno=fd), self._on_ready)
            self._listeners[ref.ip, ref.slot] = listener
            if self._watching:
                self._poller.add(fd, listener, select.EPOLLIN)

    @property
    def _watching(self) -> bool:
        return not (self.paused or self.held)

    def hold(self) -> None:
        """Accept nothing until `resume`; clients wait in the backlog, or another takes them."""
        if self._watching:
            self._unwatch()
        self.held = True

    def resume(self) -> None:
        """Accept again."""
        self.held = False
        if self._watching:
            self._watch()

    def _watch(self) -> None:
        for listener in self._listeners.values():
            self._poller.add(listener.sock.fileno(), listener, select.EPOLLIN)

    def _unwatch(self) -> None:
        for listener in self._listeners.values():
            self._poller.remove(listener.sock.fileno())

    def release(self, refs: Sequence[ListenerRef]) -> None:
        """Accept what waits on these, then no more; others may have the sockets still."""
        for ref in refs:
            listener = self._listeners.pop((ref.ip, ref.slot), None)
            if listener is not None:
                self._close(listener)

    def close(self) -> None:
        """Accept what waits everywhere, then no more."""
        while self._listeners:
            _, listener = self._listeners.popitem()
            self._close(listener)

    def _close(self, listener: Listener) -> None:
        if self._watching:
            self._poller.remove(listener.sock.fileno())
        # Who was queued before we let go is served, or would be reset if ours is the last copy.
        # On hold, another one does that.
        while not self.held and (clients := self._take(listener, self._room)):
            self._admit(listener, clients)
        listener.sock.close()

    @property
    def _room(self) -> int:
        """How many sessions more there may be."""
        return self._capacity - len(self._sessions.all)

    def _on_ready(self, listener: Listener, _mask: int) -> None:
        burst, room = listener.burst, self._room
        clients = self._take(listener, min(burst, room))
        count = len(clients)
        if count == burst:
            listener.burst = min(_MOST, burst * 2)
        elif count < room:
            listener.burst = max(1, count)  # asking in vain costs a call: ask for as many as there were
        self._admit(listener, clients)
        if count >= room and room < burst:
            self._pause(f"{self._capacity} sessions")

    def _take(self, listener: Listener, most: int) -> list[Client]:
        """Accept so many clients, or as many as there are."""
        accept = listener.accept
        clients: list[Client] = []
        for _ in range(most):
            try:
                clients.append(accept())
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._paused_until = self._poller.now + PAUSE
                    self._pause(os.strerror(error.errno))
                    break
                # That client is gone again already.
        return clients

    def _admit(self, listener: Listener, clients: list[Client]) -> None:
        """Find hosts for those who may connect. What takes several calls of the kernel takes each for all, in a row."""
        service = self._services.by_number.get(listener.ref.service)
        if service is None:
            for fd, _ in clients:
                os.close(fd)
            return
        if listener.is_tcp:
            if service.admission is not None:
                clients = [client for client in clients if self._is_admitted(service, client)]
        else:
            clients = [(fd, UNIX_CLIENT) for fd, _ in clients]
        for fd, _ in clients:
            _set_blocking(fd, False)
        self._connector.begin(service, clients)

    def _is_admitted(self, service: Service, client: Client) -> bool:
        """Whether a client may connect; one that may not is sent away."""
        assert service.admission is not None
        fd, address = client
        if service.admission.admits(address[0]):
            return True
        self._sessions.deny(service, fd, address)
        return False

    def _pause(self, cause: str) -> None:
        if self.paused:
            return
        if self._watching:
            self._unwatch()
        self.paused = True
        logs.warning(Event.ACCEPT_PAUSED, cause=cause, open=len(self._sessions.all))
        self._on_pause(True)

    def sweep(self) -> None:
        """A few times a second: accept again once there is room."""
        if not self.paused or self._poller.now < self._paused_until:
            return
        if len(self._sessions.all) > self._capacity * 0.95:
            return
        self.paused = False
        if self._watching:
            self._watch()
        logs.info(Event.ACCEPT_RESUMED, open=len(self._sessions.all))
        self._on_pause(False)
