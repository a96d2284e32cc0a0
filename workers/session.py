"""One connection of a client: its two sides, and what is known of it.

The session is also the lease on its host: `host` is counted in the scoreboard
from `connector` until `Sessions.end`, exactly once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from director.messages import Fault
from director.scheduling.scoreboard import HostLoad, Scoreboard
from director.tally import HostTally, bucket
from workers.cuts import Cuts
from workers.pipe import Pipe
from workers.poller import Poller
from workers.services import Service
from workers.sockopts import reset_when_closed, set_options, unsent

UNIX_CLIENT = ("unix", 0)  # one that has no address
_NUMBERS_A_SECOND = 100_000  # ten times what a worker can accept


class Side:
    """One socket of a session: the client's or the host's.

    fd: -1 once closed or before there is one. stage: who handles its events.
    received: bytes read from it. pending: bytes read from the peer that it did
    not take yet. ready: the events after which it may have more than we have
    read. ended: no more will come from it. shut: it was told that no more comes.
    dead: it can't take any more. streak: large reads in a row. watched: its
    events tell of room to write.
    """

    __slots__ = (
        "dead",
        "ended",
        "fd",
        "peer",
        "pending",
        "ready",
        "received",
        "session",
        "shut",
        "stage",
        "streak",
        "watched",
    )

    def __init__(self, session: Session, fd: int, stage: Callable[..., None], watched: bool) -> None:
        self.session = session
        self.fd = fd
        self.stage = stage
        self.watched = watched
        self.peer: Side = NOBODY
        self.received = 0
        self.pending: bytes | Pipe | None = None
        self.ready = 0
        self.ended = False
        self.shut = False
        self.dead = False
        self.streak = 0


def _nobody() -> Side:
    side = Side.__new__(Side)
    side.peer, side.fd, side.received, side.streak, side.ready = side, -1, 0, 0, 0
    side.ended = side.dead = side.shut = side.watched = False
    side.pending = None
    return side


def _ignore(side: Side, mask: int) -> None:
    """The stage of a side whose session is over."""


NOBODY = _nobody()  # the peer of a client that has no host yet, and of both sides once the session is over


class Session:
    """One client's connection. Times are monotonic seconds."""

    __slots__ = (
        "accepted",
        "active",
        "address",
        "client",
        "connected",
        "connecting",
        "counted_in",
        "counted_out",
        "early",
        "eased",
        "end",
        "host",
        "id",
        "over",
        "owed",
        "peer_address",
        "reason",
        "server",
        "service",
        "tried",
        "tuned",
        "unsent",
        "waited",
        "waiting_since",
    )

    def __init__(self, id: int, service: Service, peer_address: Any, now: float) -> None:
        self.id = id
        self.service = service
        self.peer_address = peer_address
        self.accepted = now
        self.active = now
        self.connecting = now  # when the attempt under way began
        self.connected = 0.0
        self.host: HostLoad | None = None
        self.address = 0  # which of the host's addresses is tried
        self.reason = ""  # who chose the host: the scheduler, or that the client is sticky
        self.tried: set[int] | None = None
        self.client = self.server = NOBODY
        self.counted_in = 0
        self.counted_out = 0
        self.end = "--"
        self.over = False
        self.tuned = False  # whether its sockets have the options of those that last
        self.eased = False  # ... and of those that carry much
        self.early: bytes | None = None  # what the client sent before it had a host
        self.owed = False  # the client spoke last
        self.waited = 0.0  # seconds, for permits, before it had this host
        self.waiting_since = now  # when it last began to wait for one
        self.unsent = -1  # bytes that the kernel still has to send for it, when we looked last; -1: look


def numbered_from(now: float) -> int:
    """The number before a worker's first session, when it begins at this time of the machine's clock.

    The clock counts faster than any worker accepts: so a number that an earlier worker of
    the slot has given away, also one of another generation, never means another session.
    """
    return int(now * _NUMBERS_A_SECOND)


class Sessions:
    """All sessions of this worker, numbered behind `last`; begins and ends them, counts them, ends idle ones."""

    def __init__(self, poller: Poller, board: Scoreboard, last: int = 0) -> None:
        self.poller = poller
        self.board = board
        self.cuts = Cuts(poller, board)
        self.all: dict[int, Session] = {}
        self._over: list[Session] = []
        poller.settle = self.settle
        self.on_end: Callable[[], None] | None = None
        self.log: Callable[[Session], None] | None = None  # the connection log
        self.report: Callable[[int, Fault, str], None] = lambda host, fault, cause: None  # a fault, to the hub
        self.drop: Callable[[Side], None] = lambda side: None  # frees what a side has pending
        self._last_id = last
        self._recent: dict[int, tuple[int, int]] = {}  # what each moved between the last two sweeps
        self._moving: dict[int, tuple[int, int]] = {}  # ... and since the last one, as far as it is counted
        self._swept, self._span = poller.now, 1.0

    def begin(self, service: Service, fd: int, address: Any, stage: Callable[..., None]) -> Session:
        """A client was accepted on `fd`."""
        self._last_id = number = self._last_id + 1
        session = Session(number, service, address, self.poller.now)
        session.client = Side(session, fd, stage, False)
        service.tally.total += 1
        service.open += 1
        self.all[number] = session
        return session

    def deny(self, service: Service, fd: int, address: Any) -> None:
        """A client was accepted that may not connect: counted and logged as any other, and reset.

        As HAProxy does: a RST is one packet, can't be taken for an empty answer, and leaves
        no TIME_WAIT with us for each of those who try again and again.
        """
        session = self.begin(service, fd, address, lambda side, mask: None)
        session.end = "PR"
        reset_when_closed(fd)
        self.end(session)

    def end(self, session: Session) -> None:
        """It is over: its sides are nobody's any more. Once; the rest is done by `settle`, at the end of the round."""
        if session.over:
            return
        session.over = True
        client, server = session.client, session.server
        client.peer = server.peer = NOBODY
        client.stage = server.stage = _ignore
        self._over.append(session)
        if not self.poller.turning:
            self.settle()
            self.poller.ask_for_turn()

    def settle(self) -> None:
        """Close what is open of those that are over, give back their leases and count them.

        Of many in a row: between two calls of the kernel the same takes twice as long.
        """
        while self._over:
            over, self._over = self._over, []
            for session in over:
                try:
                    self._settle(session)
                except Exception as error:
                    self.poller.crashed(None, error)
            if self.on_end is not None:
                self.on_end()

    def _settle(self, session: Session) -> None:
        service, host, client, server = session.service, session.host, session.client, session.server
        closing = self.poller.closing
        # Session and sides refer to each other; without that, memory is free at once.
        del client.session
        del self.all[session.id]
        closing.append(client.fd)
        if client.pending is not None:
            self.drop(client)
        log = self.log
        if log is not None:
            log(session)
        service.open -= 1
        if session.end != "--":
            self._count_failed(session)
        held = False
        if server is not NOBODY:
            del server.session
            if server.pending is not None:
                self.drop(server)
            if server.fd >= 0:
                # What the host has not ended itself, it may still count for a moment.
                if not (server.ended or server.dead) and self.board.permits.limits and host is not None:
                    held = self.cuts.hold(server.fd, host)
                if not held:
                    if client.dead and not server.shut:
                        reset_when_closed(server.fd)  # or half an upload looks whole to it
                    closing.append(server.fd)
        if host is not None:
            self.board.release(host, held)
            if session.connected:
                self._count_served(session, host)

    def _count_served(self, session: Session, host: HostLoad) -> None:
        """A host had it: what came of that."""
        service, received, sent = session.service, session.client.received, session.server.received
        tally, now = service.hosts_tally[host.number], self.poller.now
        self._count(session, tally, received, sent)
        tally.ended += 1
        if session.end == "SD":
            tally.fault(Fault.RESET)
            # One that said nothing may be dead behind a proxy; one that did may be tired of this client.
            if not sent and now - session.connected <= service.observe_window:
                self.report(host.number, Fault.RESET, "right after it had accepted")
        tally.session[bucket(now - session.accepted)] += 1

    def _count_failed(self, session: Session) -> None:
        """It did not end in peace: once, by end state, as the connection log has it."""
        service, host, end = session.service, session.host, session.end
        failed = service.tally.failed
        failed[end] = failed.get(end, 0) + 1
        if host is not None:
            failed = service.hosts_tally[host.number].failed
            failed[end] = failed.get(end, 0) + 1
        elif end != "CC":  # who left before it had a host was not refused
            service.tally.refused += 1

    def _count(self, session: Session, host_tally: HostTally, received: int, sent: int) -> None:
        tally = session.service.tally
        more_in, more_out = received - session.counted_in, sent - session.counted_out
        session.counted_in, session.counted_out = received, sent
        host_tally.bytes_in += more_in
        host_tally.bytes_out += more_out
        tally.bytes_in += more_in
        tally.bytes_out += more_out

    def _moves(self, session: Session, now: float) -> bool:
        """Whether bytes have gone since the last sweep, be it from the kernel's buffers alone.

        Those hold megabytes: a slow reader takes from them for longer than he may be idle,
        while we have nothing to read or write. Who has nothing left there is looked at once.
        """
        if session.active > self._swept:
            session.unsent = -1
            return True
        before = session.unsent
        if before:
            session.unsent = left = unsent(session.client.fd) + unsent(session.server.fd)
            if before > 0 and left != before:
                session.active = now
                return True
        return False

    def rates(self, session: Session) -> tuple[int, int]:
        """Bytes a second from the client and from the host, as of the last sweeps."""
        received, sent = self._recent.get(session.id, (0, 0))
        return round(received / self._span), round(sent / self._span)

    def count(self) -> None:
        """Count all bytes that sessions have moved: the hub is about to be told."""
        self._count_moved(self.poller.now)

    def _count_moved(self, now: float) -> None:
        for session in self.all.values():
            if not session.connected:
                continue
            received, sent = session.client.received, session.server.received
            if (received != session.counted_in or sent != session.counted_out) and session.host is not None:
                more_in, more_out = received - session.counted_in, sent - session.counted_out
                session.owed = not more_out
                before_in, before_out = self._moving.get(session.id, (0, 0))
                self._moving[session.id] = before_in + more_in, before_out + more_out
                self._count(session, session.service.hosts_tally[session.host.number], received, sent)
                session.active = now

    def sweep(self) -> None:
        """A few times a second: count the bytes of sessions that moved some, end those idle for too long."""
        now = self.poller.catch_up()
        idle = []
        self._count_moved(now)
        for session in self.all.values():
            if not session.connected:
                continue
            if not session.tuned:
                # Late, since short connections never need it.
                session.tuned = True
                set_options(session.client.fd, session.service.options)
                set_options(session.server.fd, session.service.options)
            timeout = session.service.idle_timeout
            if timeout and not self._moves(session, now) and now - session.active > timeout:
                idle.append(session)
        self._recent, self._moving = self._moving, {}
        self._span, self._swept = now - self._swept, now
        for session in idle:
            # The host's fault, if it owes an answer.
            session.end = "sD" if session.owed else "cD"
            self.end(session)
