"""One worker, from its birth to its end.

    BOOTING   loop, context and imports are made, then rights are given up
    SYNCING   the config came by the link, the state comes by the bus
    READY     said so; the master decides when it serves
    SERVING   accepts and relays
    DRAINING  accepts nothing more; ends with its last connection or at the deadline

Losing the master (end of the link) is an order to drain, too; of one that is being
replaced, once its successor accepts.
"""

from __future__ import annotations

import gc
import math
import os
import random
import resource
import time
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum

import gevent
import gevent.event

from director import logs, plugins
from director.config.edits import apply
from director.errors import ChildExit
from director.events import Event
from director.lifeline import Lifeline
from director.logtarget import LogSetup
from director.master.child import Birth
from director.messages import (
    Accept,
    Accepting,
    Amend,
    Applied,
    Configure,
    Drain,
    Heartbeat,
    Held,
    Hold,
    LogFile,
    LogLevel,
    Message,
    Paused,
    Ready,
    Rehouse,
    Release,
    Reopen,
    Reopened,
    Resume,
    Succession,
    Tally,
)
from director.outbox import Outbox
from director.scheduling.scoreboard import Scoreboard
from workers.acceptor import Acceptor
from workers.bus import Bus
from workers.closings import Closings
from workers.connector import Connector
from workers.connlog import ConnectionLog
from workers.pipe import Pipes
from workers.poller import Poller
from workers.questions import Questions
from workers.relay import Relay
from workers.roster import Roster
from workers.services import Services
from workers.session import Sessions, numbered_from
from workers.successor import Successor
from workers.tallies import Tallies

HEARTBEAT = 0.25  # seconds
_RESERVE = 32, 128  # descriptors for everything but sessions, at the least and at the most; a quarter in between
_PIPE_SHARE = 64  # of so many descriptors, two are for a pipe
_SYNC_PATIENCE = 5.0  # seconds to wait for the hub, then serve with what the config says
_LAST_WORDS = 3.0  # seconds for a hub to hear what was counted here, in which one that died has a successor
_HASTE = 0.5  # the same, once we are to be gone


class Stage(Enum):
    """How far a worker's life has got."""

    SYNCING = "syncing"
    READY = "ready"
    SERVING = "serving"
    DRAINING = "draining"


class Turn(Enum):
    """What moves it on."""

    SYNCED = "config and state are there"
    LISTEN = "got its listeners"
    DRAIN = "told to drain"


TRANSITIONS: Mapping[Stage, Mapping[Turn, Stage]] = {
    Stage.SYNCING: {Turn.SYNCED: Stage.READY, Turn.DRAIN: Stage.DRAINING},
    Stage.READY: {Turn.LISTEN: Stage.SERVING, Turn.DRAIN: Stage.DRAINING},
    Stage.SERVING: {Turn.LISTEN: Stage.SERVING, Turn.DRAIN: Stage.DRAINING},
    Stage.DRAINING: {Turn.DRAIN: Stage.DRAINING, Turn.SYNCED: Stage.DRAINING},
}


class Worker:
    """Wires the parts of a worker and carries out the master's orders."""

    def __init__(self, birth: Birth) -> None:
        self._birth = birth
        self._done = gevent.event.Event()
        self.stage = Stage.SYNCING
        hub = gevent.get_hub()
        hub.print_exception = logs.crash
        random_ = random.Random()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.poller = Poller(hub)
        self.board = Scoreboard()
        self.services = Services(self.board, random_, birth.incarnation)
        self.sessions = Sessions(self.poller, self.board, numbered_from(self.poller.now))
        self.relay = Relay(self.poller, self.sessions, Pipes(limit // _PIPE_SHARE))
        self.bus = Bus(birth.slot, birth.incarnation, self.board, self.services)
        self.sessions.report = self.bus.report
        self.connector = Connector(self.poller, self.sessions, self.services, self.board, self.relay, self.bus.report)
        least, most = _RESERVE
        reserve = max(least, min(most, limit // 4))
        capacity = max(1, (limit - reserve - 2 * (limit // _PIPE_SHARE)) // 2)
        self.acceptor = Acceptor(
            self.poller,
            self.sessions,
            self.services,
            self.connector,
            capacity,
            lambda paused: self._master.tell(Paused(paused)),
        )
        self._tallies = Tallies(birth.slot, birth.incarnation, self.services)
        self.bus.tally = self._tally
        self.bus.queue = self.connector.queue
        self.connector.queue.is_alone = lambda: self.bus.is_alone
        self.connector.queue.last_row = lambda: self.bus.sent
        self.bus.answer = Questions(
            birth.slot,
            self.services,
            self.board,
            Roster(birth.slot, self.services, self.sessions),
            Closings(self.sessions, self.connector),
        ).answer
        self.bus.on_synced = self._synced
        self._log: ConnectionLog | None = None
        self._log_connections(birth.connections, birth.logs)
        self._lag = 0.0
        self._due = math.inf  # when we are to be gone, by the monotonic clock
        self._outbox = Outbox()
        self._outbox.open()
        self._successor = Successor(hub.loop)
        self._master = Lifeline(birth.link, hub.loop, self._obey, self._orphaned)
        if birth.running is not None:
            self._obey(Configure(birth.running), ())

    # -- the link ----------------------------------------------------------------

    def run(self) -> int:
        """Work until told to end; returns the exit status."""
        gevent.spawn(self._beat)
        gevent.spawn(self._sweep)
        gevent.spawn(self._end_waits)
        gevent.spawn(self._end_idle)
        gevent.spawn_later(_SYNC_PATIENCE, self._synced)
        self._master.start()
        self._done.wait()
        if self._log is not None:
            self._log.close()
        self.bus.settle(max(_HASTE, min(_LAST_WORDS, self._due - time.monotonic())))
        self.bus.farewell()
        return ChildExit.DRAINED

    def _obey(self, message: Message, fds: tuple[int, ...]) -> None:
        match message:
            case Configure(running):
                first = self.services.running is None
                self.services.configure(running)
                self._master.tell(Applied(running.version))
                if first:
                    self.bus.start()
            case Amend(version, edits):
                assert self.services.running is not None
                self.services.configure(replace(apply(self.services.running, edits), version=version))
                self._master.tell(Applied(version))
            case Accept(listeners):
                if Turn.LISTEN not in TRANSITIONS[self.stage]:
                    for fd in fds:
                        os.close(fd)
                    return
                self.acceptor.accept(listeners, fds)
                if self.stage is Stage.READY:
                    self._master.tell(Accepting())
                self._turn(Turn.LISTEN)
            case Release(listeners):
                self.acceptor.release(listeners)
            case Hold():
                self.acceptor.hold()
                self.bus.send_row()
                self._master.tell(Held())
            case Resume():
                self.acceptor.resume()
            case Succession():
                self._successor.expect(fds[0])
            case Rehouse():
                folder, _lock = fds  # the lock is held for as long as its descriptor is open
                os.fchdir(folder)  # where the hub is found: its addresses are relative
                os.close(folder)
            case LogLevel(level, subsystem):
                logs.set_level(level, subsystem)
            case Reopen(files, setup, number):
                self._reopen(dict(zip(files, fds, strict=True)), setup)
                self._master.tell_when(self._has_moved, Reopened(number))
            case Drain(seconds):
                self._drain(seconds)
            case _:
                logs.error(Event.PROCESS_FAILED, reason=f"got {type(message).__name__}")

    def _reopen(self, files: dict[LogFile, int], setup: LogSetup | None) -> None:
        if LogFile.LOG in files:
            logs.moved(files[LogFile.LOG], setup)
        connections = files.get(LogFile.CONNECTIONS, -1)
        if self._log is None:
            self._log_connections(connections, setup)
            return
        if connections >= 0:
            self._log.reopen(connections, setup)
            os.close(connections)
        elif setup is not None:
            self.sessions.log = None
            self._log.end()
            self._log = None

    def _has_moved(self) -> bool:
        return logs.settled() and (self._log is None or self._log.sink.settled)

    def _log_connections(self, fd: int, setup: LogSetup | None) -> None:
        """Begin to, on a descriptor that is there; it is the log's from now on."""
        if fd >= 0 and setup is not None:
            self._log = ConnectionLog(fd, setup, self.poller, self.sessions)
            self.sessions.log = self._log.note

    def _turn(self, turn: Turn) -> None:
        self.stage = TRANSITIONS[self.stage][turn]

    def _synced(self) -> None:
        if self.stage is Stage.SYNCING and self.services.running is not None:
            self._turn(Turn.SYNCED)
            self._master.tell(Ready())

    # -- the end -------------------------------------------------------------------

    def _orphaned(self) -> None:
        running = self.services.running
        if self._successor.awaited and self.stage is Stage.SERVING and not self.acceptor.held and running is not None:
            self._successor.then(self._orphaned, running.config.upgrade_timeout)
            return
        seconds = running.config.orphan_timeout if running is not None else 0.0
        logs.warning(Event.PROCESS_ORPHANED, open=len(self.sessions.all), timeout=f"{seconds:g}s")
        self._drain(seconds)
        self._due = 0.0  # nobody bears another hub

    def _drain(self, seconds: float) -> None:
        first = self.stage is not Stage.DRAINING
        self._due = min(self._due, time.monotonic() + seconds)
        self._turn(Turn.DRAIN)
        if first:
            self.sessions.on_end = self._ended
            self.acceptor.close()
        gevent.spawn_later(seconds, self._cut)
        self._ended()

    def _cut(self) -> None:
        for session in list(self.sessions.all.values()):
            session.end = "KD"
            self.sessions.end(session)
        self._done.set()

    def _ended(self) -> None:
        if self.stage is Stage.DRAINING and not self.sessions.all:
            self._done.set()

    # -- by the clock ----------------------------------------------------------------

    def _beat(self) -> None:
        hub = gevent.get_hub()
        while True:
            self._master.tell(Heartbeat(self._lag, len(self.sessions.all)))
            due = hub.loop.now() + HEARTBEAT
            gevent.sleep(HEARTBEAT)
            self._lag = max(0.0, hub.loop.now() - due)

    def _sweep(self) -> None:
        rounds = 0
        while True:
            gevent.sleep(0.25)
            rounds += 1
            self.acceptor.sweep()
            self.services.warm_up()
            self._outbox.flush(self._master.tell)
            logs.tend()
            if self._log is not None:
                self._log.flush()
            if rounds % 4 == 0:
                self.services.sweep(self.poller.now)
                self.relay.pipes.sweep()

    def _end_waits(self) -> None:
        while True:
            gevent.sleep(self.services.waits_every)
            self.connector.sweep()

    def _end_idle(self) -> None:
        while True:
            gevent.sleep(self.services.idleness_every)
            self.sessions.sweep()

    def _tally(self, whole: bool) -> Tally:
        self.sessions.count()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        gauges = {
            "at": time.monotonic(),
            "open": len(self.sessions.all),
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "loop_lag_ms": round(self._lag * 1000, 3),
            "state_age_ms": round(self.bus.age * 1000, 1),
            "dropped": self.bus.dropped,
            "log_dropped": logs.trouble().dropped + (0 if self._log is None else self._log.sink.dropped),
        }
        return self._tallies.message(whole, gauges)


def main(birth: Birth) -> int:
    """A worker's life. Called in the child, once; returns its exit status."""
    gevent.get_hub()  # imports the rest of gevent, while we may still read it
    birth.settle()
    logs.aside()
    plugins.end_forks()
    worker = Worker(birth)
    # The relay's objects free themselves; what the collector finds is rare, and its passes are not.
    gc.collect()
    gc.freeze()
    return worker.run()
