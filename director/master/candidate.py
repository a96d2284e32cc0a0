"""The new side of an upgrade: from what the old master left to a daemon of its own.

Gets ready without accepting anything, says so, and does what the old master
says: go, commit, withdraw. If that one dies, it is the daemon as soon as it
can be. Counterpart: `upgrade`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from director import logs
from director.events import Event
from director.master.bond import Bond
from director.master.retirement import Retirement, report_to
from director.master.stage import Stage, Turn
from director.messages import (
    HUB_SLOT,
    Commit,
    Failed,
    Go,
    HandedOver,
    Handover,
    Happened,
    Heartbeat,
    Message,
    Reopen,
    Serving,
    Slot,
    Standby,
    TakeOver,
    Withdraw,
)

if TYPE_CHECKING:
    from director.master.run import Master

BEAT = 0.25  # seconds
CROWDED = 2.0  # seconds that a queue may be half full
SILENCE = 4.0  # seconds that a child may say nothing; where there is somebody to go back to, sooner than else
AWAY = 1.0  # seconds between two looks after which children get that time anew: we were stopped, or the machine was
DEATHS = 2  # of workers in probation that are one too many
HAND_OVER = 0.3  # seconds for a hub to write down what it knows


class Candidate:
    """What the master that `left` this to us wants, until the daemon is ours."""

    def __init__(self, master: Master, bond: Bond, left: Handover) -> None:
        self._master = master
        self._bond = bond
        self._left = left
        self._alone = False
        self._deaths = 0
        self._beat_at = 0.0
        self._crowded_since: float | None = None  # a queue is long
        self._looked = self._excused = 0.0
        self._decides = False  # our hub does
        self._told_to_commit = False
        self._withdrawing: Withdraw | None = None
        master.family.left = lambda: -1 if master.candidate is None else left.left
        bond.hear = self._hear
        bond.gone = self._lost

    # -- what happens here ----------------------------------------------------------

    def all_ready(self) -> None:
        """Every child of ours is."""
        self._master.turn(Turn.ALL_READY)
        if self._alone:
            self._promote()
        else:
            self._bond.tell(Standby())

    def all_accept(self) -> None:
        """Every worker of ours does."""
        self._master.family.covering = True
        self._bond.tell(Serving())

    def hub_decides(self) -> None:
        """Our hub has taken over."""
        self._decides = True
        if self._told_to_commit:
            self._commit()

    def died(self, slot: Slot, cause: str, while_booting: bool) -> None:
        """A child of ours did."""
        if slot == HUB_SLOT:
            self._decides = False  # until the next one does
        self._deaths += 1
        if self._alone:
            return  # there is nobody to go back to
        if while_booting or self._deaths >= DEATHS:
            self.fail(cause)

    def fail(self, cause: str) -> None:
        """We are no good: the old master has to decide, or has decided for stopping us."""
        self._bond.tell(Failed(cause))

    def pass_on(self, happened: Happened) -> None:
        """Before we serve, the old hub is the one that is asked what has happened; ours hears of it, too."""
        if self._master.stage in (Stage.CANDIDATE, Stage.READY):
            self._bond.tell(happened)

    def tick(self, now: float) -> None:
        """A sign of life."""
        if now - self._beat_at >= BEAT:
            self._beat_at = now
            self._bond.tell(Heartbeat(self._master.loop.lag))
        if self._master.stage is Stage.PROBATION_NEW and not self._alone:
            self._watch_queues(now)
            self._watch_children(now)

    def _watch_queues(self, now: float) -> None:
        """Clients that wait for long are a sign that our workers don't accept as they should."""
        crowded = next((ip for ip, address in self._master.addresses.items() if address.crowded()), None)
        if crowded is None:
            self._crowded_since = None
        elif self._crowded_since is None:
            self._crowded_since = now
        elif now - self._crowded_since >= CROWDED:
            self._crowded_since = None
            self.fail(f"clients filled half the backlog of {crowded} for {CROWDED:g} s")

    def _watch_children(self, now: float) -> None:
        """One that hangs is a sign that the next would hang, too; nor is one any good that was stopped.

        Here that excuses nobody: the others can go on at once, and nobody dies of it.
        """
        if now - self._looked > AWAY:
            self._excused = now
        self._looked = now
        hung = self._master.family.supervisor.silent(now - SILENCE)
        if hung is not None and now - self._excused > SILENCE:
            self.fail(f"its {hung.name} has been silent for {SILENCE:g} s")

    # -- what the old master says -----------------------------------------------------

    def _hear(self, message: Message) -> None:
        match message:
            case Go() if self._master.stage is Stage.READY:
                self._go()
            case Commit() if self._master.stage is Stage.PROBATION_NEW:
                self._commit()
            case Withdraw():
                self._withdraw(message)
            case Reopen():
                self._master.usr1(others=False)
            case _:
                logs.error(Event.PROCESS_FAILED, reason=f"the old master sent {type(message).__name__}")

    def _go(self) -> None:
        master = self._master
        master.turn(Turn.GO)
        master.retirees.redirect(master.family.directory)
        master.retirees.add(self._left.elder, self._bond)
        self._bond.gone = self._lost
        master.family.tell_hub(TakeOver(), (self._left.left,))
        master.tell_processes()
        for worker in master.family.workers():
            master.family.accept(worker, master.seats.refs(worker.slot))
        if self._left.pledge >= 0:
            os.close(self._left.pledge)  # workers without a master need not accept any more

    def _commit(self) -> None:
        master = self._master
        if not (self._decides or self._alone):
            self._told_to_commit = True  # the old master waits for a while, and takes it back then
            return
        master.turn(Turn.COMMIT)
        master.candidate = None
        elder = self._left.elder
        self._bond.gone = lambda: master.retirees.gone(elder.ordinal)
        os.close(self._left.left)
        master.become_daemon()
        master.openings.settle()  # only now: before, the other generation could have gone on with them
        self._bond.tell(Serving())
        if self._alone:
            master.retirees.add_orphans(elder, master.running.config.orphan_timeout)

    def _withdraw(self, order: Withdraw) -> None:
        master = self._master
        logs.error(Event.UPGRADE_UNDONE, reason=order.reason)
        master.controls.drop_gone(self._left.running.config)
        went = master.stage is Stage.PROBATION_NEW
        master.turn(Turn.ROLLBACK)
        master.retirees.forget(self._left.elder.ordinal)
        master.retirees.let_go()
        self._withdrawing = order
        if not went:
            self.handed_over()
            return
        master.family.hold()
        report_to(master, order.directory)
        if HUB_SLOT in master.family.children:
            # The other hub begins with what ours writes down.
            master.loop.after(HAND_OVER, self.handed_over)
        else:
            self.handed_over()

    def handed_over(self) -> None:
        """Our hub decides nothing any more, or took too long to say so."""
        order, self._withdrawing = self._withdrawing, None
        if order is None:
            return
        self._master.candidate = None
        self._bond.tell(HandedOver())
        Retirement(self._master, self._bond, order.seconds)

    # -- when nobody says anything any more -------------------------------------------

    def _lost(self) -> None:
        """The old master is dead."""
        self._alone = True
        if self._master.stage in (Stage.READY, Stage.PROBATION_NEW):
            self._promote()

    def _promote(self) -> None:
        logs.warning(Event.GENERATION_PROMOTED, generation=self._master.generation, instead_of=self._left.elder.pid)
        if self._master.stage is Stage.READY:
            self._go()
        self._commit()
