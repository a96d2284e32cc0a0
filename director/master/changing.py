"""Changes of what the daemon works by: requests from the hub, one at a time, since the master is one thread.

Each is checked, becomes what is running, is written to the journal, sent to
every child, and answered when all workers have it. Config texts, which a
checker must read first, are `loading`'s. Counterpart: `director.master.run`,
the life of the master.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from director import logs
from director.config import changes
from director.config.checking import deserted
from director.config.departures import settled
from director.config.edits import by_place, diff, renumbered
from director.config.gist import gist
from director.config.plan import described
from director.config.usability import interlock, loss
from director.errors import ConfigError, DirectorError, Exit, RefusedError
from director.events import Event
from director.master import records
from director.master.family import Child
from director.master.listeners import Address
from director.master.loading import Loading
from director.master.records import Changed
from director.master.stage import Stage
from director.messages import (
    Actor,
    AdminDown,
    Amend,
    Answer,
    ApplyConfig,
    Configure,
    Discard,
    DrainsOver,
    Edit,
    HostUp,
    HostWeight,
    LogLevel,
    LogReopen,
    Message,
    Open,
    Out,
    Reload,
    Request,
    Running,
    SaveConfig,
    ShowConfig,
    ShowJournal,
    Slot,
    StopDaemon,
    Undo,
    Upgrade,
)

if TYPE_CHECKING:
    from director.master.run import Master

ACKNOWLEDGE = 1.0  # seconds to wait for workers to say that they have a change
RETRY = 10.0  # seconds until what could not be ended is tried again
CLOCK = Actor("director", "the clock")


@dataclass
class _Pending:
    """A change on its way: whose answer waits for which workers."""

    request: Request | None
    version: int
    waiting: set[tuple[Slot, int]]  # (slot, incarnation)
    workers: int
    since: float
    outcome: Outcome


@dataclass
class Outcome:
    """What is said of a change that was made."""

    lines: tuple[str, ...]
    steps: int = 0  # of a plan
    data: dict[str, Any] = field(default_factory=dict)


class Changing:
    """Carries changes out for the master, whose `running` it replaces."""

    def __init__(self, master: Master) -> None:
        self.master = master
        self.loading = Loading(self)
        self._pending: list[_Pending] = []
        self._revert_at = 0.0  # not before

    # -- the master's life ---------------------------------------------------------

    def tick(self, now: float) -> None:
        """Several times a second: give up waiting for what takes too long; end what was for a time."""
        for pending in list(self._pending):
            if not pending.waiting or now - pending.since >= ACKNOWLEDGE:
                self._settle(pending)
        self.loading.tick(now)
        if self.master.stage is Stage.SERVING and now >= self._revert_at:
            self._revert(now)

    def gone(self, child: Child) -> None:
        """A child died: nobody waits for it any more."""
        for pending in self._pending:
            pending.waiting.discard((child.slot, child.incarnation))

    def applied(self, child: Child, version: int) -> None:
        """A child works by this version now."""
        for pending in list(self._pending):
            if pending.version <= version:
                pending.waiting.discard((child.slot, child.incarnation))
                if not pending.waiting:
                    self._settle(pending)

    def _revert(self, now: float) -> None:
        """End what is over: here only, since in an upgrade no generation may change anything before it is settled."""
        wall = self.master.system.wall()
        if not self._overdue(wall):
            return
        for place, down in by_place(self.master.running).items():
            if is_over(down, wall):
                self.request(Request(0, CLOCK, HostUp(*place[1::2])))
        if self._overdue(wall):
            self._revert_at = now + RETRY

    def _overdue(self, wall: float) -> bool:
        return any(is_over(down, wall) for down in self.master.running.admin.values())

    # -- requests --------------------------------------------------------------------

    def request(self, request: Request) -> None:
        """Do what an operator wants, and answer."""
        try:
            self.perform(request)
        except ConfigError as error:
            self.answer(request, Exit.BAD_CONFIG, (), problems=error.problems)
        except DirectorError as error:
            if request.actor is CLOCK:
                logs.error(Event.COMMAND_FAILED, reason=error)
            data = error.data if isinstance(error, RefusedError) else {}
            self.answer(request, error.exit, (str(error),), data=dict(data))

    def perform(self, request: Request) -> None:
        """Do what an operator wants, and answer if it can be done. Raises DirectorError."""
        running, order = self.master.running, request.order
        match order:
            case Upgrade():
                self.master.begin_upgrade(request)
            case Reload() | ApplyConfig() | SaveConfig():
                self.loading.begin(request)
            case ShowConfig():
                self.answer(request, Exit.DONE, (), data=self.loading.texts())
            case ShowJournal():
                self.answer(request, Exit.DONE, (), data={"changes": self._listed()})
            case DrainsOver(drains):
                self._forget(drains)
            case LogReopen():
                self.master.rotation.begin(request)
            case LogLevel(level, subsystem):
                logs.set_level(level, subsystem)
                self.master.family.tell_all(order)
                logs.info(Event.LOG_LEVEL, subject=subsystem or "all", new=level, by=request.actor.name)
                self.answer(request, Exit.DONE, (f"{subsystem or 'everything'} is logged from {level} on",))
            case StopDaemon():
                self.answer(request, Exit.DONE, ("stopping",))
                self.master.stop(fast=False)
            case Undo(number, open_, out):
                change, edits = records.taking_back(self.master.journal.records, number, running)
                if not edits:
                    self.answer(request, Exit.DONE, (f"change {number} is undone already",))
                    return
                edits = self._lasting(edits)
                if not edits:
                    raise RefusedError(f"can't undo {number}: the time for which its host was down is over")
                after = self.guarded(request, records.replay(running, edits), f"undo {number}", open_, out)
                self.commit(request, after, f"change {number} is undone: {change.said}", number)
            case Discard(open_, out):
                target = replace(running, config=self.master.loaded, admin={})
                target = self.guarded(request, target, "drop run-time changes", open_, out)
                said = "run-time changes are dropped" if target != running else "there are no run-time changes to drop"
                self.commit(request, target, said)
            case _:
                if isinstance(order, HostWeight):
                    order = changes.in_numbers(order, self.master.loaded, running)
                wall = self.master.system.wall()
                after, sentence = changes.amend(running, order, request.actor, wall, force=request.force)
                self.commit(request, after, sentence)

    def _lasting(self, edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
        """Those without what the clock would end the next moment."""
        wall = self.master.system.wall()
        return tuple(edit for edit in edits if not (isinstance(edit.new, AdminDown) and is_over(edit.new, wall)))

    def _forget(self, over: tuple[tuple[tuple[str, ...], float], ...]) -> None:
        """Drains of which nothing is left: no change that anybody made, so the journal has nothing of it."""
        before = self.master.running
        kept = tuple(drain for drain in before.drains if (drain.path, drain.since_at) not in over)
        after = replace(before, drains=kept)
        if kept != before.drains and self.master.stage is Stage.SERVING:
            self.enact(None, after, diff(before, after), {}, Outcome(()))

    def guarded(self, request: Request, after: Running, deed: str, open_: Open, out: Out) -> Running:
        """The same with numbers. Raises RefusedError if clients would lose what no single change may take from them."""
        before = self.master.running
        after, _ = renumbered(after, before.config, self.master.last_number)
        if cause := loss(before, after, dict(open_), out):
            interlock(request.force, f"can't {deed}: {cause}")
        return after

    def commit(self, request: Request, after: Running, said: str, undoes: int = 0, plan_id: str = "") -> None:
        """Make `after` what runs, and remember it. Raises before anything has changed, or not at all."""
        master = self.master
        before = master.running
        after, last = renumbered(after, before.config, master.last_number)
        after = settled(after)
        edits = diff(before, after) or changes.chosen_again(before, request.order)
        if not edits:
            self.answer(request, Exit.DONE, (said,), data=self.planned((), plan_id) if request.dry_run else {})
            return
        if admin := deserted(after.config):
            deed = f"undo {undoes}" if undoes else "do that"
            raise RefusedError(f"can't {deed}: admin {admin.listen} would have no user left; user-add another before")
        plan = described(before, after)
        if request.dry_run:
            self.answer(
                request, Exit.DONE, tuple(step.text for step in plan), steps=len(plan), data=self.planned(plan, plan_id)
            )
            return
        if master.upgrade is not None or master.candidate is not None:
            raise RefusedError(f"can't change anything: the daemon is {master.stage.value}; try again in a moment")
        if restart := [step.text for step in plan if step.restart]:
            raise RefusedError("needs restart, nothing was changed: " + "; ".join(restart))
        opened = master.openings.open_new(after.config)
        number = master.journal.next_number
        reason = getattr(request.order, "reason", "")
        try:
            wall = master.system.wall()
            master.journal.append(Changed(number, wall, request.actor, said, edits, reason, undoes))
        except DirectorError:
            master.openings.forget(opened)
            raise
        master.last_number = last
        why = {"reason": reason} if reason else {}
        logs.info(Event.CHANGE_APPLIED, number=number, by=request.actor.name, change=said, **gist(edits), **why)
        failure = master.journal.failure
        forgotten = {"warnings": [f"{failure}; this one ends with the daemon"]} if failure else {}
        self.enact(request, after, edits, opened, Outcome((said,), len(plan), {"change": number, **forgotten}))

    def enact(
        self,
        request: Request | None,
        after: Running,
        edits: tuple[Edit, ...],
        opened: dict[str, Address],
        outcome: Outcome,
    ) -> None:
        """Have everybody work by what is remembered already; answer when they do."""
        master = self.master
        before = master.running
        master.running = replace(after, version=before.version + 1)
        master.family.supervisor.worker_timeout = after.config.worker_timeout
        # What waits at a listener that goes is accepted while its service is still known.
        master.openings.release_gone(before.config)
        whole = after.config.own_schedulers != before.config.own_schedulers
        self._spread(Configure(master.running) if whole else Amend(master.running.version, edits), request, outcome)
        if any(edit.field in ("", "weight") for edit in edits):  # a look at all hosts, which most changes need not pay
            master.tell_weights()
        master.openings.swap(before.config, opened)
        master.seats.follow(before.config)

    def loaded(
        self,
        request: Request | None,
        after: Running,
        edits: tuple[Edit, ...],
        opened: dict[str, Address],
        lines: tuple[str, ...],
        steps: int,
    ) -> None:
        """The file was read anew, and is remembered: work by what it makes of what runs."""
        if edits:
            self.enact(request, after, edits, opened, Outcome(lines, steps))
        else:
            self.master.running = replace(after, version=self.master.running.version)
            self.answer(request, Exit.DONE, lines)
        self.master.tell_weights()

    def planned(self, plan: tuple[Any, ...], plan_id: str) -> dict[str, Any]:
        """A plan as data."""
        actions = [
            {"kind": step.kind.value, "text": step.text, "path": list(step.path), "restart": step.restart}
            for step in plan
        ]
        return {"plan": plan_id, "actions": actions}

    def _listed(self) -> list[dict[str, Any]]:
        gone = records.undone(self.master.journal.records)
        return [
            {
                "number": record.number,
                "at": record.at,
                "by": record.actor.name,
                "from": record.actor.origin,
                "reason": record.reason,
                "change": record.said,
                "undone": record.number in gone,
                "edits": len(record.edits),
            }
            for record in self.master.journal.records
            if isinstance(record, Changed)
        ]

    # -- children ----------------------------------------------------------------------

    def _spread(self, message: Message, request: Request | None, outcome: Outcome) -> None:
        workers = self.master.family.workers()
        waiting = {(worker.slot, worker.incarnation) for worker in workers}
        now = self.master.system.now()
        self._pending.append(_Pending(request, self.master.running.version, waiting, len(waiting), now, outcome))
        self.master.family.tell_all(message)

    def _settle(self, pending: _Pending) -> None:
        self._pending.remove(pending)
        applied = pending.workers - len(pending.waiting)
        if pending.waiting:
            silent = ",".join(str(slot) for slot, _ in sorted(pending.waiting))
            logs.warning(Event.CHANGE_PARTIAL, version=pending.version, applied=applied, silent_workers=silent)
        self.answer(
            pending.request,
            Exit.DONE,
            pending.outcome.lines,
            applied=applied,
            workers=pending.workers,
            steps=pending.outcome.steps,
            data=pending.outcome.data,
        )

    def answer(self, request: Request | None, exit: int, lines: tuple[str, ...], **more: Any) -> None:
        """Say what became of a request, to whoever waits for it."""
        if request is not None and request.id:
            self.master.family.tell_hub(Answer(request.id, exit, lines, **more))


def is_over(down: AdminDown, wall: float) -> bool:
    """Whether it was for a time that has passed."""
    return down.until_at is not None and down.until_at <= wall
