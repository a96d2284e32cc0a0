"""The hub's end of the state channel: rows in, everybody's state out.

Only the hub binds: a process that binds an ipc socket is aborted by ZeroMQ when
it runs out of descriptors, and that must never happen to a worker. What changed
is collected and published as its pace allows; every message carries the epoch
(this hub) and a sequence number, and a heartbeat goes out each second, so that
a worker notices what it missed and asks for a snapshot.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import gevent
import zmq

from director.channel import Channel
from director.errors import RemoteProtocolError
from director.framing import decode, encode_body
from director.messages import Message, Resync, Snapshot, Target, Update
from director.scheduling.pace import PER_ENTRY, Pace, shortest

ROWS, STATE = "ipc://rows", "ipc://state"
_HEARTBEAT = 1.0  # seconds
_REST = 0.04  # seconds without a look at what workers say, at the most

Hear = Callable[[bytes, Message], None]


class Bus:
    """Binds the two sockets of a generation. `hear(identity, message)` gets what workers send."""

    def __init__(self, hear: Hear) -> None:
        self.epoch = uuid.uuid4().hex[:12]
        self.sequence = 0
        self._misunderstood = 0
        self._lost = 0
        self._hear = hear
        self._targets: dict[int, Target] = {}  # changed, not published yet
        self._loads: dict[int, dict[int, int]] = {}
        self._sticks: dict[int, list[Any]] = {}
        self._failed: dict[int, list[str]] | None = None  # all, if there is news of them
        self._question = 0
        self._pace = Pace(PER_ENTRY)
        self._beating: gevent.Greenlet | None = None
        self._timer: Any = None  # until what changed may be published
        self._context = context = zmq.Context()
        self._rows = context.socket(zmq.ROUTER)
        self._state = context.socket(zmq.PUB)
        for socket in (self._rows, self._state):
            socket.linger = 0
        self._rows.bind(ROWS)
        self._state.bind(STATE)
        self._loop = loop = gevent.get_hub().loop
        # What would only wait to be published may wait for us as well; among it may be a fault, which would not.
        self._in = Channel(self._rows, loop, self._hear_from, lambda: min(self._pace.pause, _REST))

    @property
    def dropped(self) -> int:
        """Messages that did not fit a queue or were not understood."""
        return self._in.dropped + self._lost + self._misunderstood

    def pace(self, workers: int) -> None:
        """So many workers hear of each other."""
        self._pace.shortest = shortest(workers)

    def start(self) -> None:
        """Let workers know that there is a hub, also when there is nothing to publish."""
        self._beating = gevent.spawn(self._beat)

    def stop(self) -> None:
        """Publish and hear nothing more."""
        if self._beating is not None:
            self._beating.kill()
        if self._timer is not None:
            self._timer.close()
        self._in.close()
        self._context.destroy(linger=0)

    def target(self, target: Target) -> None:
        """Tell all workers of a verdict or an address."""
        self._targets[target.host] = target
        self._news()

    def load(self, slot: int, changed: dict[int, int]) -> None:
        """Tell all workers of entries of one worker's row."""
        if changed:
            self._loads.setdefault(slot, {}).update(changed)
            self._news()

    def failed(self, failed: dict[int, list[str]]) -> None:
        """Tell all workers of schedulers that failed, all of them; others are in use, or tried again."""
        self._failed = dict(failed)
        self._news()

    def sticks(self, rows: dict[int, list[Any]]) -> None:
        """Tell all workers of clients and their hosts."""
        for group, facts in rows.items():
            self._sticks.setdefault(group, []).extend(facts)
            self._news()

    def ask(self) -> int:
        """Ask all workers for their digests, at this point of what they hear; returns the question's number."""
        self._question = self.sequence + 1
        self.flush()
        return self.sequence

    def snapshot(
        self,
        identity: bytes,
        targets: tuple[Target, ...],
        loads: dict[int, dict[int, int]],
        failed: dict[int, list[str]] | None = None,
    ) -> None:
        """Answer one worker's Hello with all there is."""
        # What waits to be published is in the snapshot already; to send it again does no harm.
        self.tell(identity, Snapshot(self.epoch, self.sequence, targets, loads, failed or {}))

    def tell(self, identity: bytes, message: Message) -> None:
        """To one worker; dropped if it is gone or does not read."""
        self._in.send(identity, encode_body(message))

    def resync(self, identity: bytes) -> None:
        """Have one worker begin anew."""
        self.tell(identity, Resync(self.epoch))

    def _hear_from(self, parts: list[bytes]) -> None:
        try:
            self._hear(parts[0], decode(parts[-1]))
        except RemoteProtocolError:
            self._misunderstood += 1

    def _beat(self) -> None:
        while True:
            rest = self._pace.told_at + _HEARTBEAT - time.monotonic()
            if rest <= 0.0:
                self.flush()
                rest = _HEARTBEAT
            gevent.sleep(rest)

    def _news(self) -> None:
        if self._timer is None:
            self._timer = self._loop.timer(self._pace.wait(time.monotonic()))
            self._timer.start(self._publish)

    def _publish(self) -> None:
        if self._targets or self._loads or self._sticks or self._failed is not None:
            self.flush()
        self._timer.close()
        self._timer = None

    def flush(self) -> None:
        """Publish what waits, now."""
        targets, self._targets = tuple(self._targets.values()), {}
        loads, self._loads = self._loads, {}
        sticks, self._sticks = self._sticks, {}
        failed, self._failed = self._failed, None
        question, self._question = self._question, 0
        self.sequence += 1
        self._pace.told(sum(map(len, loads.values())), time.monotonic())
        update = Update(self.epoch, self.sequence, targets, loads, sticks, failed, question)
        try:
            self._state.send(encode_body(update), zmq.DONTWAIT)
        except zmq.Again:
            self._lost += 1  # all workers see the gap
