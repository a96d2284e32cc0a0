"""The hub: one process that knows what all workers do, and answers for them.

Owns the state of the scheduler over all workers, verdicts and addresses, and
serves the control socket. Traffic never waits for it: when it dies, workers go
on with the last they heard, and its successor begins with what lies in the
memory file.
"""

from __future__ import annotations

import gc
import itertools
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import gevent
import gevent.event
import gevent.queue
import gevent.threadpool

# What commands and checks import by need: all is imported before our rights go.
import control.consequences
import control.prometheus
import control.script  # noqa: F401
import director.admission
import director.config.scribe  # noqa: F401
from control.baseline import Baseline
from control.bus import Bus
from control.chronicle import Chronicle
from control.closing import Closing
from control.digests import Digests
from control.downlist import Downlist
from control.drains import Drains, Key
from control.edition import Edition
from control.estate import Estate
from control.failback import Failback
from control.fallbacks import Fallbacks
from control.history import History
from control.limits import Limits
from control.memory import COUNTS, EVENTS, LEDGER, OFFSPRING, Memory
from control.offspring import Offspring
from control.prober import Prober
from control.questions import Questions
from control.rendition import Renditions
from control.resolver import Resolver
from control.retries import Retries, Tried
from control.reunion import Reunion
from control.roster import Roster
from control.sampler import Sampler
from control.server import Server
from control.stats import Report, of_service, summary
from control.totals import Totals
from control.turn import let_others
from control.upstream import Upstream
from control.verdicts import Verdicts
from director import logs
from director.addresses import Addresses
from director.config.departures import KILLED
from director.config.edits import apply
from director.config.lookup import find_service
from director.config.model import Config, Host
from director.config.turnover import groups_of
from director.errors import ChildExit, RefusedError
from director.events import Event
from director.lifeline import Lifeline
from director.master.child import Birth
from director.members import Expansion, Members
from director.messages import (
    Actor,
    Amend,
    Answer,
    Applied,
    ApplyConfig,
    Configure,
    ControlSockets,
    Counted,
    Deciding,
    Digest,
    Drain,
    DrainsOver,
    FaultReport,
    FileWeights,
    Grants,
    HandedOver,
    HandOver,
    Happened,
    Heartbeat,
    Hello,
    Introduce,
    Kind,
    Load,
    LogFile,
    LogLevel,
    Message,
    Open,
    Order,
    Processes,
    ProcessInfo,
    Progress,
    Question,
    Ready,
    Reaped,
    Reload,
    Reopen,
    Reopened,
    Reply,
    Request,
    Running,
    SaveConfig,
    SchedulerFailed,
    Sticks,
    Surrender,
    TakeOver,
    Tally,
    Target,
    is_peer,
)
from director.places import control_socket
from director.scheduling.sticky import Stickies
from director.version import VERSION
from director.witness import blamed_by

HEARTBEAT = 0.25  # seconds
_LAST_WORDS = 3.0  # seconds for another hub to hear what was counted here, in which one that died has a successor
_READ_ON = 0.25  # seconds that a dead worker's last rows may take
_SAVE = 0.25  # seconds between two looks for anything else to write down
_SLICE = 500  # hosts that the stats tell of at once: 10 ms
_FRESH = 1.0  # seconds for which the stats are told again, at the most
_ANSWER = 5.0  # seconds for the master to answer
_COUNTING = 1.0  # seconds for it to tell which processes there are


class _Outdated(Exception):
    """The config changed while something was told of all of it."""


class Hub:
    """Wires the parts of the hub and carries out the master's orders."""

    version = VERSION

    def __init__(self, birth: Birth, downlist: Downlist) -> None:
        self._birth, self._downlist = birth, downlist
        self._done = gevent.event.Event()
        self._counted = gevent.event.Event()  # the master has told which processes there are
        self._ready = False
        self._requests: dict[int, gevent.event.AsyncResult[Answer]] = {}
        self._last_request = time.monotonic_ns()  # answers to a hub that died before us are none of ours
        self._processes: tuple[ProcessInfo, ...] = ()
        self._started_at = time.monotonic()
        self._lag = 0.0
        self.chronicle = Chronicle(Memory(birth.memory, EVENTS))
        logs.listen(self.chronicle.add)
        self._peers: dict[bytes, int] = {}  # {identity on the bus: incarnation}
        self._asking: dict[bytes, int] = {}  # those of them who want to be told all there is
        self._leaving: list[bytes] = []  # those who go once what they did is counted
        self.running = Running(0, Config())
        self.arranged = self.running  # as names make it
        self._expansion = Expansion()
        self._regrouped: Members = {}  # the members that workers were told of
        self.totals = Totals()
        self.sampler = Sampler(birth.memory, self.totals, lambda: self.arranged.config)
        self.stickies = Stickies(relays=True)
        self.reunion = Reunion()
        self.baseline = Baseline()
        self._file_weights: dict[int, float] = {}  # of hosts that have another
        self.fallbacks = Fallbacks()
        self.limits = Limits(Memory(birth.memory, LEDGER), self._grant, self.totals)
        self._watching: dict[int, gevent.queue.SimpleQueue[Progress | Answer]] = {}
        self._standby = birth.standby  # another hub decides, until we are told to take over
        self._upstream: Upstream | None = None  # the hub that took over from this one
        self.bus = Bus(self._hear)
        self.digests = Digests(self.bus.ask)
        self.resolver = Resolver(self._moved, self._arrange)
        self.questions = Questions(self.bus.tell)
        self.closing = Closing(self.questions, self._identities, self.totals.holders)
        generation = os.path.basename(birth.directory)
        self.roster = Roster(self.questions, self._seats, birth.ordinal, generation)
        self.drains = Drains(self.totals.open, self.resolver.addresses, self.closing, self._drains_over)
        self.verdicts = Verdicts(
            lambda number: self.resolver.addresses.get(number, ()),
            self.bus.target,
            self._tell_verdict,
            Random(),
            self.resolver.origin,
            self.resolver.places,
        )
        self.offspring = Offspring(Memory(birth.memory, OFFSPRING))
        self.prober = Prober(gevent.get_hub().loop, self.verdicts.job, self.verdicts.outcome, self.offspring)
        self.verdicts.agenda = self.prober
        self.retries = Retries(self.resolver, self.verdicts.retry)
        self.verdicts.when_up = Failback(self._close_backups).is_up
        self.estate = Estate(
            Memory(birth.memory),
            Memory(birth.memory, COUNTS),
            birth.ordinal,
            self.totals,
            self.verdicts,
            self.fallbacks,
            self.resolver,
            self.drains,
            self.stickies,
            self.limits,
            lambda: self._decides,
        )
        self._is_new = not self.estate.inherit(birth.left, self.reunion)
        if self._is_new and not birth.standby and birth.left < 0:
            self.verdicts.expect(downlist.load())  # nobody was before us
        self._edition = Edition(self._told, lambda took: min(took, _FRESH))
        self.server = Server(birth.control, self, birth.owner, place=control_socket(os.path.dirname(birth.directory)))
        gevent.get_hub().print_exception = logs.crash
        # Without a master there is nobody to be a hub for.
        self._master = Lifeline(birth.link, gevent.get_hub().loop, self._obey, self._done.set)
        if birth.running is not None:
            self._configure(birth.running)

    # -- the link ----------------------------------------------------------------

    def run(self) -> int:
        """Work until told to end; returns the exit status."""
        gevent.spawn(self._beat)
        self._master.start()
        self._done.wait()
        self.prober.stop()
        self.server.stop()
        self.estate.save(counts=True)
        self._save_down()
        self.chronicle.save()
        if self._upstream is not None:
            self._upstream.settle(_LAST_WORDS)
            self._upstream.close()
        self.bus.stop()
        return ChildExit.DRAINED

    def _obey(self, message: Message, descriptors: tuple[int, ...]) -> None:
        match message:
            case Reopen(files, setup, number):
                for kind, fd in zip(files, descriptors, strict=True):
                    if kind is LogFile.LOG:
                        logs.moved(fd, setup)
                    else:
                        os.close(fd)
                self._master.tell_when(logs.settled, Reopened(number))
            case LogLevel(level, subsystem):
                logs.set_level(level, subsystem)
            case Configure(running):
                self._configure(running)
            case Amend(version, edits):
                self._configure(replace(apply(self.running, edits), version=version))
                if self.fallbacks.chosen_again(edits):
                    self.bus.failed(self.fallbacks.failed)
                    self.bus.flush()  # before whoever chose it is answered
            case Processes(processes):
                self._processes = processes
                self._counted.set()
                alive = {process.incarnation for process in processes if process.pid}
                newest = max((number for number in alive if not is_peer(number)), default=0)
                for incarnation in (self.totals.rows.keys() | self.limits.ledger.peers.keys()) - alive:
                    # One born after this message was written is none of the dead, nor is a generation that
                    # reports to us before our master counts it among these: it does when we take over.
                    if incarnation < newest and not (self._standby and is_peer(incarnation)):
                        self._reaped(incarnation)
            case Reaped(_, incarnation):
                self._reaped(incarnation)
            case TakeOver():
                self._take_over(descriptors[0])
            case HandOver():
                self._hand_over(message)
            case Answer(id=number) | Progress(id=number) if number in self._watching:
                self._watching[number].put(message)
            case Answer(id=number):
                waiting = self._requests.pop(number, None)
                if waiting is not None:
                    waiting.set(message)
            case Progress():
                pass  # whoever was told of it is gone with the hub that was asked
            case Introduce():
                for descriptor in descriptors:
                    self.server.adopt(descriptor)
            case ControlSockets(paths):
                self.server.serve(dict(zip(paths, descriptors, strict=True)))
            case FileWeights(weights):
                self._file_weights = weights
            case Surrender():
                self.server.surrender()
            case Happened():
                self.chronicle.add(message)
            case Drain():
                self._done.set()
            case _:
                logs.error(Event.PROCESS_FAILED, reason=f"got {type(message).__name__}")

    def _configure(self, running: Running) -> None:
        self.running = running
        self.resolver.want(running, Verdicts.names)
        self._arrange()
        self._master.tell(Applied(running.version))
        if not self._ready:
            self._ready = True
            self._begin()

    def _arrange(self) -> None:
        """Work by the config and by the members that names have now."""
        self.arranged = self._expansion.expand(self.running, self.resolver.members)
        self.verdicts.configure(self.arranged)
        self.stickies.configure(self.arranged.config)
        self.totals.own(self.arranged.config)
        if self._upstream is None:
            self.limits.configure(self.arranged.config, ours=not self._standby)
        if self.fallbacks.configure(self.arranged):
            self.bus.failed(self.fallbacks.failed)
        self.drains.arrange(self.arranged, self.resolver.members)
        if self._regrouped is not self.resolver.members:
            self._regrouped = self.resolver.members
            for target in self._parents():
                self.bus.target(target)

    def _moved(self, number: int, before: Addresses) -> None:
        """A host has other addresses than before."""
        self.verdicts.moved(number)
        self.drains.move(number, before)

    def _parents(self) -> tuple[Target, ...]:
        """Hosts whose members stand for them."""
        return tuple(Target(number, False, (), members=found) for number, found in self.resolver.members.items())

    def _begin(self) -> None:
        self.offspring.end_orphans()
        self.bus.start()
        self.resolver.start()
        if not self._standby and self._is_new and self._birth.left >= 0:
            self._take_over(self._birth.left)  # the hub before us died before it had written down what was left to it
        elif not self._standby:
            self.sampler.start(self._birth.memory)
            self._serve()
        gevent.spawn(self._keep)
        gevent.spawn(self.chronicle.keep)
        gevent.spawn(self.drains.run)
        self._master.tell(Ready())

    def _serve(self) -> None:
        self._downlist.load()  # whoever decided before us has gone on with it
        self.drains.deciding = True
        self.resolver.start()
        self.prober.start()
        gevent.spawn(self._open_doors)
        self._master.tell(Deciding())

    def _open_doors(self) -> None:
        # The master's word is on its way: who asks before it is here would hear that there are no workers.
        self._counted.wait(_COUNTING)
        if self._upstream is None:
            self.server.start()

    # -- generations -----------------------------------------------------------------

    def _hand_over(self, order: HandOver) -> None:
        """Another hub decides from now on; this one only reports to it what its workers have."""
        if self._upstream is None:
            self.server.pause()
            self.prober.pause()
            self.resolver.pause()
            self.sampler.stop()
            self.drains.deciding = False
            if not self.estate.bequeath():
                self._master.tell(HandedOver("our hub can't write down what it knows; see the log"))
                return  # and will be told to take over again
            self.chronicle.save()
            self.totals.drop_peers()
            self.limits.hand_over()
            self.questions.passing_on = True
        else:
            self._upstream.close()
            self.limits.redirect()
        peer = order.slot, order.incarnation
        self._upstream = Upstream(order.directory, *peer, self.totals, self.limits, self._answer, self.estate.save)
        self.chronicle.tell = self._upstream.say
        self._master.tell(HandedOver())

    def _take_over(self, memory: int) -> None:
        """Decide from now on, and begin with what the hub in this memory file knew."""
        if self._upstream is not None:
            self._upstream.close()
            self._upstream = None
            self.questions.passing_on = False
        self.chronicle.take_over(Memory(memory, EVENTS))
        self._standby = False
        if self.estate.take_over(memory, self.arranged.config):
            self.bus.sticks(self.stickies.take(sys.maxsize))
            for row in self.totals.rows.values():
                self.bus.load(row.slot, dict(row.open))
            self.bus.failed(self.fallbacks.failed)
            self.bus.flush()
        self.sampler.start(memory)
        os.close(memory)
        self.estate.dirty = True
        self.estate.save()
        self._serve()

    def _answer(self, question: Question) -> Reply:
        """For the hub that took over: what our workers say."""
        return self.roster.answer(question) or self.closing.answer(question)

    @property
    def _decides(self) -> bool:
        """Whether this hub does, and not one of another generation."""
        return self._upstream is None and not self._standby

    def _is_elsewhere(self, incarnation: int) -> bool:
        """Whether another hub counts that row: other generations report to who decides."""
        return self._upstream is not None and is_peer(incarnation)

    def _beat(self) -> None:
        while True:
            self._master.tell(Heartbeat(self._lag, log_dropped=logs.trouble().dropped))
            due = time.monotonic() + HEARTBEAT
            gevent.sleep(HEARTBEAT)
            self._lag = max(0.0, time.monotonic() - due)

    # -- the bus -------------------------------------------------------------------

    def _hear(self, identity: bytes, message: Message) -> None:
        match message:
            case Hello(slot, incarnation):
                if self.totals.row(slot, incarnation) is None:
                    return
                if self.stickies.tables and self.reunion.must_wait(incarnation, time.monotonic()):
                    gevent.spawn_later(_READ_ON, self._hear, identity, message)
                    return
                self.reunion.seen(incarnation, time.monotonic())
                self._peers[identity] = incarnation
                self.bus.pace(len(self._peers))
                if not self._asking:
                    gevent.spawn(self._welcome)
                self._asking[identity] = incarnation
            case Load(incarnation=incarnation) | Tally(incarnation=incarnation) if self._is_elsewhere(incarnation):
                pass
            case Load(slot, _, _, _):
                if identity not in self._peers:
                    self.bus.resync(identity)
                changed = self.totals.load(message, time.monotonic(), time.time())
                self.bus.load(slot, changed)
                self.limits.heard(message)
                self.estate.dirty = self.estate.dirty or bool(changed)
            case Tally():
                self.totals.tally(message, time.monotonic())
                if message.last:
                    if not self._leaving:
                        gevent.spawn(self._let_go)
                    self._leaving.append(identity)
            case Sticks(rows):
                self.stickies.hear(rows)
                self.bus.sticks(self.stickies.take(sys.maxsize))
            case Reply():
                self.questions.hear(message)
            case SchedulerFailed():
                self._fall_back(message)
            case Digest():
                self.digests.hear(message)
            case FaultReport() if self._upstream is not None:
                self._upstream.say(message)
            case FaultReport(host, fault, reason, well) if self._decides:
                self.verdicts.fault(host, fault, reason, well)
            case FaultReport():
                pass  # whoever decides leaves us its own verdicts
            case Happened():
                self.chronicle.hear(message)
            case _:
                logs.error(Event.PROCESS_FAILED, reason=f"a worker sent {type(message).__name__}")

    def _welcome(self) -> None:
        """Tell those who asked all there is.

        Who has waited for long has asked many times, and each answer goes over all hosts: it gets one, or we would
        never come to the end of the questions that came meanwhile.
        """
        asking, self._asking = self._asking, {}
        loads = {row.slot: dict(row.open) for row in self.totals.rows.values()}
        targets = (*self.verdicts.targets(), *self._parents())
        for identity, incarnation in asking.items():
            if self._peers.get(identity) != incarnation:
                continue  # dead and buried
            for rows in self.stickies.batches():
                self.bus.tell(identity, Sticks(rows))
            self.bus.snapshot(identity, targets, loads, self.fallbacks.failed)
            self.limits.join(incarnation)
        self.bus.flush()  # so that they see at once that they hear what is published

    def _let_go(self) -> None:
        """Nobody says it again: it is saved before. Where that can't be done they ask again, for a while."""
        leaving, self._leaving = self._leaving, []
        if self.estate.save():
            for identity in leaving:
                self.bus.tell(identity, Counted())

    def _tell_verdict(self) -> None:
        # Saved before: workers go on by it though we die in this moment, and so must who comes next.
        self.estate.save_at_once()
        self.bus.flush()

    def _grant(self, incarnation: int, grants: Grants) -> None:
        for identity, known in self._peers.items():
            if known == incarnation:
                self.bus.tell(identity, grants)

    def _fall_back(self, message: SchedulerFailed) -> None:
        if self.fallbacks.hear(message):
            self.bus.failed(self.fallbacks.failed)

    def _reaped(self, incarnation: int) -> None:
        self.limits.vacate(incarnation)
        if (died_of := blamed_by(incarnation)) is not None:
            self._fall_back(died_of)  # at once: the next client may take another worker along
        gevent.spawn_later(_READ_ON, self._bury, incarnation)

    def _bury(self, incarnation: int) -> None:
        self.reunion.seen(incarnation, time.monotonic())
        self.limits.leave(incarnation)
        for identity, known in self._peers.items():
            if known == incarnation:
                self.questions.gone(identity)
        self._peers = {identity: known for identity, known in self._peers.items() if known != incarnation}
        row = self.totals.bury(incarnation)
        self.estate.dirty = True
        if row is not None:
            # The slot's next worker speaks of its own connections only; those of this one are gone.
            successors = [other for other in self.totals.rows.values() if other.slot == row.slot]
            self.bus.load(row.slot, {number: sum(one.open.get(number, 0) for one in successors) for number in row.open})

    def _keep(self) -> None:
        rounds = 0
        while True:
            gevent.sleep(_SAVE)
            self.estate.save()
            self._save_down()
            logs.tend()
            self.stickies.sweep(time.monotonic())
            self.limits.look()
            rounds += 1
            if rounds % 4 == 0:
                self.limits.repeat()

    def _save_down(self) -> None:
        if self._decides and self._ready:
            self._downlist.save(self.verdicts.down, self.verdicts.changes)

    # -- for commands ---------------------------------------------------------------

    @property
    def history(self) -> History:
        """The last hour of each service."""
        return self.sampler.history

    def outages(self) -> list[dict[str, Any]]:
        """Of hosts, those that are over; the last one last."""
        return list(self.verdicts.past)

    def retry(self, host: Host) -> list[Tried]:
        """Test a host now; blocks this greenlet."""
        return self.retries.retry(host)

    def _close_backups(self, hosts: Iterable[int], end: str) -> int:
        return self.closing.close_all(hosts, end) if self._decides else 0

    def out(self, service: str = "", group: str = "") -> tuple[int, ...]:
        """The hosts of a group, or of all, that get nothing now, though they might: down, or without an address."""
        groups = groups_of([one for one in self.running.config.services if service in ("", one.name)])
        hosts = (host.number for one in groups if group in ("", one.name) for host in one.hosts)
        return tuple(number for number in hosts if not any(map(self.verdicts.serves, self._places(number))))

    def _places(self, number: int) -> tuple[int, ...]:
        """A host, and what it stands for."""
        return number, *(member.number for member in self.resolver.members.get(number, ()))

    def close_host(self, number: int, label: str, actor: Actor) -> int:
        """Close what a host, or each place that it stands for, has at this moment; blocks this greenlet."""
        closed = self.closing.close_all(self._places(number), KILLED)
        logs.info(Event.CONNECTIONS_CLOSED, of=label, by=actor.name, closed=closed)
        return closed

    def forget_sticky(self, group: int, client: str | None) -> int:
        """Let a client of a group, or all, get a host as if new; returns how many were known."""
        count = self.stickies.tables[group].clear(client, time.monotonic())
        self.bus.sticks(self.stickies.take(sys.maxsize))
        self.bus.flush()
        return count

    def clear_counters(self, everything: bool) -> None:
        """Forget peaks; with `everything`, count anew for the line dialect."""
        self.totals.forget_peaks(time.time())
        if everything:
            self.baseline.set(self._told())

    def worker_digests(self) -> dict[int, str]:
        """What each worker says its digest is, by slot; waits for all for up to a second."""
        slots = {process.slot for process in self._processes if process.kind is Kind.WORKER and process.pid}
        return self.digests.collect(slots)

    def ask_worker(self, topic: str, args: dict[str, Any], slot: int | None = None) -> dict[str, Any] | None:
        """What one worker knows, or the one of this slot; None if it is nothing, or none answers."""
        return self.questions.ask_one(self._workers(slot), topic, args)

    def _workers(self, slot: int | None = None) -> list[bytes]:
        """The identities on the bus of the living, or of the one in this slot."""
        rows = self.totals.rows
        return [
            identity
            for identity, incarnation in self._peers.items()
            if incarnation in rows and slot in (None, rows[incarnation].slot)
        ]

    def _seats(self) -> dict[bytes, tuple[int, int]]:
        """The same with incarnations and slots."""
        rows = self.totals.rows
        return {one: (incarnation, rows[incarnation].slot) for one, incarnation in self._identities().items()}

    def _identities(self) -> dict[bytes, int]:
        """Who is on the bus, with incarnations: workers, and hubs of generations that retire."""
        return {identity: self._peers[identity] for identity in self._workers()}

    def _drains_over(self, over: tuple[Key, ...]) -> None:
        self._master.tell(Request(0, Actor("director", "the hub"), DrainsOver(over)))

    def processes(self) -> tuple[ProcessInfo, ...]:
        """All processes as the master sees them."""
        return self._processes

    def stats(self) -> dict[str, Any]:
        """The stats, as the interface describes them; who asks at about the same time gets the same. Blocks."""
        return self._edition.current()

    @property
    def renditions(self) -> Renditions:
        """The stats as they are sent."""
        return self._edition.renditions

    def outdated(self) -> None:
        """Something was changed, which the next stats must show."""
        self._edition.outdated()

    def summary(self) -> dict[str, Any]:
        """The stats without services, of this moment."""
        self.estate.save(counts=True)
        return summary(self._report())

    def service_stats(self, name: str) -> dict[str, Any]:
        """Of the stats, a service, of this moment. Raises UsageError."""
        self.estate.save(counts=True)
        return of_service(self._report(), find_service(self.arranged.config, name))

    def _told(self) -> dict[str, Any]:
        """The stats anew. Nobody is told a count that could be lost.

        Of thousands of hosts they take a while: checks, permits and all else get their turn meanwhile.
        """
        self.estate.save(counts=True)
        return {**summary(self._report()), "services": list(self._services_told())}

    def _services_told(self) -> Iterator[dict[str, Any]]:
        """Each service that there was when we began, as it is when its turn comes."""
        arranged, told = self.arranged, itertools.count(1)

        def turn() -> None:
            if next(told) % _SLICE == 0:
                let_others()
                if self.arranged is not arranged:
                    raise _Outdated

        report, current = self._report(turn), {one.number: one for one in arranged.config.services}
        for number in list(current):
            if number in current:
                try:
                    service = of_service(report, current[number])
                except _Outdated:
                    arranged = self.arranged
                    report, current = self._report(turn), {one.number: one for one in arranged.config.services}
                    if number not in current:
                        continue
                    service = of_service(self._report(), current[number])
                yield service

    def open_connections(self) -> Open:
        """The services that have connections, and how many."""
        counts = ((one.name, self.totals.open.get(one.number, 0)) for one in self.arranged.config.services)
        return tuple((name, count) for name, count in counts if count)

    def _report(self, turn: Callable[[], None] = lambda: None) -> Report:
        return Report(
            version=self.version,
            generation=os.path.basename(self._birth.directory),
            uptime=time.monotonic() - self._started(),
            node=os.uname().nodename,
            descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            running=self.arranged,
            totals=self.totals,
            fallbacks=self.fallbacks,
            processes=self._processes,
            health=self.verdicts.document,
            unresolved=self._unresolved,
            group=self.verdicts.group_document,
            drains=self.drains.documents(),
            drain_of=self.drains.by_host(),
            file_weights=self._weights_in_file(),
            now=time.monotonic(),
            at=time.time(),
            turn=turn,
        )

    def _weights_in_file(self) -> dict[int, float]:
        """Of hosts that have another, and of what stands for them."""
        known = self._file_weights
        return {place: weight for number, weight in known.items() for place in self._places(number)}

    def _unresolved(self, number: int) -> str:
        return "" if self.resolver.addresses.get(number) else self.resolver.cause(number)

    def _started(self) -> float:
        ours = (one.started_at for one in self._processes if one.started_at and not one.generation)
        return min(ours, default=self._started_at)

    def ask(self, order: Order, actor: Actor, force: bool = False, dry_run: bool = False) -> Answer:
        """Have the master do it; blocks this greenlet. Raises RefusedError if it does not answer."""
        self._last_request += 1
        number = self._last_request
        waiting: gevent.event.AsyncResult[Answer] = gevent.event.AsyncResult()
        self._requests[number] = waiting
        self._master.tell(Request(number, actor, order, force, dry_run))
        try:
            answer: Answer = waiting.get(
                timeout=_ANSWER + (25.0 if isinstance(order, Reload | ApplyConfig | SaveConfig) else 0.0)
            )
        except gevent.Timeout:
            self._requests.pop(number, None)
            raise RefusedError("can't reach the master: it has not answered; the change may still come") from None
        return answer

    def follow(self, order: Order, actor: Actor, force: bool = False) -> Iterator[Progress | Answer]:
        """Have the master do what takes its time: its progress, then its answer."""
        self._last_request += 1
        number = self._last_request
        pieces: gevent.queue.SimpleQueue[Progress | Answer] = gevent.queue.SimpleQueue()
        self._watching[number] = pieces
        self._master.tell(Request(number, actor, order, force))
        try:
            piece: Progress | Answer | None = None
            while not isinstance(piece, Answer):
                piece = pieces.get()
                yield piece
        finally:
            del self._watching[number]


def main(birth: Birth) -> int:
    """The hub's life. Called in the child, once; returns its exit status."""
    gevent.get_hub()  # imports the rest of gevent, while we may still read it
    # Before anything is bound: workers, who have no rights, must be able to write to it.
    downlist = Downlist(birth.state_dir)
    birth.settle()
    logs.aside()
    hub = Hub(birth, downlist)
    gc.collect()
    gc.freeze()
    return hub.run()
