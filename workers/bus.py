"""The worker's end of the state channel: its rows up, everybody's state down.

Messages may be lost; nothing here waits for one. A gap in the sequence, or a
new epoch (another hub), is healed by asking for a snapshot. Nothing here blocks.

A worker knows all that others do only once it hears what the hub publishes, too:
what is said between the snapshot and the subscription, it would not know of.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gevent
import gevent.event
import zmq

from director.channel import Channel
from director.errors import RemoteProtocolError
from director.framing import decode, encode_body
from director.messages import (
    Counted,
    Digest,
    FaultReport,
    Grants,
    Hello,
    Load,
    Message,
    Question,
    Reply,
    Resync,
    Slot,
    Snapshot,
    Sticks,
    Tally,
    Update,
)
from director.scheduling.pace import CALM, PER_PICK, Pace, shortest
from director.scheduling.scoreboard import Scoreboard
from workers.digest import digest
from workers.services import Services
from workers.streaks import Streaks
from workers.waitqueue import WaitQueue

ROWS, STATE = "ipc://rows", "ipc://state"  # in the generation's directory, our working directory
_QUIET = 0.2  # seconds between looks for what is to be told, while there can hardly be any
_ALONE = 0.04  # seconds from a change to its row, where only the hub wants to know
_HOP = 0.001  # seconds that a row takes to the other workers, besides the pauses
_WHOLE = 1.0  # seconds between whole rows
_ASK = 0.5  # seconds until a snapshot is asked for again; longer each time, since the hub may just be slow
_PATIENCE = 4.0  # seconds, the longest of these
_EARLY = 64  # of what was published last, kept until the snapshot is there
_JOIN = 0.1  # seconds between a snapshot and the first that is published after it
_AGAIN = 0.25  # seconds until the last tally is said again
_SILENCE = 2.5  # seconds without a word from the hub, not even a heartbeat: something was lost


class Bus:
    """Connects to the hub, whichever hub there is at the time."""

    def __init__(self, slot: Slot, incarnation: int, board: Scoreboard, services: Services) -> None:
        self.synced = False
        self.on_synced: Callable[[], None] = lambda: None  # the first time
        self._subscribed = False
        self.answer: Callable[[Question], Reply] = lambda question: Reply(question.id, None)
        self.tally: Callable[[bool], Tally] | None = None
        self._misunderstood = 0
        self._heard = time.monotonic()
        self._slot, self._incarnation = slot, incarnation
        self._board, self._services = board, services
        self._streaks = Streaks(services.hosts_tally)
        self._epoch, self._sequence, self._sent = "", 0, 0
        self._early: deque[Update] = deque(maxlen=_EARLY)
        self._context = context = zmq.Context()
        self._rows = context.socket(zmq.DEALER)
        self._state = context.socket(zmq.SUB)
        for socket in (self._rows, self._state):
            socket.linger = 0
            socket.reconnect_ivl = 50  # milliseconds
            socket.reconnect_ivl_max = 500
        self._state.subscribe(b"")
        self._state.connect(STATE)
        self._rows.connect(ROWS)
        self._loop = loop = gevent.get_hub().loop
        self._pace = Pace(PER_PICK)
        self._counted = gevent.event.Event()  # what there was to count here
        self._timer: Any = None  # until the next row may go, while there is something to tell
        board.on_news = self._news
        self.queue: WaitQueue | None = None  # the clients who wait for a permit
        self._queued: dict[int, int] = {}
        self._up = Channel(self._rows, loop, lambda parts: self._hear_from(parts, self._on_rows))
        self._down = Channel(self._state, loop, lambda parts: self._hear_from(parts, self._on_state))

    @property
    def dropped(self) -> int:
        """Messages that did not fit a queue or were not understood."""
        return self._up.dropped + self._misunderstood

    @property
    def sent(self) -> int:
        """The number of the last row."""
        return self._sent

    @property
    def age(self) -> float:
        """Seconds since the hub last said what it knows: how old the others' rows may be."""
        return time.monotonic() - self._heard

    @property
    def is_alone(self) -> bool:
        """Whether there is no hub that answers, by its heartbeats."""
        return not self.synced or self.age > _SILENCE

    def start(self) -> None:
        """Begin to talk."""
        gevent.spawn(self._flush)
        gevent.spawn(self._repeat)

    def send(self, message: Message) -> None:
        """To the hub; dropped and counted if it does not read."""
        self._up.send(encode_body(message))

    def report(self, host: int, fault: Any, reason: str) -> None:
        """A connect failed."""
        self.send(FaultReport(host, fault, reason, self._streaks.fault(host)))

    def settle(self, patience: float) -> None:
        """Have all counted that happened here, by the next hub if there is none now; blocks this greenlet as long."""
        deadline = time.monotonic() + patience
        tally = self.tally(True) if self.tally is not None else None
        if tally is None or not (tally.hosts or tally.services):
            return
        while not self._counted.is_set() and time.monotonic() < deadline:
            self.send(replace(tally, last=True))
            self._counted.wait(_AGAIN)

    def farewell(self) -> None:
        """The last rows of this worker; given a moment to leave."""
        self.send_row()
        self._up.close()
        self._down.close()
        self._context.destroy(linger=200)  # milliseconds

    def _ask(self) -> None:
        self.synced = False
        self.send(Hello(self._slot, self._incarnation, os.getpid()))

    def _hear_from(self, parts: list[bytes], handle: Callable[[Message], None]) -> None:
        try:
            handle(decode(parts[-1]))
        except RemoteProtocolError:
            self._misunderstood += 1  # from another version, say; the next snapshot heals

    def _on_rows(self, message: Message) -> None:
        match message:
            case Sticks(rows):
                self._services.stickies.hear(rows)
            case Snapshot():
                if self._epoch and message.epoch != self._epoch:
                    self._services.stickies.resend()  # another hub, which knows what its workers know
                # Updates published before the snapshot may still be on their way; they are older.
                self._epoch, self._sequence = message.epoch, message.sequence
                self._heard = time.monotonic()
                for slot in list(self._board.slots()):
                    self._board.forget(slot)
                self._hear(message.loads, whole=True)
                self._services.learn(message.targets, complete=True)
                self._services.fall_back(message.failed)
                self.synced = True
                self.send_row()
                self._catch_up()
            case Grants(allotments, full, heard):
                self._board.granted(allotments)
                if self.queue is not None:
                    self.queue.full(full, heard)
            case Question():
                self.send(self.answer(message))
            case Counted():
                self._counted.set()
            case Resync():
                self._ask()

    def _on_state(self, message: Message) -> None:
        if not isinstance(message, Update):
            return
        if not self.synced:
            self._early.append(message)
            return
        if message.epoch == self._epoch and message.sequence <= self._sequence:
            self._complete()  # it was on its way before the snapshot was; what follows comes, too
            return
        if message.epoch != self._epoch or message.sequence != self._sequence + 1:
            self._ask()
            return
        self._sequence = message.sequence
        self._heard = time.monotonic()
        self._hear(message.loads, whole=False)
        if message.targets:
            self._services.learn(message.targets)
            for target in message.targets:
                self._streaks.fault(target.host)  # of another worker's the hub tells by its verdict, changed or not
        if message.failed is not None:
            self._services.fall_back(message.failed)
        if message.sticks:
            self._services.stickies.hear(message.sticks)
        if message.question:
            self.send(Digest(self._slot, message.question, digest(self._slot, self._board, self._services)))
        self._complete()

    def _catch_up(self) -> None:
        """What was published after the snapshot may have overtaken it: they come by two ways."""
        early = [message for message in self._early if message.epoch == self._epoch]
        self._early.clear()
        for message in early:
            self._on_state(message)

    def _complete(self) -> None:
        if not self._subscribed:
            self._subscribed = True
            self.on_synced()

    def _hear(self, loads: dict[int, dict[int, int]], whole: bool) -> None:
        self._board.hear({slot: row for slot, row in loads.items() if slot != self._slot}, whole)
        self._board.heard = time.monotonic()
        # Rows of whole generations that retire (slots below 0) choose nobody, nor do workers that left.
        known = 1 + sum(slot >= 0 for slot in self._board.slots())
        running = self._services.running
        told = running.config.workers if running is not None else None
        self._board.workers = workers = min(known, told or known)
        self._pace.shortest = shortest(workers)

    def _news(self) -> None:
        """Something changed here; the others are told as soon as the pace allows."""
        if self._timer is None:
            # Alone there is nobody who would choose better for it.
            wait = self._pace.wait(time.monotonic()) if self._board.workers > 1 else _ALONE
            self._timer = self._loop.timer(wait)
            self._timer.start(self._tell_news)

    def _tell_news(self) -> None:
        self._timer.close()
        self._timer = None
        if self.synced:
            self._send_changes()

    def _flush(self) -> None:
        """What makes no news: permits, the queue, sticky clients, and that nothing happens any more."""
        board, stickies = self._board, self._services.stickies
        while True:
            gevent.sleep(CALM if board.permits.limits or stickies.tables or board.herd.wary else _QUIET)
            now = time.monotonic()
            if self.synced and now - self._pace.told_at >= CALM and self._pace.wait(now) <= 0.0:
                board.herd.calm()
                self._send_changes()

    def _send_changes(self) -> None:
        queued = self._count_waiting()
        changed, permits = self._board.changed(), self._board.permits.rows(whole=False)
        self._told(len(changed))
        if changed or permits or queued != self._queued:
            self._queued = queued
            self._sent += 1
            self.send(Load(self._slot, self._incarnation, self._sent, False, changed, permits, queued))
        if rows := self._services.stickies.take():
            self.send(Sticks(rows))

    def _told(self, entries: int) -> None:
        now, workers, herd = time.monotonic(), self._board.workers, self._board.herd
        self._pace.told(herd.picks * workers, now, entries)
        herd.told(now, workers - 1, self._pace.pause + _HOP)

    def _count_waiting(self) -> dict[int, int]:
        if self.queue is None:
            return {}
        self._board.permits.want(self.queue.wanted())
        return self.queue.lengths()

    def _repeat(self) -> None:
        rounds, pause = 0, _ASK
        while True:
            if not self.synced:
                self._ask()
                gevent.sleep(pause)
                pause = min(_PATIENCE, 2 * pause)
                continue
            pause = _ASK
            gevent.sleep(_WHOLE if self._subscribed else _JOIN)
            if self.age > _SILENCE or not self._subscribed:
                self._ask()
                continue
            rounds += 1
            self.send_row(rounds % 10 == 0)

    def send_row(self, tally_too: bool = True) -> None:
        """All that is open here, now, and what was counted; of that only what changed unless `tally_too`."""
        self._sent += 1
        self._queued = self._count_waiting()
        permits = self._board.permits.rows(whole=True)
        row = self._board.whole()
        self.send(Load(self._slot, self._incarnation, self._sent, True, row, permits, self._queued))
        self._told(len(row))
        for report in self._services.schedulings.reports():
            self.send(report)
        if self.tally is not None:
            self.send(self.tally(tally_too))
