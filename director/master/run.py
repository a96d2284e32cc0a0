"""The master, from its first fork to its last child's end: wait, dispatch, reap, maintain.

How it gets there is `director.master.start`. Changes come as Requests from the hub; each is checked, applied to
`running`, sent to every child, and answered when all workers have it.
"""

from __future__ import annotations

import os
import shutil
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from director import logs
from director.config import changes, numbering
from director.config.merge import merge
from director.config.model import Config
from director.config.plan import Step, steps
from director.errors import ConfigError, DirectorError, Exit, Severity, SystemFailure
from director.events import Event
from director.master import checker
from director.master import system as kernel
from director.master.family import TICK, Child, Family, Roles, all_accept
from director.master.listeners import Address, open_address
from director.master.lock import Lock
from director.master.loop import Loop
from director.master.notify import Notifier, from_environment
from director.master.pidfile import read_pid_file, write_pid_file
from director.master.readiness import Readiness
from director.master.stage import TRANSITIONS, Stage, Turn
from director.master.system import System
from director.messages import (
    HUB_SLOT,
    Accepting,
    Amend,
    Answer,
    Applied,
    Configure,
    Failed,
    Kind,
    ListenerRef,
    Message,
    Order,
    Processes,
    ProcessInfo,
    Ready,
    Release,
    Reload,
    Request,
    Running,
    Slot,
    StopDaemon,
)
from director.places import Places

ACKNOWLEDGE = 1.0  # seconds to wait for workers to say that they have a change
FAST_STOP = 1.5  # seconds that a fast stop leaves its children before KILL


@dataclass
class _Pending:
    """A change on its way: whose answer waits for which workers."""

    request: Request | None
    version: int
    lines: tuple[str, ...]
    waiting: set[tuple[Slot, int]]  # (slot, incarnation)
    workers: int
    since: float
    steps: int  # of a reload


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
    stage: Stage = Stage.STARTING
    last_number: int = 0
    generation: str = ""
    when_ready: Callable[[], None] = lambda: None
    notifier: Notifier = field(default_factory=from_environment)

    def __post_init__(self) -> None:
        self._pending: list[_Pending] = []
        self._reload: tuple[checker.Check, Request | None] | None = None
        self._shown: tuple[ProcessInfo, ...] = ()
        self._failure = ""
        self._fast = False
        self._started_at = self.system.wall()

    # -- the life -------------------------------------------------------------------

    def turn(self, turn: Turn) -> None:
        """Move on in the life of the master."""
        self.stage = TRANSITIONS[self.stage][turn]

    def run(self) -> int:
        """Run until the end; returns the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            self.loop.on_signal(number, lambda fast=number != signal.SIGTERM: self.stop(fast))  # type: ignore[misc]
        self.loop.on_signal(signal.SIGHUP, self._hup)
        self.loop.on_signal(signal.SIGCHLD, self.family.reap)
        self.loop.on_signal(signal.SIGUSR1, self._reopen_logs)
        for number in (signal.SIGPIPE, signal.SIGUSR2, signal.SIGWINCH, signal.SIGTTIN, signal.SIGTTOU):
            signal.signal(number, signal.SIG_IGN)
        self._maintain()
        while self.stage is not Stage.EXIT:
            try:
                self.loop.step()
            except Exception:
                # A bug must not cost the sockets and everybody's connections.
                logs.error(Event.PROCESS_CRASHED, traceback=traceback.format_exc())
            if self.stage is Stage.STOPPING and not self.family.by_pid:
                self.turn(Turn.ALL_GONE)
        self._clean_up()
        if self._failure:
            logs.error(Event.DAEMON_FAILED, reason=self._failure)
            self.readiness.tell(Exit.FAILED, f"directord: can't start: {self._failure}")
            return Exit.FAILED
        logs.info(Event.DAEMON_STOPPED)
        return Exit.DONE

    def stop(self, fast: bool) -> None:
        """End: gracefully, or fast; told twice to end gracefully means fast."""
        if self.stage is Stage.STOPPING:
            fast = True
            if self._fast:
                return
        seconds = 0.0 if fast else self.running.config.stop_timeout
        logs.info(Event.DAEMON_STOPPING, fast=fast, timeout=f"{seconds:g}s")
        self.turn(Turn.STOP)
        self._fast = fast
        self.notifier.tell("STOPPING=1")
        self.family.drain(seconds)
        for address in self.addresses.values():
            address.close()
        self.addresses.clear()
        limit = FAST_STOP if fast else seconds + FAST_STOP
        self.loop.after(limit, self.family.kill_all)
        self._end_hub_if_alone()

    def _reopen_logs(self) -> None:
        """The log files were moved away: go on in new ones, here and in every child."""
        try:
            message, fds = self.family.log_files.reopen()
        except SystemFailure as error:
            logs.error(Event.LOG_FAILED, reason=error)
            return
        self.family.tell_all(message, fds)
        for fd in fds:
            os.close(fd)
        logs.info(Event.LOG_REOPENED, files=len(fds))

    def _fail(self, message: str) -> None:
        if self.stage is Stage.STARTING:
            self._failure = message
            self.turn(Turn.START_FAILED)
            self._fast = True
            self.family.drain(0.0)
            self.family.end_hub()
            self.loop.after(FAST_STOP, self.family.kill_all)

    def _end_hub_if_alone(self) -> None:
        if self.stage is Stage.STOPPING and not self.family.workers():
            self.family.end_hub()

    def _started(self) -> None:
        self.turn(Turn.ALL_ACCEPT)
        self.family.covering = True
        workers = len(self.family.supervisor.workers())
        try:
            write_pid_file(self.places.pid_file)
        except OSError as error:
            logs.error(Event.DAEMON_FAILED, reason=f"can't write pid file {self.places.pid_file}: {error.strerror}")
        logs.info(Event.DAEMON_READY, pid=os.getpid(), workers=workers)
        self._tell_processes()  # so that who asks the hub now hears that all serve
        self.notifier.tell("READY=1", f"STATUS=serving by {_count(workers, 'worker')}")
        running = f"directord: running, pid {os.getpid()}, {_count(workers, 'worker')}"
        self.readiness.tell(Exit.DONE, running, stays=True)
        self.when_ready()

    def _clean_up(self) -> None:
        for address in self.addresses.values():
            address.close()
        shutil.rmtree(self.family.directory, ignore_errors=True)
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
        self._tell_processes()
        now = self.system.now()
        self.notifier.alive(now)
        for pending in list(self._pending):
            if not pending.waiting or now - pending.since >= ACKNOWLEDGE:
                self._settle(pending)
        if self._reload is not None and now >= self._reload[0].deadline:
            self._reload[0].fail(f"it took longer than {checker.TIME_LIMIT:.0f} s")
            self._reloaded()

    def _tell_processes(self) -> None:
        master = ProcessInfo(Kind.MASTER, Slot(-2), os.getpid(), 0, self.stage.value, self._started_at)
        shown = (master, *self.family.processes())
        if [replace(one, silent=0.0) for one in shown] != [replace(one, silent=0.0) for one in self._shown]:
            self._shown = shown
            self.family.tell_hub(Processes(shown))
            children = [(pid, kernel.start_ticks(pid) or 0) for pid in self.family.by_pid]
            self.lock.write(self.generation, children, self.running.config.stop_timeout)

    # -- children -------------------------------------------------------------------

    def refs(self, slot: Slot) -> list[ListenerRef]:
        """The listeners of a slot."""
        return [
            ListenerRef(service.number, str(listen.ip), slot)
            for service in self.running.config.services
            for listen in service.listens
        ]

    def born(self, child: Child) -> None:
        """A child is there: tell it what to work by."""
        self.family.tell(child, Configure(self.running))
        if child.slot == HUB_SLOT:
            self._shown = ()
            self._tell_processes()

    def heard(self, child: Child, message: Message) -> None:
        """A report that is not about life and death."""
        match message:
            case Ready():
                self._go(child)
            case Accepting():
                if self.stage is Stage.STARTING and all_accept(self.family.supervisor):
                    self._started()
            case Applied(version):
                self._applied(child, version)
            case Request():
                self._request(message)
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
                    self.family.accept(worker, self.refs(worker.slot))
                if not self.addresses:
                    self._started()
        elif child.slot != HUB_SLOT:
            self.family.accept(child, self.refs(child.slot))

    def exited(self, child: Child, status: int) -> None:
        """A child is gone."""
        for pending in self._pending:
            pending.waiting.discard((child.slot, child.incarnation))
        if self.stage is Stage.STARTING:
            kind = "the hub" if child.slot == HUB_SLOT else f"worker {child.slot}"
            cause = self._failure or f"{kind} died while starting ({kernel.describe_status(status)}); see the log"
            self._fail(cause)
        if self.stage is Stage.STOPPING:
            self._end_hub_if_alone()

    def stranger(self, pid: int, _status: int) -> None:
        """A reaped child that is no process of ours: the checker of a reload."""
        if self._reload is not None and self._reload[0].pid == pid:
            self._checked()

    # -- changes -------------------------------------------------------------------

    def _request(self, request: Request) -> None:
        try:
            self._perform(request.order, request)
        except ConfigError as error:
            self._answer(request, Exit.BAD_CONFIG, (), problems=error.problems)
        except DirectorError as error:
            self._answer(request, error.exit, (str(error),))

    def _perform(self, order: Order, request: Request) -> None:
        match order:
            case Reload():
                self._begin_reload(request)
            case StopDaemon():
                self._answer(request, Exit.DONE, ("stopping",))
                self.stop(fast=False)
            case _:
                at = self.system.wall()
                running, sentence = changes.amend(self.running, order, request.actor, at, force=request.force)
                if running is self.running:
                    self._answer(request, Exit.DONE, (sentence,))
                    return
                self.running = running
                logs.info(Event.CHANGE_APPLIED, version=running.version, by=request.actor.name, change=sentence)
                amend = Amend(running.version, order, request.actor, at)
                self._spread(amend, request, (sentence,))

    def _spread(self, message: Message, request: Request | None, lines: tuple[str, ...], steps: int = 0) -> None:
        workers = self.family.workers()
        waiting = {(worker.slot, worker.incarnation) for worker in workers}
        pending = _Pending(request, self.running.version, lines, waiting, len(waiting), self.system.now(), steps)
        self._pending.append(pending)
        self.family.tell_all(message)

    def _applied(self, child: Child, version: int) -> None:
        for pending in list(self._pending):
            if pending.version <= version:
                pending.waiting.discard((child.slot, child.incarnation))
                if not pending.waiting:
                    self._settle(pending)

    def _settle(self, pending: _Pending) -> None:
        self._pending.remove(pending)
        applied = pending.workers - len(pending.waiting)
        if pending.waiting:
            silent = ",".join(str(slot) for slot, _ in sorted(pending.waiting))
            logs.warning(Event.CHANGE_PARTIAL, version=pending.version, applied=applied, silent_workers=silent)
        if pending.request is not None:
            self._answer(
                pending.request,
                Exit.DONE,
                pending.lines,
                applied=applied,
                workers=pending.workers,
                steps=pending.steps,
            )

    def _answer(self, request: Request | None, exit: int, lines: tuple[str, ...], **more: object) -> None:
        if request is not None:
            self.family.tell_hub(Answer(request.id, exit, lines, **more))  # type: ignore[arg-type]

    # -- reload -------------------------------------------------------------------

    def _hup(self) -> None:
        logs.info(Event.SIGNAL_RECEIVED, signal="HUP")
        try:
            self._begin_reload(None)
        except DirectorError as error:
            logs.error(Event.CONFIG_REJECTED, reason=error)

    def _begin_reload(self, request: Request | None) -> None:
        if self.stage is not Stage.SERVING:
            raise SystemFailure(f"can't reload: the daemon is {self.stage.value}")
        if self._reload is not None:
            raise SystemFailure("can't reload: another reload is under way")
        if self.places.config is None:
            raise SystemFailure("can't reload: this daemon runs without a config file")
        check = checker.begin(self.system, checker.read_file(self.places.config), self.places.config)
        self._reload = (check, request)
        self.loop.watch(check.fd, self._checked)

    def _checked(self) -> None:
        if self._reload is not None and self._reload[0].collect():
            self._reloaded()

    def _reloaded(self) -> None:
        assert self._reload is not None
        check, request = self._reload
        self._reload = None
        self.loop.forget(check.fd)
        check.end()
        result = check.result
        assert result is not None
        try:
            if result.config is None:
                raise ConfigError(result.problems)
            for problem in result.problems:
                logs.warning(Event.CONFIG_WARNING, problem=problem)
            self._apply(result.config, request)
        except ConfigError as error:
            for problem in error.problems:
                if problem.severity is Severity.ERROR:
                    logs.error(Event.CONFIG_REJECTED, problem=problem)
            self._answer(request, Exit.BAD_CONFIG, (), problems=error.problems)
        except DirectorError as error:
            logs.error(Event.CONFIG_REJECTED, reason=error)
            self._answer(request, error.exit, (str(error),))

    def _apply(self, now: Config, request: Request | None) -> None:
        """Run by what the file says now. Raises before anything has changed, or not at all."""
        target, kept = merge(self.loaded, now, self.running.config)
        plan = steps(self.running.config, target)
        restart = [step.text for step in plan if step.restart]
        # Said, rather than shown as running while it is not.
        if target.workers != self.running.config.workers:
            restart.append("another number of workers")
        if target.logging != self.running.config.logging:
            restart.append("another log")
        if restart:
            raise SystemFailure("needs restart, nothing was changed: " + "; ".join(restart))
        kept += len(self.running.admin)
        stays = (f"{_count(kept, 'run-time change')} in force",) if kept else ()
        if not plan:
            self.loaded = now
            self._answer(request, Exit.DONE, ("nothing to change", *stays))
            return
        opened = self._open_new(target)
        self.loaded = now
        config, self.last_number = numbering.assign(target, self.running.config, self.last_number)
        known = {host.number for service in config.services for group in service.groups for host in group.hosts}
        admin = {number: down for number, down in self.running.admin.items() if number in known}
        before = self.running.config
        self.running = Running(self.running.version + 1, config, admin)
        self.family.supervisor.worker_timeout = config.worker_timeout
        for step in plan:
            logs.info(Event.CONFIG_APPLIED, version=self.running.version, step=step.text)
        lines = (*_lines(plan), *stays)
        self._spread(Configure(self.running), request, lines, steps=len(plan))
        self._swap_listeners(before, opened)

    def _open_new(self, target: Config) -> dict[str, Address]:
        slots = len(self.family.supervisor.workers())
        opened: dict[str, Address] = {}
        try:
            for service in target.services:
                for listen in service.listens:
                    if str(listen.ip) not in self.addresses:
                        opened[str(listen.ip)] = open_address(listen, slots)
        except SystemFailure:
            for address in opened.values():
                address.close()
            raise
        return opened

    def _swap_listeners(self, before: Config, opened: dict[str, Address]) -> None:
        """Have workers accept on new addresses, then let go of those that are gone."""
        self.addresses.update(opened)
        owners = {str(listen.ip): service.number for service in before.services for listen in service.listens}
        supervisor = self.family.supervisor
        kept = set()
        for worker in self.family.workers():
            slots = [place.slot for place in supervisor.workers() if place.covered_by == worker.slot]
            slots.append(worker.slot)
            mine = [ref for slot in slots for ref in self.refs(slot)]
            kept = {ref.ip for ref in mine}
            if supervisor.places[worker.slot].state.value != "serving":
                continue
            # A worker that has the socket already learns whose it is now.
            self.family.accept(worker, [ref for ref in mine if owners.get(ref.ip) != ref.service])
            gone = [ListenerRef(owners[ip], ip, slot) for slot in slots for ip in owners if ip not in kept]
            if gone:
                self.family.tell(worker, Release(tuple(gone)))
        for ip in opened:
            logs.info(Event.LISTENER_OPENED, ip=ip)
        wanted = {str(listen.ip) for service in self.running.config.services for listen in service.listens}
        for ip in set(self.addresses) - wanted:
            self.addresses.pop(ip).close()
            logs.info(Event.LISTENER_CLOSED, ip=ip)


def _lines(plan: tuple[Step, ...]) -> tuple[str, ...]:
    return tuple(step.text for step in plan)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
