"""What a line of the connection log costs: `python -m tests.bench.connlog`.

The real log notes real sessions, to a file that takes everything. All
processor time of the process counts, so that of the thread that writes, too.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack

from director.logtarget import LogSetup, LogTarget, Wrapping
from tests.waiting import until
from tests.workers.plant import Plant, accepted, listening
from workers.connlog import ConnectionLog
from workers.session import Session

LINES = 200_000
TURN = 2_000  # lines between two looks at what is written
ROUNDS = 5  # the quickest counts: the others had company
MUST_US = 3.0


def microseconds(form: str, lines: int = LINES, rounds: int = ROUNDS) -> float:
    """Processor time for a line, in this form."""
    plain = LogTarget(Wrapping.PLAIN)
    with listening() as host, ExitStack() as stack:
        plant = Plant([host.getsockname()])
        clients = [stack.enter_context(plant.connect()) for _ in range(50)]
        hosts = [stack.enter_context(accepted(host)) for _ in clients]
        for client, server in zip(clients, hosts, strict=True):
            client.sendall(b"question")
            server.sendall(b"a long answer")
        sessions = list(plant.sessions.all.values())
        until(lambda: all(session.connected and session.server.received for session in sessions))
        fd = os.open(os.devnull, os.O_WRONLY)
        log = ConnectionLog(fd, LogSetup("info", form, plain, plain, "lb1"), plant.poller, plant.sessions)
        best = min(_round(log, sessions, lines) for _ in range(rounds))
        assert log.sink.dropped == 0
        log.close()
        os.close(fd)
        plant.close()
    return best / lines * 1e6


def _round(log: ConnectionLog, sessions: list[Session], lines: int) -> float:
    began = time.process_time()
    for start in range(0, lines, TURN):
        for number in range(start, start + TURN):
            log.note(sessions[number % len(sessions)])
        log.flush()
        while log.sink.waiting:
            time.sleep(0.001)  # as in life, where the thread that writes has its turn
    return time.process_time() - began


if __name__ == "__main__":
    for form in ("text", "json"):
        cost = microseconds(form)
        print(f"connection log, {form}: {cost:.2f} µs of processor time a line (at most {MUST_US:g})")
