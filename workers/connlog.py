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
        self._setup = setup
        self._poller = poller
        self._sessions = sessions
        self._line = self._json if setup.format == "json" else self._text
        self._lines: list[str] = []
        self._offset = time.time() - time.monotonic()  # wall clock - poller's
        self._second = -1
        self._date = ""

    def note(self, session: Session) -> None:
        """One that ends now; its counts still include it."""
        service = session.service
        if service.unlogged:
            if service.log_errors:
                if session.end == "--":
                    return
            elif not service.log_every or not service.is_sample():
                return
        self._lines.append(self._line(session))
        if len(self._lines) >= _BATCH:
            self._hand_on()

    def flush(self) -> None:
        """Write what has come together."""
        self._offset = time.time() - time.monotonic()
        if self._lines:
            self._hand_on()
        logs.tell_trouble("connections", self.sink.trouble)

    def reopen(self, fd: int, setup: LogSetup | None = None) -> None:
        """What is written from now on goes there, and looks so; `fd` stays the caller's."""
        self.flush()
        if setup is not None:
            self._setup = setup
            self._second = -1
            self._line = self._json if setup.format == "json" else self._text
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
        lines, self._lines = self._lines, []
        target = self._setup.connections
        if target is not None and target.wrapping is not Wrapping.PLAIN:
            head = heading(
                target.wrapping, LOCAL0, "info", time.time(), os.getpid(), self._setup.hostname, "connection"
            )
            lines = [head + line for line in lines]
        self.sink.put("".join(lines).encode(errors="backslashreplace"))

    def _text(self, session: Session) -> str:
        service, host = session.service, session.host
        accepted, address = session.accepted, session.peer_address
        at = accepted + self._offset
        second = int(at)
        if second != self._second:
            self._second = second
            self._date = time.strftime("%d/%b/%Y:%H:%M:%S", time.localtime(second))
        if session.connected:
            connect = int((session.connected - session.connecting) * 1000)
            sent = session.server.received
        else:
            connect, sent = -1, 0
        if host is None:
            place, open_ = service.nobody, 0
            queue = int(session.waited * 1000) if session.waited else -1
        else:
            place, queue, open_ = service.labels[host.number], int(session.waited * 1000), host.own + host.others
        return (
            f"{address[0]}:{address[1]} [{self._date}.{int((at - second) * 1000):03d}] {_words(service.name, *place)} "
            f"{queue}/{connect}/{int((self._poller.now - accepted) * 1000)} {sent} {session.end} "
            f"{len(self._sessions.all) + 1}/{service.open}/{service.open}/{open_}/"
            f"{len(session.tried) if session.tried else 0} 0/0\n"
        )

    def _json(self, session: Session) -> str:
        # As json.dumps writes it, in a third of the time: only names may need quotes and backslashes.
        service, host, address = session.service, session.host, session.peer_address
        accepted = session.accepted
        at = accepted + self._offset
        second = int(at)
        if second != self._second:
            self._second = second
            self._date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
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
        return (
            f'{{"client": "{address[0]}", "client_port": {address[1]}, '
            f'"accepted": "{self._date}.{int((at - second) * 1000):03d}Z", '
            f'"service": {_quoted(service.name)}, {place}, '
            f'"queue_ms": {queue}, "connect_ms": {connect}, "total_ms": {int((self._poller.now - accepted) * 1000)}, '
            f'"bytes_in": {received}, "bytes_out": {sent}, "end": "{session.end}", '
            f'"worker_open": {len(self._sessions.all) + 1}, "service_open": {service.open}, "host_open": {open_}, '
            f'"retries": {len(session.tried) if session.tried else 0}}}\n'
        )


_quoted = lru_cache(maxsize=1024)(json.dumps)


@lru_cache(maxsize=4096)
def _place(group: str, name: str | None) -> str:
    return f'"group": {json.dumps(group)}, "host": {json.dumps(name)}'


@lru_cache(maxsize=4096)
def _words(service: str, group: str, name: str) -> str:
    """Two words of a line: names of an ancestor's file may have blanks, which would be more."""
    return f"{service.replace(' ', '_')} {group.replace(' ', '_')}/{name.replace(' ', '_')}"
