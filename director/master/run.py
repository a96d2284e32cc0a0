"""The master, from its first fork to its last child's end: wait, dispatch, reap, maintain.

How it gets there is `director.master.start`; how what it works by is changed, `director.master.changing`.
"""

from __future__ import annotations

import os
import shutil
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from director import logs
from director.config.changes import file_weights
from director.config.model import Config
from director.errors import Exit, SystemFailure
from director.events import Event
from director.master import system as kernel
from director.master.admins import Admins
from director.master.candidate import Candidate
from director.master.changing import Changing
from director.master.controls import Controls
from director.master.family import TICK, Child, Family, Roles, all_accept
from director.master.invocation import Invocation
from director.master.journal import Journal
from director.master.listeners import Address
from director.master.lock import Lock
from director.master.loop import Loop
from director.master.notify import Notifier, from_environment
from director.master.openings import Openings
from director.master.pidfile import read_pid_file, write_pid_file
from director.master.readiness import Readiness
from director.master.records import Loaded
from director.master.retirees import Retirees
from director.master.retirement import report_to
from director.master.rotation import Rotation
from director.master.seats import Seats
from director.master.signals import Signals
from director.master.stage import TRANSITIONS, Stage, Turn
from director.master.system import System
from director.master.upgrade import Upgrade as Upgrading
from director.master.upkeep import Upkeep
from director.messages import (
    HUB_SLOT,
    MASTER_SLOT,
    WEB_SLOT,
    Accepting,
    Applied,
    Deciding,
    Elder,
    Failed,
    FilesUsed,
    FileWeights,
    HandedOver,
    Happened,
    Held,
    Hold,
    Kind,
    Lonely,
    Message,
    Processes,
    ProcessInfo,
    Ready,
    Reaped,
    Reopened,
    Request,
    Running,
    peer_incarnation,
    peer_slot,
)
from director.outbox import Outbox
from director.places import Places
from director.printable import counted

FAST_STOP = 1.5  # seconds that a fast stop leaves its children before KILL
PID_AGAIN = 5.0  # seconds until a pid file that could not be written is tried again


@dataclass
class Master:
    """The running master."""

    system: System
    places: Places
    readiness: Readiness
    roles: Roles
    loop: Loop
    lock: Lock
    loaded: Config  # the file as it was last read
    running: Running
    family: Family = field(init=False)
    addresses: dict[str, Address] = field(default_factory=dict)
    admins: Admins = field(default_factory=lambda: Admins(""))
    controls: Controls = field(default_factory=lambda: Controls(""))
    stage: Stage = Stage.STARTING
    last_number: int = 0
    last_ordinal: int = 1  # of the youngest generation that there ever was
    generation: str = ""
    when_ready: Callable[[], None] = lambda: None
    notifier: Notifier = field(default_factory=from_environment)
    invocation: Invocation = field(default_factory=Invocation.of_this_process)
    foreground: bool = False
    paused: bool = False  # nobody accepts, as an operator said
    reports_to: str = ""  # the directory of the generation whose hub counts ours, if another one decides
    log_level: str | None = None
    upgrade: Upgrading | None = None  # while we are the old side of one
    candidate: Candidate | None = None  # while we are the new side
    journal: Journal = field(default_factory=Journal)
    outbox: Outbox = field(default_factory=Outbox)

    def __post_init__(self) -> None:
        self.openings = Openings(self)
        self.changing = Changing(self)
        self.rotation = Rotation(self)
        self.outbox.open()
        self.seats = Seats(self)
        self.upkeep = Upkeep(self)
        self._shown: tuple[ProcessInfo, ...] = ()
        self._failure = ""
        self._fast = False
        self._started_at = self.system.now()
        self.retirees = Retirees(self.loop, self._retiree_gone, self._inhabited)

    # -- the life -------------------------------------------------------------------

    def turn(self, turn: Turn) -> None:
        """Move on in the life of the master."""
        self.stage = TRANSITIONS[self.stage][turn]

    def run(self) -> int:
        """Run until the end; returns the exit status."""
        Signals(self).install()
        self._maintain()
        last = self.stage
        while self.stage is not Stage.EXIT:
            try:
                self.loop.step()
            except Exception:
                # A bug must not cost the sockets and everybody's connections.
                logs.error(Event.PROCESS_CRASHED, traceback=traceback.format_exc())
            if self.stage in (Stage.STOPPING, Stage.RETIRING) and not (self.family.by_pid or self.retirees.living):
                last = self.stage
                self.turn(Turn.ALL_GONE)
        shutil.rmtree(self.family.directory, ignore_errors=True)
        if last is Stage.RETIRING:
            logs.info(Event.DAEMON_STOPPED, generation=self.generation)
            return Exit.DONE
        self._clean_up()
        if self._failure:
            logs.error(Event.DAEMON_FAILED, reason=self._failure)
            self.readiness.tell(Exit.FAILED, f"directord: can't start: {self._failure}")
            return Exit.FAILED
        logs.info(Event.DAEMON_STOPPED)
        self.readiness.tell(Exit.FAILED, "directord: can't start: it was told to stop")  # unless it was ready
        return Exit.DONE

    def stop(self, fast: bool) -> None:
        """End: gracefully, or fast; told twice to end gracefully means fast."""
        if self.upgrade is not None:
            self.upgrade.then_stop(fast)
            return
        if self.candidate is not None:
            self.candidate.fail("it was told to stop")
            return
        if self.stage is Stage.RETIRING:
            self.family.drain(0.0 if fast else self.running.config.stop_timeout)
            return
        if self.stage is Stage.STOPPING:
            fast = True
            if self._fast:
                return
        seconds = 0.0 if fast else self.running.config.stop_timeout
        logs.info(Event.DAEMON_STOPPING, fast=fast, timeout=f"{seconds:g}s")
        self.turn(Turn.STOP)
        self._fast = fast
        self.lock.serving = False
        self.write_lock()
        self.notifier.tell("STOPPING=1")
        self.family.drain(seconds)
        self.retirees.drain(seconds)
        for address in self.addresses.values():
            address.close()
        self.addresses.clear()
        self.admins.close()
        limit = FAST_STOP if fast else seconds + FAST_STOP
        self.loop.after(limit, self.family.kill_all)
        self.loop.after(limit, self.retirees.kill_all)
        self.end_hub_if_alone()

    def usr1(self, others: bool = True) -> None:
        """Open the logs again, and have other generations do it; say it if that can't be done."""
        try:
            self.rotation.begin(others=others)
        except SystemFailure as error:
            logs.error(Event.LOG_FAILED, reason=error)

    def _fail(self, message: str) -> None:
        if self.stage is Stage.STARTING:
            self._failure = message
            self.turn(Turn.START_FAILED)
            self._fast = True
            self.family.drain(0.0)
            self.family.end_hub()
            self.loop.after(FAST_STOP, self.family.kill_all)

    def end_hub_if_alone(self) -> None:
        """The hub counts until the last worker of whatever generation is gone."""
        ending = self.stage in (Stage.STOPPING, Stage.RETIRING)
        if ending and not self.family.workers() and not self.retirees.living:
            self._report()
            self.family.end_hub()

    def become_daemon(self) -> None:
        """The daemon is this process now: write so where others look for it."""
        self.take_journal()
        self.keep_pid_file()
        self.lock.serving = True
        self.write_lock()
        self.notifier.hush(self.system.now())  # the old master says whom to hear from now on
        try:
            self.controls.grant(self.running.config)
        except SystemFailure as error:
            logs.error(Event.DAEMON_FAILED, reason=error)
        self.controls.drop_gone(self.running.config)
        self.controls.tell(self.family)
        wanted = {str(listen.ip) for _, listen in self.running.config.listens()}
        for ip in set(self.addresses) - wanted:
            self.addresses.pop(ip).close()
            logs.info(Event.LISTENER_CLOSED, ip=ip)

    def take_journal(self) -> bool:
        """Write it from now on: the other generation has let go of it. What we know since the last load is in force.

        False: another daemon writes it. What changes is in memory only then.
        """
        known, path = self.journal.records, self.places.journal
        start = max((at for at, record in enumerate(known) if isinstance(record, Loaded)), default=len(known))
        try:
            self.journal = Journal(path)
            if self.journal.records[-1:] != known[-1:]:
                for record in known[start:]:
                    self.journal.owe(record)
        except SystemFailure as error:
            if not self.journal.failure:
                logs.error(Event.JOURNAL_FAILED, reason=error)
            self.journal.path, self.journal.failure = path, f"changes are not remembered: {error}"
            return False
        return True

    def release_daemon(self) -> None:
        """It is another generation's: what only one may have must not outlive that one with us."""
        self.lock.let_go()
        self.controls.let_go()
        self.family.release_control()
        for address in self.addresses.values():
            address.let_go()
        self.addresses.clear()

    def _inhabited(self, elder: Elder) -> bool:
        return kernel.works_in(os.path.join(self.places.run_dir, elder.name), elder.start)

    def _retiree_gone(self, elder: Elder) -> None:
        self.family.tell_hub(Reaped(peer_slot(elder.ordinal), peer_incarnation(elder.ordinal)))
        # It removes its folder itself, unless it was killed.
        shutil.rmtree(os.path.join(self.places.run_dir, elder.name), ignore_errors=True)
        self.end_hub_if_alone()

    def begin_upgrade(self, request: Request | None) -> None:
        """Replace this generation. Raises UpgradeRefused."""
        upgrade = Upgrading(self, request)
        upgrade.begin()
        self.upgrade = upgrade

    def _started(self) -> None:
        if cause := self.write_pid_file():
            self._fail(cause)
            return
        self.turn(Turn.ALL_ACCEPT)
        self.family.covering = True
        workers = self.seats.count
        self.lock.serving = True
        self.write_lock()
        logs.info(Event.DAEMON_READY, pid=os.getpid(), workers=workers)
        self.tell_processes()  # so that who asks the hub now hears that all serve
        self.notifier.tell("READY=1", self._status())
        running = f"directord: running, pid {os.getpid()}, {counted(workers, 'worker')}"
        self.readiness.tell(Exit.DONE, running, stays=True)
        self.when_ready()

    def write_pid_file(self) -> str:
        """We are the daemon: say so where others look. Why it can't be said, or nothing."""
        try:
            write_pid_file(self.places.pid_file)
        except OSError as error:
            cause = f"can't write pid file {self.places.pid_file}: {error.strerror}"
            logs.error(Event.DAEMON_FAILED, reason=cause)
            return cause
        return ""

    def keep_pid_file(self) -> None:
        """The same, again and again until it can be said."""
        if self.reigns and self.write_pid_file():
            self.loop.after(PID_AGAIN, self.keep_pid_file)

    def _clean_up(self) -> None:
        for address in self.addresses.values():
            address.close()
        self.controls.drop_gone(Config())
        for path in (self.places.control, self.places.pid_file):
            if path == self.places.pid_file and read_pid_file(path) not in (os.getpid(), None):
                continue  # another master's by now
            try:
                os.unlink(path)
            except OSError:
                pass  # it was never made

    def _maintain(self) -> None:
        self.loop.after(TICK, self._maintain)
        self.family.tick()
        self.tell_processes()
        self._report()
        logs.tend()
        now = self.system.now()
        if self.upgrade is not None:
            self.upgrade.tick(now)
        if self.candidate is not None:
            self.candidate.tick(now)
        if self.reigns:
            self.notifier.alive(now)
        self.changing.tick(now)
        self.rotation.tick(now)
        self.seats.tick(now)
        self.upkeep.tick(now)
        if self.stage not in (Stage.STARTING, Stage.STOPPING):
            self.admins.refresh(self.family, self.running.config, self.reigns, now)

    def _report(self) -> None:
        """Tell the hub what has happened; while there is none, it waits."""
        if HUB_SLOT in self.family.children:
            self.outbox.flush(self._pass_on)

    def _pass_on(self, happened: Happened) -> None:
        self.family.tell_hub(happened)
        if self.candidate is not None:
            self.candidate.pass_on(happened)

    @property
    def held(self) -> bool:
        """Whether workers that come accept nothing: another generation does, or an operator said so."""
        return self.paused or self.stage is Stage.PROBATION

    def pause(self, paused: bool) -> None:
        """Accept nothing new, or again; clients wait in the backlog meanwhile. Connections go on."""
        self.paused = paused
        if paused:
            self.family.hold()
            logs.warning(Event.ACCEPT_PAUSED, reason="told to")
        else:
            self.family.resume()
            logs.info(Event.ACCEPT_RESUMED)
        self.tell_status()

    def tell_status(self, trouble: str = "") -> None:
        """Tell the manager of services how it goes, in a line."""
        line = "STATUS=accepting is paused" if self.paused else self._status()
        self.notifier.tell(f"{line}; {trouble}" if trouble else line)

    def _status(self) -> str:
        return f"STATUS=serving by {counted(self.seats.count, 'worker')}"

    @property
    def reigns(self) -> bool:
        """Whether this is the master that the pid file names."""
        return self.stage not in (Stage.CANDIDATE, Stage.READY, Stage.PROBATION_NEW, Stage.RETIRING)

    def tell_processes(self) -> None:
        """Tell the hub who there is, if that has changed, and write it down."""
        dropped = logs.trouble().dropped
        master = ProcessInfo(
            Kind.MASTER, MASTER_SLOT, os.getpid(), 0, self.stage.value, self._started_at, log_dropped=dropped
        )
        shown = (master, *self.family.processes(), *self.retirees.processes())
        if [replace(one, silent=0.0) for one in shown] != [replace(one, silent=0.0) for one in self._shown]:
            self._shown = shown
            self.family.tell_hub(Processes(shown))
            self.write_lock()

    def tell_weights(self) -> None:
        """Tell the hub which weights are not the config file's."""
        self.family.tell_hub(FileWeights(file_weights(self.loaded, self.running.config)))

    def write_lock(self) -> None:
        """Write down who we are and who our children are, if that is ours to say."""
        if self.reigns:
            children = [(pid, kernel.start_ticks(pid) or 0) for pid in self.family.by_pid]
            try:
                self.lock.write(self.generation, children, self.running.config.stop_timeout, self.retirees.masters())
            except OSError as error:
                logs.error(Event.DAEMON_FAILED, reason=f"can't write lock file {self.places.lock}: {error.strerror}")

    # -- children -------------------------------------------------------------------

    def born(self, child: Child) -> None:
        """A child is there."""
        if child.slot == HUB_SLOT:
            self.controls.tell(self.family)
            self.tell_weights()
            self._shown = ()
            self.tell_processes()
            if self.reports_to:
                report_to(self, self.reports_to)
        if child.slot < 0:
            self.admins.born(self.family, child.slot)

    def heard(self, child: Child, message: Message) -> None:
        """A report that is not about life and death."""
        match message:
            case Ready():
                self._go(child)
            case Accepting():
                if self.held:
                    self.family.tell(child, Hold())  # what it said of itself is true, but that it holds
                if self.stage is Stage.STARTING and all_accept(self.family.supervisor):
                    self._started()
                elif self.candidate is not None and all_accept(self.family.supervisor):
                    self.candidate.all_accept()
            case Held() if self.upgrade is not None:
                self.upgrade.held(child.slot)
            case HandedOver(failure) if self.upgrade is not None:
                self.upgrade.handed_over(failure)
            case HandedOver() if self.candidate is not None:
                self.candidate.handed_over()
            case Deciding() if self.candidate is not None:
                self.candidate.hub_decides()
            case Held() | HandedOver() | Deciding():
                pass
            case Happened():
                self.outbox.add(message)
            case Applied(version):
                self.changing.applied(child, version)
            case Reopened(number):
                self.rotation.moved(child, number)
            case Request():
                self.changing.request(message)
            case Lonely():
                self.admins.introduce(self.family)
            case FilesUsed(number):
                self.admins.used(number)
            case Failed(reason):
                self._failure = self._failure or reason if self.stage is Stage.STARTING else ""
            case _:
                logs.error(Event.PROCESS_FAILED, slot=child.slot, reason=f"sent {type(message).__name__}")

    def _go(self, child: Child) -> None:
        if self.stage is Stage.STARTING:
            # All begin together, when the last is ready: nobody serves a daemon that can't start.
            places = self.family.supervisor.places.values()
            if all(place.state.value == "ready" for place in places):
                for worker in self.family.workers():
                    self.family.accept(worker, self.seats.refs(worker.slot))
        elif self.stage is Stage.CANDIDATE:
            if all(place.state.value == "ready" for place in self.family.supervisor.places.values()):
                assert self.candidate is not None
                self.candidate.all_ready()
        elif child.slot >= 0 and self.stage not in (Stage.READY, Stage.RETIRING, Stage.STOPPING):
            if self.held:
                self.family.tell(child, Hold())
            self.family.accept(child, self.seats.refs(child.slot))

    def exited(self, child: Child, status: int) -> None:
        """A child is gone."""
        self.changing.gone(child)
        self.rotation.gone(child)
        if self.stage is Stage.STARTING:
            kind = {HUB_SLOT: "the hub", WEB_SLOT: "the web admin"}.get(child.slot, f"worker {child.slot}")
            cause = self._failure or f"{kind} died while starting ({kernel.describe_status(status)}); see the log"
            self._fail(cause)
        if self.candidate is not None:
            kind = "its hub" if child.slot == HUB_SLOT else f"its worker {child.slot}"
            booting = self.stage is Stage.CANDIDATE
            self.candidate.died(child.slot, f"{kind} died ({kernel.describe_status(status)}); see the log", booting)
        if self.upgrade is not None:
            self.upgrade.held(child.slot)
        self.end_hub_if_alone()

    def stranger(self, pid: int, status: int) -> None:
        """A reaped child that is no process of ours: the checker of a reload."""
        self.changing.loading.stranger(pid, status)
