"""The master's children: their links, and carrying out what the supervisor decides.

Owns every link and pid; the `Supervisor` owns what it means. Reports that are
not about life and death (requests, acknowledgements) go on to the `Master`.
"""

from __future__ import annotations

import os
import random
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from director import logs
from director.errors import ProtocolError
from director.events import Event
from director.link import Link
from director.master import child
from director.master import system as kernel
from director.master.child import Birth, ChildMain
from director.master.listeners import Address
from director.master.logfiles import LogFiles
from director.master.loop import Loop
from director.master.needs import Judge
from director.master.supervisor import STARVED, Abort, Command, Cover, Fork, Kill, Spare, State, Supervisor, Uncover
from director.master.system import Identity, System
from director.messages import (
    HUB_SLOT,
    WEB_SLOT,
    Accept,
    Accepting,
    Drain,
    Failed,
    Heartbeat,
    Held,
    Hold,
    Kind,
    ListenerRef,
    Message,
    Paused,
    ProcessInfo,
    Ready,
    Reaped,
    Release,
    Resume,
    Running,
    Slot,
    Surrender,
    peer_incarnation,
)

TICK = 0.1  # seconds between looks at everybody
OVERTIME = 2.0  # seconds beyond its time that a process may take to drain


@dataclass(frozen=True)
class Roles:
    """What each kind of child runs, and who judges the files of web. Given by the composition root."""

    hub: ChildMain
    worker: ChildMain
    web: ChildMain
    judge: Judge

    def of(self, kind: Kind) -> ChildMain:
        """What this kind of child runs."""
        return {Kind.HUB: self.hub, Kind.WEB: self.web}.get(kind, self.worker)


@dataclass
class Child:
    """One living child and our end of its link."""

    slot: Slot
    pid: int
    incarnation: int
    link: Link
    started_at: float
    open: int = 0
    log_dropped: int = 0


@dataclass
class Family:
    """All children of this generation."""

    system: System
    loop: Loop
    roles: Roles
    supervisor: Supervisor
    directory: str
    lock_path: str
    owner: int
    identity: Identity | None
    control: int  # listening control socket
    memory: int  # the hub's memory file
    log_files: LogFiles
    addresses: dict[str, Address]  # by the text of the address
    refs: Callable[[Slot], list[ListenerRef]]  # which listeners a slot has
    on_born: Callable[[Child], None]
    on_report: Callable[[Child, Message], None]
    on_exit: Callable[[Child, int], None]
    running: Callable[[], Running | None] = lambda: None  # what a child works by at first: forked, it has it already
    state_dir: str = ""  # where the hub may leave what outlives the daemon; "": nowhere
    ordinal: int = 1  # of this generation
    standby: Callable[[], bool] = lambda: False  # whether another generation's hub decides
    left: Callable[[], int] = lambda: -1  # the memory file of that one
    covering: bool = False  # neighbours cover only once all have started
    children: dict[Slot, Child] = field(default_factory=dict)
    by_pid: dict[int, Child] = field(default_factory=dict)
    strangers: Callable[[int, int], None] = lambda pid, status: None
    last_tick: float = 0.0

    # -- orders -------------------------------------------------------------------

    def tell(self, child_: Child, message: Message, fds: Sequence[int] = ()) -> None:
        """Send an order to one child. A child that never reads is left to hang detection."""
        try:
            child_.link.send(message, fds)
        except ProtocolError as error:
            logs.error(Event.PROCESS_FAILED, slot=child_.slot, pid=child_.pid, reason=error)
            return
        self._watch(child_)

    def tell_all(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send an order to everybody, with copies of these descriptors."""
        for child_ in list(self.children.values()):
            self.tell(child_, message, fds)

    def tell_workers(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send an order to every worker, with copies of these descriptors."""
        for child_ in self.workers():
            self.tell(child_, message, fds)

    def tell_hub(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send an order to the hub, if there is one at this moment."""
        hub = self.children.get(HUB_SLOT)
        if hub is not None:
            self.tell(hub, message, fds)

    def release_control(self) -> None:
        """The control socket is another generation's: no hub of ours has it any more."""
        self.tell_hub(Surrender())
        if self.control >= 0:
            os.close(self.control)
            self.control = -1

    def make_directory(self) -> None:
        """Make the folder in which children meet, for them alone. Raises OSError."""
        os.mkdir(self.directory, 0o700)
        if self.identity is not None:
            os.chown(self.directory, self.identity.uid, self.identity.gid)

    def replace_hub(self, control: int = -1) -> None:
        """Have another hub take the place of this one, with this control socket if it is to have another, too."""
        if control >= 0:
            os.close(self.control)
            self.control = control
        if HUB_SLOT in self.children:
            self._signal(self.children[HUB_SLOT].pid, signal.SIGKILL)

    def workers(self) -> list[Child]:
        """The living workers, by slot."""
        return [child_ for slot, child_ in sorted(self.children.items()) if slot >= 0]

    def accept(self, child_: Child, refs: list[ListenerRef]) -> None:
        """Have a worker accept on these listeners: from the first time on it serves, also while there are none."""
        fds = tuple(self.addresses[ref.ip].socket_for(ref.slot).fileno() for ref in refs)
        self.tell(child_, Accept(tuple(refs)), fds)

    def drain(self, seconds: float) -> None:
        """Workers finish what is open; the hub stays until they are gone."""
        self.supervisor.draining(self.system.now())
        self.tell_workers(Drain(seconds))

    def hold(self) -> None:
        """Workers accept nothing until `resume`."""
        self.covering = False
        self.tell_workers(Hold())

    def resume(self) -> None:
        """Workers accept again."""
        for child_ in self.workers():
            self.supervisor.resumed(child_.slot, self.system.now())
            self.tell(child_, Resume())
        self.covering = True

    def release(self, slot: Slot, seconds: float) -> None:
        """One worker finishes what it has open, within this time, and is gone."""
        child_ = self.children.get(slot)
        if child_ is not None:
            self.tell(child_, Drain(seconds))
            self.loop.after(seconds + OVERTIME, lambda: self._end(child_))

    def end_hub(self) -> None:
        """The workers are gone: so may the hub."""
        self.supervisor.ending = True
        self.tell_hub(Drain(0))
        web = self.children.get(WEB_SLOT)
        if web is not None:
            self.tell(web, Drain(0))

    def kill_all(self) -> None:
        """End every child now."""
        self.supervisor.ending = True
        for child_ in self.children.values():
            self._signal(child_.pid, signal.SIGKILL)

    # -- the loop -------------------------------------------------------------------

    def tick(self) -> None:
        """Ask the supervisor what is to be done, and do it."""
        now = self.system.now()
        lag = max(0.0, now - self.last_tick - TICK) if self.last_tick else 0.0
        self.last_tick = now
        for command in self.supervisor.tick(now, lag, kernel.vitals, self.covering):
            self._execute(command)

    def reap(self) -> None:
        """Collect every child that has died."""
        while True:
            try:
                pid, status = self.system.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child_ = self.by_pid.pop(pid, None)
            if child_ is None:
                self.strangers(pid, status)
                continue
            self._read(child_)  # its last words
            kind = self._kind(child_)
            if self.children.get(child_.slot) is child_:
                self._bury(child_)
            now = self.system.now()
            self.supervisor.exited(child_.slot, now)
            self.supervisor.uncovered_by_death(child_.slot)
            words = kernel.describe_status(status)
            wanted = self.supervisor.stopping or child_.slot not in self.supervisor.places
            level = logs.info if status == 0 and wanted else logs.warning
            level(Event.PROCESS_EXITED, kind=kind, slot=child_.slot, pid=pid, status=words)
            if child_.slot >= 0:
                self.tell_hub(Reaped(child_.slot, child_.incarnation))
            self.on_exit(child_, status)
            self.tick()

    def processes(self) -> tuple[ProcessInfo, ...]:
        """What `status` shows of the children: of places nobody is in, those that will be filled again."""
        now = self.system.now()
        return tuple(
            ProcessInfo(
                kind=place.kind,
                slot=slot,
                pid=place.pid,
                incarnation=place.incarnation,
                state=place.state.value,
                started_at=self.children[slot].started_at if slot in self.children else 0.0,
                silent=round(now - place.beat, 3) if place.pid else 0.0,
                log_dropped=self.children[slot].log_dropped if slot in self.children else 0,
            )
            for slot, place in sorted(self.supervisor.places.items())
            if place.pid or self.supervisor.is_wanted(place)
        )

    # -- inside -------------------------------------------------------------------

    def _kind(self, child_: Child) -> Kind:
        return self.supervisor.places[child_.slot].kind

    def _execute(self, command: Command) -> None:
        match command:
            case Fork(slot):
                self._fork(slot)
            case Abort(slot, silent):
                child_ = self.children[slot]
                logs.error(Event.PROCESS_HUNG, slot=slot, pid=child_.pid, silent=f"{silent:.1f}s", action="ABRT")
                self._signal(child_.pid, signal.SIGABRT)
            case Kill(slot):
                self._signal(self.supervisor.places[slot].pid, signal.SIGKILL)
            case Spare(slot, letter):
                event = Event.PROCESS_STARVED if letter == STARVED else Event.PROCESS_STOPPED
                logs.warning(event, slot=slot, pid=self.supervisor.places[slot].pid, kernel_state=letter)
            case Cover(slot, by):
                if by in self.children:
                    place = self.supervisor.places[slot]
                    new = not place.deaths and place.state in (State.EMPTY, State.BOOTING, State.READY)
                    level = logs.info if new else logs.warning
                    level(Event.SLOT_COVERED, slot=slot, by=by, state=place.state.value)
                    self.accept(self.children[by], self.refs(slot))
            case Uncover(slot, by):
                if by in self.children:
                    logs.info(Event.SLOT_RETURNED, slot=slot, by=by)
                    self.tell(self.children[by], Release(tuple(self.refs(slot))))

    def _fork(self, slot: Slot) -> None:
        kind = self.supervisor.places[slot].kind
        is_hub = kind is Kind.HUB
        ours, theirs = socket.socketpair()
        incarnation = self.supervisor.incarnations + 1
        birth = Birth(
            kind=kind,
            slot=slot,
            incarnation=incarnation,
            link=Link(theirs),
            directory=self.directory,
            lock_path=self.lock_path,
            owner=self.owner,
            identity=self.identity,
            control=self.control if is_hub else -1,
            memory=self.memory if is_hub else -1,
            left=self.left() if is_hub else -1,
            state_dir=self.state_dir if is_hub else "",
            ordinal=self.ordinal,
            standby=self.standby(),
            connections=self.log_files.connections if kind is Kind.WORKER else -1,
            logs=self.log_files.setup,
            running=self.running(),
        )
        try:
            pid = child.bear(self.system, self.roles.of(kind), birth, theirs)
        except OSError as error:
            ours.close()
            theirs.close()
            logs.error(Event.PROCESS_FAILED, slot=slot, reason=f"can't fork: {error.strerror}")
            self.supervisor.fork_failed(slot, self.system.now())
            return
        theirs.close()
        self.supervisor.forked(slot, pid, self.system.now())
        child_ = Child(slot, pid, incarnation, Link(ours), self.system.now())
        self.children[slot] = child_
        self.by_pid[pid] = child_
        self._watch(child_)
        logs.info(Event.PROCESS_STARTED, kind=birth.kind, slot=slot, child=pid)
        self.on_born(child_)

    def _watch(self, child_: Child) -> None:
        if self.children.get(child_.slot) is not child_:
            return

        def write() -> None:
            child_.link.flush()
            self._watch(child_)

        self.loop.watch(child_.link.fileno(), lambda: self._read(child_), write if child_.link.wants_write else None)

    def _read(self, child_: Child) -> None:
        while self.children.get(child_.slot) is child_:
            try:
                received = child_.link.receive()
            except ProtocolError as error:
                logs.error(Event.PROCESS_FAILED, slot=child_.slot, pid=child_.pid, reason=error)
                received = None
            if received is None:
                # A child without a link hears no orders any more: it is as good as dead.
                self._bury(child_)
                self._signal(child_.pid, signal.SIGKILL)
                return
            if not received:
                return
            for message, _fds in received:
                self._hear(child_, message)

    def _hear(self, child_: Child, message: Message) -> None:
        now = self.system.now()
        match message:
            case Heartbeat(_lag, open_, log_dropped):
                child_.open, child_.log_dropped = open_, log_dropped
                self.supervisor.beat(child_.slot, now)
            case Ready():
                self.supervisor.ready(child_.slot, now)
                logs.info(Event.PROCESS_READY, kind=self._kind(child_), slot=child_.slot, child=child_.pid)
                self.on_report(child_, message)
            case Accepting():
                self.supervisor.accepting(child_.slot, now)
                self.on_report(child_, message)
                self.tick()
            case Held():
                if not self.covering:  # else it was told to go on since
                    self.supervisor.held(child_.slot, now)
                    self.on_report(child_, message)
            case Paused(paused):
                self.supervisor.places[child_.slot].paused = paused
                self.tick()
            case Failed(reason):
                logs.error(Event.PROCESS_FAILED, slot=child_.slot, pid=child_.pid, reason=reason)
                self.on_report(child_, message)
            case _:
                self.on_report(child_, message)

    def _bury(self, child_: Child) -> None:
        self.loop.forget(child_.link.fileno())
        child_.link.close()
        del self.children[child_.slot]

    def _end(self, child_: Child) -> None:
        if self.by_pid.get(child_.pid) is child_:
            self._signal(child_.pid, signal.SIGKILL)

    def _signal(self, pid: int, number: int) -> None:
        # Only pids that were not reaped yet: no stranger can have taken the number.
        if pid in self.by_pid:
            self.system.kill(pid, number)


def make_supervisor(workers: int, worker_timeout: float, ordinal: int = 1, web: bool = False) -> Supervisor:
    """The supervisor of a generation, by its number: for a hub, so many workers and maybe web, all due now."""
    supervisor = Supervisor(worker_timeout, random.Random(), incarnations=peer_incarnation(ordinal))
    supervisor.add(HUB_SLOT)
    if web:
        supervisor.add(WEB_SLOT)
    for number in range(workers):
        supervisor.add(Slot(number), seat=number)
    return supervisor


def all_accept(supervisor: Supervisor) -> bool:
    """Whether the hub is ready and every worker accepts."""
    hub = supervisor.places[HUB_SLOT].state
    return hub is State.READY and all(place.state is State.SERVING for place in supervisor.workers())
