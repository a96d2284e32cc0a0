"""Changes of what the daemon works by: requests from the hub, and the config file read anew.

Each is checked, becomes what is running, is sent to every child, and answered
when all workers have it. One at a time, since the master is one thread.
Counterpart: `director.master.run`, the life of the master.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from director import logs
from director.config import changes, numbering
from director.config.merge import merge
from director.config.model import Config
from director.config.plan import Step, steps
from director.errors import ConfigError, DirectorError, Exit, RefusedError, Severity, SystemFailure
from director.events import Event
from director.master import checker
from director.master.family import Child
from director.master.listeners import Address, open_address
from director.master.stage import Stage
from director.messages import (
    Amend,
    Answer,
    Configure,
    ListenerRef,
    Message,
    Order,
    Release,
    Reload,
    Request,
    Running,
    Slot,
    StopDaemon,
    Upgrade,
)

if TYPE_CHECKING:
    from director.master.run import Master

ACKNOWLEDGE = 1.0  # seconds to wait for workers to say that they have a change


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


class Changing:
    """Carries changes out for the master, whose `running` it replaces."""

    def __init__(self, master: Master) -> None:
        self.master = master
        self._pending: list[_Pending] = []
        self._reload: tuple[checker.Check, Request | None] | None = None

    def tick(self, now: float) -> None:
        """Several times a second: give up waiting for what takes too long."""
        for pending in list(self._pending):
            if not pending.waiting or now - pending.since >= ACKNOWLEDGE:
                self._settle(pending)
        if self._reload is not None and now >= self._reload[0].deadline:
            self._reload[0].fail(f"it took longer than {checker.TIME_LIMIT:.0f} s")
            self._reloaded()

    def gone(self, child: Child) -> None:
        """A child died: nobody waits for it any more."""
        for pending in self._pending:
            pending.waiting.discard((child.slot, child.incarnation))

    def stranger(self, pid: int) -> None:
        """A process that is no child of the family died: perhaps the checker of a reload."""
        if self._reload is not None and self._reload[0].pid == pid:
            self._checked()

    def request(self, request: Request) -> None:
        """Do what an operator wants, and answer."""
        try:
            self._perform(request.order, request)
        except ConfigError as error:
            self.answer(request, Exit.BAD_CONFIG, (), problems=error.problems)
        except DirectorError as error:
            self.answer(request, error.exit, (str(error),))

    def _perform(self, order: Order, request: Request) -> None:
        match order:
            case Reload():
                self._begin_reload(request)
            case Upgrade():
                self.master.begin_upgrade(request)
            case StopDaemon():
                self.answer(request, Exit.DONE, ("stopping",))
                self.master.stop(fast=False)
            case _ if self.master.upgrade is not None or self.master.candidate is not None:
                stage = self.master.stage.value
                raise RefusedError(f"can't change anything: the daemon is {stage}; try again in a moment")
            case _:
                at = self.master.system.wall()
                running, sentence = changes.amend(self.master.running, order, request.actor, at, force=request.force)
                if running is self.master.running:
                    self.answer(request, Exit.DONE, (sentence,))
                    return
                self.master.running = running
                logs.info(Event.CHANGE_APPLIED, version=running.version, by=request.actor.name, change=sentence)
                amend = Amend(running.version, order, request.actor, at)
                self._spread(amend, request, (sentence,))

    def _spread(self, message: Message, request: Request | None, lines: tuple[str, ...], steps: int = 0) -> None:
        workers = self.master.family.workers()
        waiting = {(worker.slot, worker.incarnation) for worker in workers}
        pending = _Pending(
            request, self.master.running.version, lines, waiting, len(waiting), self.master.system.now(), steps
        )
        self._pending.append(pending)
        self.master.family.tell_all(message)

    def applied(self, child: Child, version: int) -> None:
        """A child works by this version now."""
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
            self.answer(
                pending.request,
                Exit.DONE,
                pending.lines,
                applied=applied,
                workers=pending.workers,
                steps=pending.steps,
            )

    def answer(self, request: Request | None, exit: int, lines: tuple[str, ...], **more: object) -> None:
        """Say what became of a request, if it was one."""
        if request is not None:
            self.master.family.tell_hub(Answer(request.id, exit, lines, **more))  # type: ignore[arg-type]

    # -- reload -------------------------------------------------------------------

    def hup(self) -> None:
        """Asked by signal to reload."""
        logs.info(Event.SIGNAL_RECEIVED, signal="HUP")
        try:
            self._begin_reload(None)
        except DirectorError as error:
            logs.error(Event.CONFIG_REJECTED, reason=error)

    def _begin_reload(self, request: Request | None) -> None:
        if self.master.stage is not Stage.SERVING:
            raise SystemFailure(f"can't reload: the daemon is {self.master.stage.value}")
        if self._reload is not None:
            raise SystemFailure("can't reload: another reload is under way")
        if self.master.places.config is None:
            raise SystemFailure("can't reload: this daemon runs without a config file")
        check = checker.begin(
            self.master.system, checker.read_file(self.master.places.config), self.master.places.config
        )
        self._reload = (check, request)
        self.master.loop.watch(check.fd, self._checked)

    def _checked(self) -> None:
        if self._reload is not None and self._reload[0].collect():
            self._reloaded()

    def _reloaded(self) -> None:
        assert self._reload is not None
        check, request = self._reload
        self._reload = None
        self.master.loop.forget(check.fd)
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
            self.answer(request, Exit.BAD_CONFIG, (), problems=error.problems)
        except DirectorError as error:
            logs.error(Event.CONFIG_REJECTED, reason=error)
            self.answer(request, error.exit, (str(error),))

    def _apply(self, now: Config, request: Request | None) -> None:
        """Run by what the file says now. Raises before anything has changed, or not at all."""
        target, kept = merge(self.master.loaded, now, self.master.running.config)
        plan = steps(self.master.running.config, target)
        restart = [step.text for step in plan if step.restart]
        # Said, rather than shown as running while it is not.
        if target.workers != self.master.running.config.workers:
            restart.append("another number of workers")
        if target.logging != self.master.running.config.logging:
            restart.append("another log")
        if restart:
            raise SystemFailure("needs restart, nothing was changed: " + "; ".join(restart))
        kept += len(self.master.running.admin)
        stays = (f"{count(kept, 'run-time change')} in force",) if kept else ()
        if not plan:
            self.master.loaded = now
            self.answer(request, Exit.DONE, ("nothing to change", *stays))
            return
        opened = self._open_new(target)
        try:
            self.master.admins.open(target)
        except SystemFailure:
            for address in opened.values():
                address.close()
            raise
        self.master.loaded = now
        config, self.master.last_number = numbering.assign(target, self.master.running.config, self.master.last_number)
        known = {host.number for service in config.services for group in service.groups for host in group.hosts}
        admin = {number: down for number, down in self.master.running.admin.items() if number in known}
        before = self.master.running.config
        self.master.running = Running(self.master.running.version + 1, config, admin)
        self.master.family.supervisor.worker_timeout = config.worker_timeout
        for step in plan:
            logs.info(Event.CONFIG_APPLIED, version=self.master.running.version, step=step.text)
        lines = (*_lines(plan), *stays)
        self._spread(Configure(self.master.running), request, lines, steps=len(plan))
        self._swap_listeners(before, opened)
        self.master.admins.tell(self.master.family)

    def _open_new(self, target: Config) -> dict[str, Address]:
        slots = len(self.master.family.supervisor.workers())
        opened: dict[str, Address] = {}
        try:
            for service in target.services:
                for listen in service.listens:
                    if str(listen.ip) not in self.master.addresses:
                        opened[str(listen.ip)] = open_address(listen, slots)
        except SystemFailure:
            for address in opened.values():
                address.close()
            raise
        return opened

    def _swap_listeners(self, before: Config, opened: dict[str, Address]) -> None:
        """Have workers accept on new addresses, then let go of those that are gone."""
        self.master.addresses.update(opened)
        owners = {str(listen.ip): service.number for service in before.services for listen in service.listens}
        supervisor = self.master.family.supervisor
        kept = set()
        for worker in self.master.family.workers():
            slots = [place.slot for place in supervisor.workers() if place.covered_by == worker.slot]
            slots.append(worker.slot)
            mine = [ref for slot in slots for ref in self.master.refs(slot)]
            kept = {ref.ip for ref in mine}
            if supervisor.places[worker.slot].state.value != "serving":
                continue
            # A worker that has the socket already learns whose it is now.
            self.master.family.accept(worker, [ref for ref in mine if owners.get(ref.ip) != ref.service])
            gone = [ListenerRef(owners[ip], ip, slot) for slot in slots for ip in owners if ip not in kept]
            if gone:
                self.master.family.tell(worker, Release(tuple(gone)))
        for ip in opened:
            logs.info(Event.LISTENER_OPENED, ip=ip)
        wanted = {str(listen.ip) for service in self.master.running.config.services for listen in service.listens}
        for ip in set(self.master.addresses) - wanted:
            self.master.addresses.pop(ip).close()
            logs.info(Event.LISTENER_CLOSED, ip=ip)


def _lines(plan: tuple[Step, ...]) -> tuple[str, ...]:
    return tuple(step.text for step in plan)


def count(number: int, noun: str) -> str:
    """So many of them, in words."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
