"""The connection log: a line for each connection that ended.

As text in the order of HAProxy's tcplog,

    client:port [accept date] service group/host Tw/Tc/Tt bytes state ac/fc/sc/hc/retries 0/0

where Tw, Tc and Tt are milliseconds of waiting, of connecting and in all (-1:
never came so far), bytes those sent to the client, state HAProxy's two letters,
and the counts are connections of this worker, of the service (twice: HAProxy
has frontend and backend) and to the host. Or the same as one JSON object.

Lines are put together for a moment and handed to a sink; a line costs 2 µs in
either form, the sink's share included (`python -m tests.bench.connlog`).
"""

from __future__ import annotations

import json
import os
import time
from functools import lru_cache

from director import logs
from director.loglines import LOCAL0, heading
from director.logtarget import LogSetup, Wrapping
from director.sink import Sink
from workers.poller import Poller
from workers.session import Session, Sessions

_BATCH = 256  # lines that are handed on at once, if a flush did not come before


class ConnectionLog:
    """Writes sessions to a descriptor. `flush` wants to be called a few times a second."""

    def __init__(self, fd: int, setup: LogSetup, poller: Poller, sessions: Sessions) -> None:
        assert setup.connections is not None
        self.sink = Sink(fd, setup.connections)
        self._poller = poller
        self._sessions = sessions
        self._rows: list[tuple[object, ...]] = []  # of which lines are made together
        self._offset = time.time() - time.monotonic()  # wall clock - poller's
        self._use(setup)

    def _use(self, setup: LogSetup) -> None:
        self._setup = setup
        self._row, self._line, self._date = (
            (self._json, _JSON, _json_date) if setup.format == "json" else (self._text, _TEXT, _text_date)
        )
        self._stamps: dict[float, str] = {}  # of clients accepted at the same time there are many

    def note(self, session: Session) -> None:
        """One that ends now; its counts still include it."""
        service = session.service
        if service.unlogged:
            if service.log_errors:
                if session.end == "--":
                    return
            elif not service.log_every or not service.is_sample():
                return
        row = self._row
        self._rows.append(row(session))
        if len(self._rows) >= _BATCH:
            self._hand_on()

    def flush(self) -> None:
        """Write what has come together."""
        if self._rows:
            self._hand_on()
        self._offset = time.time() - time.monotonic()
        logs.tell_trouble("connections", self.sink.trouble)

    def reopen(self, fd: int, setup: LogSetup | None = None) -> None:
        """What is written from now on goes there, and looks so; `fd` stays the caller's."""
        self.flush()
        if setup is not None:
            self._use(setup)
        self.sink.move(fd, self._setup.connections)

    def close(self) -> None:
        """The last lines."""
        self.flush()
        self.sink.close()

    def end(self) -> None:
        """The last lines, while the process goes on."""
        self.flush()
        self.sink.leave()

    def _hand_on(self) -> None:
        lines = list(map(self._line.__mod__, self._rows))
        self._rows.clear()
        self._stamps.clear()
        target = self._setup.connections
        if target is not None and target.wrapping is not Wrapping.PLAIN:
            head = heading(
                target.wrapping, LOCAL0, "info", time.time(), os.getpid(), self._setup.hostname, "connection"
            )
            lines = [head + line for line in lines]
        self.sink.put("".join(lines).encode(errors="backslashreplace"))

    def _stamp(self, accepted: float) -> str:
        """When that was, to the millisecond."""
        at = accepted + self._offset
        second = int(at)
        stamp = self._stamps[accepted] = f"{self._date(second)}.{int((at - second) * 1000):03d}"
        return stamp

    def _text(self, session: Session) -> tuple[object, ...]:
        service, host, address, accepted = session.service, session.host, session.peer_address, session.accepted
        if session.connected:
            connect, sent = int((session.connected - session.connecting) * 1000), session.server.received
        else:
            connect, sent = -1, 0
        if host is None:
            place, open_ = service.nobody, 0
            queue = int(session.waited * 1000) if session.waited else -1
        else:
            place, open_ = service.labels[host.number], host.own + host.others
            queue = int(session.waited * 1000)
        tried = session.tried
        return (
            address[0],
            address[1],
            self._stamps.get(accepted) or self._stamp(accepted),
            _words(service.name, place),
            queue,
            connect,
            int((self._poller.now - accepted) * 1000),
            sent,
            session.end,
            len(self._sessions.all) + 1,
            service.open,
            service.open,
            open_,
            len(tried) if tried else 0,
        )

    def _json(self, session: Session) -> tuple[object, ...]:
        # As json.dumps writes it, in a third of the time: only names may need quotes and backslashes.
        service, host, address, accepted = session.service, session.host, session.peer_address, session.accepted
        if host is None:
            place, open_ = _place(service.nobody[0], None), 0
            queue = int(session.waited * 1000) if session.waited else -1
        else:
            place = _place(*service.labels[host.number])
            queue, open_ = int(session.waited * 1000), host.own + host.others
        if session.connected:
            connect = int((session.connected - session.connecting) * 1000)
            received, sent = session.client.received, session.server.received
        else:
            connect, received, sent = -1, 0, 0
        tried = session.tried
        return (
            address[0],
            address[1],
            self._stamps.get(accepted) or self._stamp(accepted),
            _quoted(service.name),
            place,
            queue,
            connect,
            int((self._poller.now - accepted) * 1000),
            received,
            sent,
            session.end,
            len(self._sessions.all) + 1,
            service.open,
            open_,
            len(tried) if tried else 0,
        )


# A row and a form make a line in C; %s is quicker than %d.
_TEXT = "%s:%s [%s] %s %s/%s/%s %s %s %s/%s/%s/%s/%s 0/0\n"
_JSON = (
    '{"client": "%s", "client_port": %s, "accepted": "%sZ", "service": %s, %s, "queue_ms": %s, "connect_ms": %s, '
    '"total_ms": %s, "bytes_in": %s, "bytes_out": %s, "end": "%s", "worker_open": %s, "service_open": %s, '
    '"host_open": %s, "retries": %s}\n'
)


@lru_cache(maxsize=8)
def _text_date(second: int) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S", time.localtime(second))


@lru_cache(maxsize=8)
def _json_date(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


_quoted = lru_cache(maxsize=1024)(json.dumps)


@lru_cache(maxsize=4096)
def _place(group: str, name: str | None) -> str:
    return f'"group": {json.dumps(group)}, "host": {json.dumps(name)}'


@lru_cache(maxsize=4096)
def _words(service: str, place: tuple[str, str]) -> str:
    """Two words of a line: names of an ancestor's file may have blanks, which would be more."""
    return " ".join(word.replace(" ", "_") for word in (service, "/".join(place)))
