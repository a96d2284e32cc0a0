"""The sessions of this worker, as rows: those that are asked for, a page at a time.

A page takes a few milliseconds, so that traffic never waits for a list; who
asks goes on behind the last session that a page got to. Ages and sizes are as
of the moment; rates are those of the last look at all sessions, half a second
ago at the most.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

from director.members import configured
from director.messages import Slot
from director.scheduling.sticky import StickyScheduler
from workers.services import Services
from workers.session import Session, Sessions

PAGE = 1_000  # sessions that are told at once: 2 ms
LOOK = 8_000  # sessions that are looked at for them
COLUMNS = (
    "session", "worker", "client", "port", "service", "group", "host", "state", "scheduler", "sticky", "tries",
    "failed", "waited_ms", "open_seconds", "idle_seconds", "bytes_in", "bytes_out", "rate_in", "rate_out",
)  # fmt: skip

Document = dict[str, Any]
Row = tuple[Any, ...]
Test = Callable[[Session, float], bool]


class Roster:
    """Tells of sessions, one or all that fit."""

    def __init__(self, slot: Slot, services: Services, sessions: Sessions) -> None:
        self._slot = slot
        self._services, self._sessions = services, sessions

    def page(self, args: Document) -> Document:
        """The first that fit behind the session `after`, and behind which one to go on; None: there are no more.

        Of `args`, "" and 0 ask for nothing: `service`, `group`, `host`, `client` (an
        address or network), `older` and `idle` (more than so many seconds), `bytes`
        (at least, both ways).
        """
        now, after = time.monotonic(), args["after"]
        tests = self._tests(args)
        rows: list[Row] = []
        looked = 0
        for number, session in self._sessions.all.items():
            if number <= after:
                continue
            if len(rows) == PAGE or looked == LOOK:
                return {"columns": COLUMNS, "rows": rows, "next": after}
            looked, after = looked + 1, number
            for test in tests:
                if not test(session, now):
                    break
            else:
                rows.append(self._row(session, now))
        return {"columns": COLUMNS, "rows": rows, "next": None}

    def one(self, number: int) -> Document | None:
        """What is known of this session."""
        session = self._sessions.all.get(number)
        return None if session is None else dict(zip(COLUMNS, self._row(session, time.monotonic()), strict=True))

    def _tests(self, args: Document) -> list[Test]:
        tests: list[Test] = []
        if service := args["service"]:
            tests.append(lambda session, now: bool(session.service.name == service))
        if args["group"] or args["host"]:
            wanted = {
                number
                for number, (group, name) in self._services.labels.items()
                if args["group"] in ("", group) and args["host"] in ("", name, configured(number, name))
            }
            tests.append(lambda session, now: session.host is not None and session.host.number in wanted)
        if client := args["client"]:
            tests.append(_from(client))
        if older := args["older"]:
            tests.append(lambda session, now: now - session.accepted >= older)
        if idle := args["idle"]:
            tests.append(lambda session, now: self._idle(session, now) >= idle)
        if least := args["bytes"]:
            tests.append(lambda session, now: sum(_moved(session)) >= least)
        return tests

    def _idle(self, session: Session, now: float) -> float:
        moved = _moved(session) != (session.counted_in, session.counted_out)
        return 0.0 if session.connected and moved else now - session.active

    def _row(self, session: Session, now: float) -> Row:
        """All there is to tell of a session. There may be ten thousand: a row costs 1.5 µs."""
        host, tried, accepted = session.host, session.tried, session.accepted
        received, sent = session.client.received, 0
        idle, rate_in, rate_out = now - session.active, 0, 0
        if session.connected:
            state = "connected"
            sent = session.server.received
            if received != session.counted_in or sent != session.counted_out:
                idle = 0.0
            rate_in, rate_out = self._sessions.rates(session)
        else:
            state = "waiting" if host is None else "connecting"
        if host is None:
            group, name = "", ""
            waited = session.waited + now - session.waiting_since
        else:
            group, name = self._services.labels[host.number]
            waited = session.waited
        reason = session.reason
        sticky = reason == StickyScheduler.STICKY
        return (
            f"{self._slot}-{session.id}",
            self._slot,
            session.peer_address[0],
            session.peer_address[1],
            session.service.name,
            group,
            name,
            state,
            self._scheduler_of(session) if sticky else reason,
            sticky,
            len(tried or ()) + (host is not None),
            self._names(tried) if tried else (),
            int(waited * 10_000) / 10,
            int((now - accepted) * 10) / 10,
            int(idle * 10) / 10,
            received,
            sent,
            rate_in,
            rate_out,
        )

    def _names(self, hosts: set[int]) -> list[str]:
        return ["/".join(self._services.labels[number]) for number in sorted(hosts)]

    def _scheduler_of(self, session: Session) -> str:
        assert session.host is not None
        scheduler = self._services.group_scheduler(session.host.group)
        return "" if scheduler is None else scheduler.name


def _moved(session: Session) -> tuple[int, int]:
    """Bytes from the client, and from the host."""
    return session.client.received, session.server.received if session.connected else 0


def _from(client: str) -> Test:
    if "/" not in client:
        return lambda session, now: bool(session.peer_address[0] == client)
    network = ip_network(client, strict=False)

    def within(session: Session, now: float) -> bool:
        try:
            return ip_address(session.peer_address[0]) in network
        except ValueError:
            return False  # by a unix socket

    return within
