"""Sessions that are ended at somebody's word: the hub asks which there are, and says which to close.

It asks all workers before it chooses, since who is idle for longest may be
anywhere. The order is that of `director.scheduling.drain`.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from director.addresses import place
from director.scheduling.drain import first, rank
from workers.connector import Connector
from workers.session import Sessions

Document = dict[str, Any]


class Closings:
    """What a worker offers for closing, and closes."""

    def __init__(self, sessions: Sessions, connector: Connector) -> None:
        self._sessions = sessions
        self._connector = connector

    def offer(self, args: Document) -> Document:
        """The first `most` to close of those with these `hosts`, and the `count` of all there are.

        Only those that were accepted `before` (monotonic, None: now), and that go to one of `places`, if there are any.
        """
        now = time.monotonic()
        hosts, places, before = frozenset(args["hosts"]), frozenset(args["places"]), args["before"]
        offers = [
            (*rank(now, session.accepted, session.active), session.id)
            for session in self._sessions.all.values()
            if session.host is not None
            and session.host.number in hosts
            and (before is None or session.accepted <= before)
            and (not places or _place(session.server.fd) in places)
        ]
        return {"offers": first(offers, args["most"]), "count": len(offers)}

    def close(self, args: Document) -> Document:
        """Close these `sessions`, if they are still there; `end` is their end state. Tells how many it were."""
        closed = 0
        for number in args["sessions"]:
            session = self._sessions.all.get(number)
            if session is None:
                continue
            if session.host is not None:
                session.service.hosts_tally[session.host.number].closed += 1
            # What a side did before, and why, is less than that it was closed by us.
            at = "Q" if session.host is None else "D" if session.connected else "C"
            self._connector.abandon(session, args["end"][0] + at)
            closed += 1
        return {"closed": closed}


def _place(fd: int) -> str:
    """Where a host's connection goes; "" while it goes nowhere yet."""
    if fd < 0:
        return ""
    sock = socket.socket(fileno=fd)
    try:
        return place(sock.getpeername())
    except OSError:
        return ""
    finally:
        sock.detach()
