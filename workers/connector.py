"""From a client to a host that takes it: choose, connect, and try the next one if it fails.

A client is never told of a host's failure while another host is left. What it
sends meanwhile stays in the kernel until there is someone to send it to.
"""

from __future__ import annotations

import errno
import os
import socket
from _socket import socket as Socket  # the C type: `socket.socket` costs 3 µs more per connection
from collections.abc import Callable, Iterable
from typing import Any

from director.addresses import Addresses, call_from, has_way, not_from
from director.messages import Fault
from director.scheduling.permits import DIRECTOR
from director.scheduling.scoreboard import HostLoad, Scoreboard
from director.tally import bucket
from workers.poller import ALL_EDGES, BROKEN, ENDED, ERROR, WRITE, Poller
from workers.relay import Relay
from workers.services import Service, Services
from workers.session import NOBODY, UNIX_CLIENT, Session, Sessions, Side
from workers.sockopts import unread
from workers.waitqueue import WaitQueue

_STREAM = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_TCP_FASTOPEN_CONNECT = 30
_TCP, _QUICKACK, _UNIX = socket.IPPROTO_TCP, socket.TCP_QUICKACK, socket.AF_UNIX
_EINPROGRESS, _EAGAIN = errno.EINPROGRESS, errno.EAGAIN
_CALLED = (0, _EINPROGRESS, _EAGAIN)  # what `connect` says of a host that may answer
_read = os.read
_EARLY = 16 * 1024  # bytes of a client that are taken before it has a host
_FIRST_PACKET = 1200  # bytes that fit the first packet of a handshake anywhere
_RETICENT = 63  # clients that are not asked for early bytes, at the most, before one is
_FAR = 63  # calls of hosts that are not expected to be taken at once, at the most, before one is
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)

Client = tuple[int, Any]  # that was just accepted: descriptor, address
ReportFault = Callable[[int, Fault, str], None]  # host number, kind, cause in words


class Connector:
    """Connects the sessions of a worker to hosts."""

    def __init__(
        self,
        poller: Poller,
        sessions: Sessions,
        services: Services,
        board: Scoreboard,
        relay: Relay,
        report: ReportFault,
    ) -> None:
        self._poller = poller
        self._sessions = sessions
        self._services = services
        self._board = board
        self._relay = relay
        self._report = report
        # The addresses that the host had when it was called.
        self._connecting: dict[Session, Addresses] = {}  # oldest attempt first
        self._waiting: dict[Session, Addresses] = {}  # unix hosts with a full backlog
        self._spoken: dict[Session, int] = {}  # how many of the client's first bytes the call began with
        self._answered: list[tuple[Session, int, bytes]] = []  # descriptor of the host's, what it was not given yet
        self.queue = WaitQueue(poller, sessions, board, self._start)
        board.on_room = self.queue.room
        self.client_stage = self._on_client
        self.server_stage = self._on_server
        poller.abandon = self._abandon

    def begin(self, service: Service, clients: Iterable[Client]) -> None:
        """Find hosts for clients of a service; who can have none waits for a permit, or is closed.

        Each step is taken for all before the next: between two calls of the kernel the same
        lines take twice as long, and all are chosen before any is called.
        """
        waiting: list[Side] = []
        chosen: list[Session] = []
        early = self._early(service, clients)
        for fd, address in clients:
            session = self._sessions.begin(service, fd, address, self.client_stage)
            try:
                said = early.get(fd)
                if said:
                    session.early = said
                    session.client.received = len(said)
                if self.queue.holds(service) and self._wait(session):
                    waiting.append(session.client)
                elif self._choose(session) is not None:
                    chosen.append(session)
                else:
                    self._settle_for_less(session)
            except Exception as error:  # the event was the listener's, but it is this client whom a bug costs
                self._poller.crashed(session.client, error)
        for session in chosen:
            try:
                if self._called(session) or self._next_host(session):
                    waiting.append(session.client)
                else:
                    self._settle_for_less(session)
            except Exception as error:
                self._poller.crashed(session.client, error)
        self._poller.add_all(waiting)
        self._join()

    def _settle_for_less(self, session: Session) -> None:
        """It can have no host now."""
        if self._wait(session):
            self._poller.add(session.client.fd, session.client)
        else:
            self._end(session, "SC")

    def _start(self, session: Session) -> bool:
        """Find a host for one that waited. False: it must wait on."""
        try:
            return self._started(session)
        except Exception as error:  # or all who wait behind it would, too
            self._poller.crashed(session.client, error)
            return True

    def _started(self, session: Session) -> bool:
        before = session.waited
        session.waited += self._poller.now - session.waiting_since
        if self._is_let_go(session):
            self._end(session, "CC")
            return True
        if self._next_host(session):
            self._join()
            return True
        if session.end == "--" and self._may_wait(session):
            session.waited = before
            return False
        self._end(session, "SC")
        return True

    def _wait(self, session: Session) -> bool:
        """Queue for a permit. False: it would be in vain."""
        if session.end != "--" or not self._may_wait(session):
            return False
        if self._is_let_go(session):
            session.end = "CC"
            return False
        self.queue.join(session)
        return True

    def _is_let_go(self, session: Session) -> bool:
        """Whether it may not wait since it has ended its side: before it came to, or before the service said so."""
        return session.service.abort_on_close and bool(session.client.ready & ENDED)

    def _may_wait(self, session: Session) -> bool:
        """Whether it is for want of a permit that the session has no host."""
        scheduler, retries = session.service.scheduler, session.service.retries
        if scheduler is None or not self._board.permits.limits or not scheduler.crowded(session.tried or ()):
            return False
        return retries is None or not session.tried or len(session.tried) <= retries

    def _end(self, session: Session, state: str) -> None:
        if session.end == "--":
            session.end = state
        self._sessions.end(session)

    def _early(self, service: Service, clients: Iterable[Client]) -> dict[int, bytes]:
        """What clients have sent already, by descriptor, if most of the service speak so soon.

        The handshake with the host then goes along with these bytes, and the
        kernel need not tell us of them.
        """
        early = {}
        for fd, _ in clients:
            if service.silence > 0:
                service.silence -= 1
                continue
            try:
                early[fd] = said = _read(fd, _EARLY)
            except BlockingIOError:
                service.reticence = min(_RETICENT, 2 * service.reticence + 1)
                service.silence = service.reticence
            except OSError:
                pass  # the event that tells of it comes as soon as the socket is watched
            else:
                if said:
                    service.reticence = 0
        return early

    # -- choosing ----------------------------------------------------------------

    def _choose(self, session: Session) -> HostLoad | None:
        """The next host to try, which the session has from now on; None if there is none."""
        service = session.service
        if self._board.permits.limits and not self._board.permits.room(DIRECTOR, service.number, service.group):
            return None
        scheduler, tried, retries = service.scheduler, session.tried, service.retries
        if scheduler is None or (tried and retries is not None and len(tried) > retries):
            return None
        host = scheduler.choose(session.peer_address[0], tried or ())
        if host is None:
            return None
        self._board.acquire(host)
        session.host = host
        session.reason = scheduler.reason
        session.address = 0
        if tried:
            service.hosts_tally[host.number].retries += 1
        return host

    def _called(self, session: Session) -> bool:
        """Call the host that was chosen. False, and it has none, if that can't be, or is known by now to be in vain."""
        host = session.host
        assert host is not None
        if host.usable and self._attempt(session, host):
            return True
        self._board.release(host)
        session.host = None
        return False

    def _next_host(self, session: Session) -> bool:
        """Begin an attempt with the next host; False if there is none to try."""
        while self._choose(session) is not None:
            if self._called(session):
                return True
        return False

    def _attempt(self, session: Session, host: HostLoad) -> bool:
        """Try the addresses of a host from `session.address` on; False if none is left."""
        addresses, sources = self._services.addresses.get(host.number, ()), self._services.sources
        early, fault, cause = session.early, Fault.CONNECT_FAILED, "it has no address"
        while session.address < len(addresses):
            family, where = addresses[session.address]
            try:
                sock = Socket(family, _STREAM)
            except OSError:
                # Our own want of descriptors is not the host's fault.
                session.end = "RC"
                self._pass_over(session, host)
                return False
            spoken = False
            if sources and host.number in sources:
                fast_open, source = sources[host.number]
                if source and not call_from(sock, source):
                    sock.close()
                    fault, cause = Fault.CONNECT_FAILED, not_from(source)
                    session.address += 1
                    continue
                # Who has nothing to say yet would never begin the handshake, though the host may want to speak.
                spoken = fast_open and early is not None and len(early) <= _FIRST_PACKET
                if spoken:
                    sock.setsockopt(_TCP, _TCP_FASTOPEN_CONNECT, 1)
            if early is not None and family != _UNIX:
                # Have the last packet of the handshake wait for the first bytes.
                sock.setsockopt(_TCP, _QUICKACK, 0)
            code = sock.connect_ex(where)
            rest = None
            if early is not None and code == _EINPROGRESS:
                code, rest = self._speak(sock, early, session.service)
            elif spoken and code == 0:
                code = self._call_speaking(sock, session)
            if rest is not None:
                self._answered.append((session, sock.detach(), rest))
                return True
            if code in _CALLED:
                self._begun(session, sock.detach(), code, addresses)
                return True
            sock.close()
            if code in _OURS and (code != errno.EADDRNOTAVAIL or has_way(family, where)):
                session.end = "RC"
                self._pass_over(session, host)
                return False
            fault, cause = _kind(code), os.strerror(code)
            session.address += 1
        self._fail(session, host, fault, cause)
        return False

    def _call_speaking(self, sock: Socket, session: Session) -> int:
        """The host knows us: call it by the first bytes, which are kept for another until it has answered."""
        assert session.early is not None
        try:
            self._spoken[session] = sock.send(session.early)
        except BlockingIOError:
            pass  # called, without them
        except OSError as error:
            return error.errno or errno.EIO
        return _EINPROGRESS

    def _speak(self, sock: Socket, early: bytes, service: Service) -> tuple[int, bytes | None]:
        """Write to a host just called, if those of the service answer so soon.

        What is known of the call then, and if it was taken, what is left to write.
        A host on this machine has taken it before the kernel returns: no event needs to tell us.
        """
        if service.distance > 0:
            service.distance -= 1
            return _EINPROGRESS, None
        try:
            sent = sock.send(early)
        except BlockingIOError:
            service.farness = min(_FAR, 2 * service.farness + 1)
            service.distance = service.farness
            return _EINPROGRESS, None
        except OSError as error:
            return error.errno or errno.EIO, None
        service.farness = 0
        return 0, early[sent:]

    def _begun(self, session: Session, fd: int, code: int, addresses: Addresses) -> None:
        """A host was called, and will answer."""
        server = self._server(session, fd)
        server.watched = True
        if code == _EAGAIN:
            # A unix host whose backlog is full gives no event when there is room: ask again.
            self._waiting[session] = addresses
            return
        self._connecting[session] = addresses
        self._poller.add(fd, server, ALL_EDGES)

    def _server(self, session: Session, fd: int) -> Side:
        """The host's side of a session: a new one, or the one it had with another host."""
        session.connecting = self._poller.now
        session.end = "--"  # for want of something of ours another host may have been passed over
        client = session.client
        if client.peer is NOBODY:
            server = session.server = Side(session, fd, self.server_stage, False)
            server.peer, client.peer = client, server
        else:
            server = session.server
            server.fd = fd
            server.watched = False
        return server

    def _join(self) -> None:
        """Begin with those whose hosts had taken the call at once."""
        answered, self._answered = self._answered, []
        joined = []
        for session, fd, early in answered:
            if session.over:
                os.close(fd)
            else:
                joined.append((session, early, self._server(session, fd)))
        self._poller.add_all([server for _, _, server in joined])
        for session, early, server in joined:
            try:
                if not session.over:
                    self._connected(session, early)
            except Exception as error:
                self._poller.crashed(server, error)

    # -- what comes of it ----------------------------------------------------------

    def _on_server(self, server: Side, mask: int) -> None:
        session = server.session
        if mask & BROKEN:
            code = _socket_error(server.fd)
            if code:
                self._next_address(session, _kind(code), os.strerror(code))
                return
        if not mask & WRITE:
            return
        del self._connecting[session]
        spoken = self._spoken.pop(session, 0)
        self._connected(session, session.early[spoken:] if session.early else None)
        if mask != WRITE and server.peer is not NOBODY:
            server.stage(server, mask & ~WRITE)

    def _connected(self, session: Session, early: bytes | None) -> None:
        """The host took it; `early` is what it has not been given yet."""
        session.connected = session.active = now = self._poller.now
        host_tally = session.service.hosts_tally[session.host.number]  # type: ignore[union-attr]
        host_tally.total += 1
        host_tally.connect[bucket(now - session.connecting)] += 1
        relay, client, server = self._relay, session.client, session.server
        client.stage, server.stage = relay.first_stage, relay.stage
        session.early = None
        if early:
            relay.give(server, early)
        if client.ready and server.peer is not NOBODY:
            client.stage(client, client.ready)

    def _on_client(self, client: Side, mask: int) -> None:
        """The client does something while there is no host yet: remember it, or let it go."""
        client.ready |= mask & ~WRITE
        if mask & ENDED and self._is_gone(client.session, mask):
            self.abandon(client.session, "CC")

    def _is_gone(self, session: Session, mask: int) -> bool:
        """Whether a client that ended its side, or more, and has no host yet wants none any more."""
        if mask & ERROR or (mask & BROKEN and session.peer_address is not UNIX_CLIENT):
            return True  # a reset; reading the first bytes has taken its error away if it came before
        if not self.queue.has(session):
            return False
        if session.service.abort_on_close:
            return True
        # A unix client that left is told of as if it had been reset, but what it had sent is still there.
        return bool(mask & BROKEN) and not session.early and not unread(session.client.fd)

    def abandon(self, session: Session, state: str) -> None:
        """End it, wherever it is on its way to a host."""
        self._spoken.pop(session, None)
        self._connecting.pop(session, None)
        self._waiting.pop(session, None)
        self.queue.leave(session)
        session.end = state
        self._sessions.end(session)

    def _abandon(self, owner: object) -> None:
        session = getattr(owner, "session", None)  # none, if it is over
        if session is not None:
            self.abandon(session, "ID")

    def _next_address(self, session: Session, fault: Fault, cause: str) -> None:
        host = session.host
        assert host is not None
        self._spoken.pop(session, None)
        called = self._connecting.pop(session, None) or self._waiting.pop(session, ())
        addresses = self._services.addresses.get(host.number, ())
        self._poller.close(session.server.fd)
        session.server.fd = -1
        session.address += 1
        if called != addresses:
            self._pass_over(session, host)  # it is elsewhere now: that it was not there says nothing of it
        elif session.address < len(addresses):
            if self._attempt(session, host):
                self._join()
                return
        else:
            self._fail(session, host, fault, cause)
        self._board.release(host)
        session.host = None
        if session.end != "RC" and self._next_host(session):
            self._join()
            return
        if not self._wait(session):
            self._end(session, "sC" if fault is Fault.CONNECT_TIMEOUT else "SC")

    def _fail(self, session: Session, host: HostLoad, fault: Fault, cause: str) -> None:
        """This host is no good: others are asked from now on, for all clients unless it had accepted first."""
        self._pass_over(session, host)
        tally = session.service.hosts_tally[host.number]
        if fault is Fault.RESET:
            tally.fault(Fault.CONNECT_FAILED)  # it never had this client
        else:
            tally.fault(fault)
            self._services.suspect(host, self._poller.now)
        self._report(host.number, fault, cause)

    @staticmethod
    def _pass_over(session: Session, host: HostLoad) -> None:
        """The session asks others from now on."""
        if session.tried is None:
            session.tried = set()
        session.tried.add(host.number)

    def sweep(self) -> None:
        """A few times a second: attempts and waits that took too long, and unix hosts to ask again."""
        now = self._poller.catch_up()
        self._sessions.cuts.sweep()
        self.queue.sweep()
        for session in list(self._connecting):
            timeout = session.service.connect_timeout
            if now - session.connecting >= timeout:
                self._next_address(session, Fault.CONNECT_TIMEOUT, f"no answer in {timeout:g} s")
        for session in list(self._waiting):
            self._ask_again(session, now)

    def _ask_again(self, session: Session, now: float) -> None:
        host = session.host
        assert host is not None
        addresses = self._services.addresses.get(host.number, ())
        if session.address >= len(addresses):
            self._next_address(session, Fault.CONNECT_FAILED, "its address is gone")
            return
        server = session.server
        family, where = addresses[session.address]
        sock = Socket(family, _STREAM, 0, server.fd)
        code = sock.connect_ex(where)
        sock.detach()
        if code == errno.EAGAIN:
            if now - session.connecting >= session.service.connect_timeout:
                self._next_address(session, Fault.CONNECT_TIMEOUT, "its backlog stayed full")
        elif code in (0, errno.EISCONN):
            del self._waiting[session]
            self._connecting[session] = addresses
            self._poller.add(server.fd, server, ALL_EDGES)
        else:
            self._next_address(session, _kind(code), os.strerror(code))


def _kind(code: int) -> Fault:
    if code == errno.ECONNREFUSED:
        return Fault.CONNECT_REFUSED
    if code == errno.ECONNRESET:  # of one that had accepted, before we heard of that
        return Fault.RESET
    return Fault.CONNECT_TIMEOUT if code == errno.ETIMEDOUT else Fault.CONNECT_FAILED


def _socket_error(fd: int) -> int:
    sock = socket.socket(fileno=fd)
    try:
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    finally:
        sock.detach()
