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

from director.messages import Slot
from director.scheduling.sticky import StickyScheduler
from workers.services import Services
from workers.session import Session, Sessions

PAGE = 400  # sessions that are told at once: 3 ms
LOOK = 4_000  # sessions that are looked at for them

Document = dict[str, Any]
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
        rows: list[list[Any]] = []
        columns: list[str] = []
        looked = 0
        for number, session in self._sessions.all.items():
            if number <= after:
                continue
            if len(rows) == PAGE or looked == LOOK:
                return {"columns": columns, "rows": rows, "next": after}
            looked, after = looked + 1, number
            if all(test(session, now) for test in tests):
                told = self.told(session, now)
                columns = columns or list(told)
                rows.append(list(told.values()))
        return {"columns": columns, "rows": rows, "next": None}

    def one(self, number: int) -> Document | None:
        """What is known of this session."""
        session = self._sessions.all.get(number)
        return None if session is None else self.told(session, time.monotonic())

    def _tests(self, args: Document) -> list[Test]:
        tests: list[Test] = []
        if service := args["service"]:
            tests.append(lambda session, now: bool(session.service.name == service))
        if args["group"] or args["host"]:
            wanted = {
                number
                for number, label in self._services.labels.items()
                if args["group"] in ("", label.partition("/")[0]) and args["host"] in ("", label.partition("/")[2])
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

    def told(self, session: Session, now: float) -> Document:
        """All there is to tell of a session."""
        host, service = session.host, session.service
        waited = now - session.accepted if host is None else session.waited
        names = self._services.labels
        label = "" if host is None else names.get(host.number, host.name)
        connected = session.connected
        received, sent = _moved(session)
        rate_in, rate_out = self._sessions.rates(session)
        sticky = session.reason == StickyScheduler.STICKY
        return {
            "session": f"{self._slot}-{session.id}",
            "worker": self._slot,
            "client": session.peer_address[0],
            "port": session.peer_address[1],
            "service": service.name,
            "group": label.partition("/")[0],
            "host": label.partition("/")[2],
            "state": "connected" if connected else "waiting" if host is None else "connecting",
            "scheduler": self._scheduler_of(session) if sticky else session.reason,
            "sticky": sticky,
            "tries": len(session.tried or ()) + (host is not None),
            "failed": [names.get(number, str(number)) for number in sorted(session.tried or ())],
            "waited_ms": round(waited * 1000, 1),
            "open_seconds": round(now - session.accepted, 1),
            "idle_seconds": round(self._idle(session, now), 1),
            "bytes_in": received,
            "bytes_out": sent,
            "rate_in": rate_in,
            "rate_out": rate_out,
        }

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
