"""The hub as a worker of another hub: that of the generation which took over.

What this generation's workers still have open, and all that they ever counted,
is one row there. Rows are absolute and are sent again and again, so a lost one
heals; whoever is upstream changes with every upgrade that follows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

import gevent
import gevent.event
import zmq

from control.bus import ROWS
from control.limits import Limits
from control.totals import Totals
from director.channel import Channel
from director.errors import RemoteProtocolError
from director.framing import decode, encode_body
from director.messages import Counted, Grants, Hello, Load, Message, Question, Reply, Resync, Slot
from director.scheduling.permits import Row

_LOOK = 0.02  # seconds between looks at whether something changed
_WHOLE = 1.0  # seconds between rows when nothing did
_AGAIN = 0.25  # seconds until the last tally is said again

State = tuple[dict[int, int], dict[int, Row], dict[int, int]]  # connections open, permits, clients waiting


class Upstream:
    """Reports to the hub in `directory` under this slot and incarnation what `totals` and `limits` know.

    `answer` is what it says to questions, and may block. `save` is called before it tells a count, which may not fall.
    """

    def __init__(
        self,
        directory: str,
        slot: Slot,
        incarnation: int,
        totals: Totals,
        limits: Limits,
        answer: Callable[[Question], Reply],
        save: Callable[[], bool],
    ) -> None:
        self._slot, self._incarnation = slot, incarnation
        self._totals, self._limits = totals, limits
        self._answer = answer
        self._save = save
        self._sequence = time.monotonic_ns()  # grows over all the upstreams that there were
        self._counted = gevent.event.Event()  # what there was to count here
        self._sent: State | None = None
        self._sent_at = 0.0
        self._context = context = zmq.Context()
        self._socket = context.socket(zmq.DEALER)
        self._socket.linger = 0
        # A generation's directory lies beside ours; the way by `..` is short, as a socket's path must be.
        self._socket.connect(ROWS.replace("//", f"//../{os.path.basename(directory)}/"))
        self._channel = Channel(self._socket, gevent.get_hub().loop, self._hear)
        self._hello()
        self._greenlet = gevent.spawn(self._run)

    def settle(self, patience: float) -> None:
        """Have all counted that was counted here, by the next hub there if there is none now; blocks as long."""
        deadline = time.monotonic() + patience
        last = replace(self._totals.summary(self._slot, self._incarnation), last=True)
        while not self._counted.is_set() and time.monotonic() < deadline:
            self.say(last)
            self._counted.wait(_AGAIN)

    def close(self) -> None:
        """The last rows; given a moment to leave."""
        self._greenlet.kill(block=False)
        self.send()
        self._channel.close()
        self._context.destroy(linger=100)  # milliseconds

    def send(self) -> None:
        """All there is, now."""
        self._sequence += 1
        self._sent, self._sent_at = self._state(), gevent.get_hub().loop.now()
        self.say(Load(self._slot, self._incarnation, self._sequence, True, *self._sent))
        self._save()
        self.say(self._totals.summary(self._slot, self._incarnation))

    def _state(self) -> State:
        return self._totals.row_of_all(), self._limits.rows(), self._totals.queued_of_all()

    def _run(self) -> None:
        loop = gevent.get_hub().loop
        while True:
            if self._state() != self._sent or loop.now() - self._sent_at >= _WHOLE:
                self.send()
            gevent.sleep(_LOOK)

    def _hello(self) -> None:
        self.say(Hello(self._slot, self._incarnation, os.getpid()))

    def say(self, message: Message) -> None:
        """Anything else that whoever decides should know; dropped if it does not read."""
        self._channel.send(encode_body(message))

    def _hear(self, parts: list[bytes]) -> None:
        try:
            message = decode(parts[-1])
        except RemoteProtocolError:
            return  # it is of another version; what we have to say it will understand
        match message:
            case Resync():
                self._hello()
                self._sent = None
            case Question():
                gevent.spawn(lambda: self.say(self._answer(message)))
            case Counted():
                self._counted.set()
            case Grants(grants):
                self._limits.granted(grants)
