"""The old side of an upgrade: try the new version, start it, let it take over, watch it, and go or come back.

    PREFLIGHT    the new interpreter loads everything and checks the config
    BOOT         the candidate runs: its hub and workers get ready and accept nothing
    HOLD         our workers stop accepting; clients wait in the backlog
    HANDOVER     our hub writes down what it knows and becomes a worker of theirs
    SWITCH       they were told to go, and begin to accept
    PROBATION    they serve; we keep everything to come back
    COMMIT       the daemon is theirs; we only finish what we have
    WITHDRAWING  it failed after the switch: they stop accepting, then we go on

At every instant one hub decides and one master may change anything. What goes
wrong before COMMIT is rolled back, whatever it is. Counterpart: `candidate`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from director import logs
from director.errors import ChildExit, Exit, RefusedError
from director.events import Event
from director.framing import encode
from director.link import Link
from director.master import handover, retirees
from director.master.bond import Bond
from director.master.child import fork_child
from director.master.loop import Timer
from director.master.preflight import Preflight
from director.master.retirement import Retirement, report_to
from director.master.stage import Stage, Turn
from director.master.system import start_ticks
from director.messages import (
    HUB_SLOT,
    Born,
    Commit,
    Elder,
    Failed,
    Go,
    HandedOver,
    Handover,
    Happened,
    Inherited,
    Message,
    Progress,
    Reopen,
    Request,
    Serving,
    Slot,
    Standby,
    Succession,
    TakeOver,
    Withdraw,
)

if TYPE_CHECKING:
    from director.master.run import Master

HOLD = 0.5  # seconds for workers to say that they accept no more
HAND_OVER = 0.3  # seconds for a hub to write down what it knows
SWITCH = 1.0  # seconds for the candidate's workers to accept
SILENCE = 3.0  # seconds without a heartbeat of the candidate
AWAY = 1.0  # seconds between two looks after which it gets that time anew: we were stopped, or the machine was
WITHDRAW = 1.0  # seconds for a candidate to let go, and for its hub to write down what it knows
COMMIT = 5.0  # seconds for it to write down that it is the daemon


class UpgradeRefused(RefusedError):
    """Nothing was touched."""

    exit = Exit.UPGRADE_REFUSED


class Step(Enum):
    """How far an upgrade has got."""

    PREFLIGHT = "preflight"
    BOOT = "boot"
    HOLD = "hold"
    HANDOVER = "handover"
    SWITCH = "switch"
    PROBATION = "probation"
    COMMIT = "commit"
    WITHDRAWING = "withdrawing"


class Upgrade:
    """One upgrade, from `begin` to its end. `request`: whose answer it is, if not a signal's."""

    def __init__(self, master: Master, request: Request | None) -> None:
        self._master = master
        self._request = request
        self.step = Step.PREFLIGHT
        self._preflight = Preflight(master.loop, self._preflighted)
        self._bond: Bond | None = None
        # One that was taken back may still have connections, or be remembered as dead: its ordinal is not given again.
        master.last_ordinal += 1
        self._candidate = Elder(master.last_ordinal, "", 0, 0, -1)
        self._memory = -1  # the memory file of the candidate's hub
        self._timer: Timer | None = None
        self._heard = 0.0
        self._looked = 0.0
        self._held_at = 0.0
        self._waiting: set[Slot] = set()
        self._reason = ""
        self._version = ""
        self._began = master.system.now()
        self._handed_over = False
        self._stop: bool | None = None  # stop when it is over, and whether fast

    # -- the steps ------------------------------------------------------------------

    def begin(self) -> None:
        """Raises UpgradeRefused."""
        master = self._master
        if master.stage is not Stage.SERVING:
            raise UpgradeRefused(f"can't upgrade: the daemon is {master.stage.value}")
        if master.paused:
            raise UpgradeRefused("can't upgrade: accepting is paused; another WINCH resumes it")
        if master.places.config is None:
            raise UpgradeRefused("can't upgrade: this daemon runs without a config file")
        if len(master.retirees.all) >= retirees.MOST:
            oldest, _ = master.retirees.all[min(master.retirees.all)]
            raise UpgradeRefused(
                f"can't upgrade: {retirees.MOST} generations still have connections, the oldest is {oldest.name},"
                f" pid {oldest.pid}; wait, close what holds it, or end it: kill {oldest.pid}",
                held_by=oldest.name,
            )
        try:
            self._try_folders()
        except OSError as error:
            raise UpgradeRefused(
                f"can't upgrade: can't write {error.filename}: {error.strerror}; nothing was changed"
            ) from None
        try:
            self._preflight.begin(master.system, master.invocation, master.places)
        except OSError as error:
            raise UpgradeRefused(f"can't upgrade: can't fork: {error.strerror}") from None
        master.turn(Turn.UPGRADE)
        logs.info(Event.UPGRADE_STARTED, by="signal" if self._request is None else self._request.actor.name)
        self._say("checking the new version")
        self._after(master.running.config.upgrade_timeout, lambda: self.fail("it was not ready in time"))

    def _try_folders(self) -> None:
        """A successor has to make a folder of its own, and to write the journal that we can write. Raises OSError."""
        journal, folder = self._master.journal, f"{self._master.family.directory}.new"
        os.mkdir(folder)
        os.rmdir(folder)
        if journal.path is not None and not journal.closed:
            with contextlib.suppress(FileNotFoundError):  # it is made again, by whoever is the daemon then
                os.close(os.open(journal.path, os.O_WRONLY | os.O_CLOEXEC))

    def _preflighted(self, version: str | None, reason: str) -> None:
        if version is None:
            self.fail(reason)
            return
        self._version = version
        with contextlib.ExitStack() as given:
            try:
                self._execute(given)
            except OSError as error:
                self.fail(f"can't start it: {error.strerror}")
                return
        self._say(f"starting version {version}")

    def _execute(self, given: contextlib.ExitStack) -> None:
        """Fork twice, so that the candidate is a child of init and not of ours, and become it there.

        `given` closes our copies of what only the candidate needs. Raises OSError; then there is no candidate.
        """
        master = self._master
        self._memory = os.memfd_create("director-hub")
        ours, theirs = socket.socketpair()
        given.callback(theirs.close)
        awaited, pledge = os.pipe()
        for end in (awaited, pledge):
            given.callback(os.close, end)
        left = self._left(theirs.fileno(), pledge)
        fd = handover.write(left)
        given.callback(os.close, fd)
        fds = [*handover.descriptors(left), fd]

        def run() -> int:
            if os.fork():
                return ChildExit.DRAINED
            theirs.setblocking(True)
            with contextlib.suppress(BrokenPipeError):  # the old master is dead already: all the more are we needed
                theirs.sendall(encode(Born(os.getpid(), start_ticks(os.getpid()) or 0)))
            try:
                master.invocation.execute(master.places, ("candidate",), fds, **{handover.VARIABLE: str(fd)})
            except OSError as error:
                theirs.sendall(encode(Failed(f"can't run {master.invocation.words[0]}: {error.strerror}")))
            return ChildExit.BOOT_FAILED

        fork_child(master.system, run, lambda: (0, 1, 2, *fds))
        # From here on there is one, and it must not take us for dead.
        self.step = Step.BOOT
        self._bond = Bond(master.loop, Link(ours), self._hear, self._lost)
        master.family.tell_workers(Succession(), (awaited,))

    def _left(self, link: int, pledge: int) -> Handover:
        master = self._master
        family = master.family
        pid = os.getpid()
        return Handover(
            elder=Elder(family.ordinal, master.generation, pid, start_ticks(pid) or 0, link),
            retirees=master.retirees.elders(),
            lock=master.lock.fd,
            control=family.control,
            left=family.memory,
            memory=self._memory,
            listeners=tuple(
                Inherited(ip, one.shared, one.serving, tuple(sock.fileno() for sock in one.sockets), one.foreign)
                for ip, one in master.addresses.items()
            ),
            loaded=master.loaded,
            running=master.running,
            last_number=master.last_number,
            foreground=master.foreground,
            owner=family.owner,
            ordinal=self._candidate.ordinal,
            log_level=master.log_level,
            pledge=pledge,
            controls=master.controls.descriptors,
        )

    def _born(self, message: Message) -> None:
        assert isinstance(message, Born)
        self._candidate = replace(
            self._candidate, name=f"g{message.pid}-{message.start}", pid=message.pid, start=message.start
        )

    def _standby(self, _message: Message) -> None:
        self._say(f"version {self._version} is ready, pid {self._candidate.pid}: switching")
        self.step = Step.HOLD
        self._held_at = self._master.system.now()
        self._waiting = {worker.slot for worker in self._master.family.workers()}
        self._master.family.hold()
        self._after(HOLD, self._hand_over)
        if not self._waiting:
            self._hand_over()

    def held(self, slot: Slot) -> None:
        """That worker accepts no more."""
        self._waiting.discard(slot)
        if self.step is Step.HOLD and not self._waiting:
            self._hand_over()

    def _hand_over(self) -> None:
        self.step = Step.HANDOVER
        self._handed_over = True
        report_to(self._master, self._directory(self._candidate.name))
        if HUB_SLOT not in self._master.family.children:
            self.handed_over()  # what it saved last has to do
        else:
            self._after(HAND_OVER, self.handed_over)

    def handed_over(self, failure: str = "") -> None:
        """Our hub wrote down what it knows, or took too long for that; or it says that it can't."""
        if self.step is not Step.HANDOVER:
            return
        if failure:
            self.fail(failure)
            return
        assert self._bond is not None
        self.step = Step.SWITCH
        self._master.turn(Turn.GO)
        self._heard = self._master.system.now()
        self._bond.tell(Go())
        self._after(SWITCH, lambda: self.fail(f"its workers did not accept within {SWITCH:g} s"))

    def _serving(self, _message: Message) -> None:
        probation = self._master.running.config.upgrade_probation
        paused = self._master.system.now() - self._held_at
        self._say(f"version {self._version} serves, after {1000 * paused:.0f} ms; watching it for {probation:g} s")
        self.step = Step.PROBATION
        self._after(probation, self._commit)

    def _commit(self) -> None:
        assert self._bond is not None
        self.step = Step.COMMIT
        self._master.journal.close()  # it is the next one's to write
        self._bond.tell(Commit())
        self._after(COMMIT, lambda: self.fail("it did not take the daemon over"))

    def _committed(self, _message: Message) -> None:
        master = self._master
        self._cancel()
        took = master.system.now() - self._began
        logs.info(Event.UPGRADE_COMMITTED, version=self._version, pid=self._candidate.pid, seconds=f"{took:.1f}")
        # Only the main process may say who is to be it.
        master.notifier.tell(f"MAINPID={self._candidate.pid}", f"STATUS=serving, pid {self._candidate.pid}")
        master.turn(Turn.COMMIT)
        master.changing.answer(
            self._request, Exit.DONE, (f"upgraded to version {self._version}, pid {self._candidate.pid}",)
        )
        os.close(self._memory)
        if self._stop is not None:
            number = signal.SIGINT if self._stop else signal.SIGTERM
            retirees.tell_by_signal(self._candidate.pid, self._candidate.start, number)
        Retirement(master, self._bond, master.running.config.drain_timeout)

    # -- going wrong ------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Is it still there? Whoever has not looked for long has not heard it either."""
        if now - self._looked > AWAY:
            self._heard = now
        self._looked = now
        if self.step in (Step.SWITCH, Step.PROBATION) and now - self._heard > SILENCE:
            self.fail(f"it has been silent for {SILENCE:g} s")

    def then_stop(self, fast: bool) -> None:
        """The daemon shall stop: first this one has to be over."""
        self._stop = fast
        if self.step is not Step.COMMIT:  # else the daemon is theirs already, or as good as: they are told then
            self.fail("the daemon was told to stop")

    def reopen(self) -> None:
        """The log files were moved away: the candidate's are the same."""
        if self._bond is not None:
            self._bond.tell(Reopen())

    def _reopen(self, _message: Message) -> None:
        self._master.usr1(others=False)

    def _happened(self, message: Message) -> None:
        assert isinstance(message, Happened)
        self._master.outbox.add(message)

    def _failed(self, message: Message) -> None:
        assert isinstance(message, Failed)
        self.fail(message.message)

    def _lost(self) -> None:
        self._bond = None
        self.fail("it died")

    def fail(self, reason: str) -> None:
        """Take it back, from wherever it is."""
        self._cancel()
        if self.step is Step.WITHDRAWING:
            if self._bond is None:
                self._after(0.05, self._take_back)  # its hub saves what it knows when its master is gone
            return
        self._reason, refused = reason, self.step is Step.PREFLIGHT
        if refused:
            self._preflight.give_up()
            self._over(Exit.UPGRADE_REFUSED, Event.UPGRADE_REFUSED, f"can't upgrade: {reason}; nothing was changed")
            return
        after_switch = self.step in (Step.SWITCH, Step.PROBATION, Step.COMMIT)
        self.step = Step.WITHDRAWING
        if self._bond is None:
            self._after(0.05 if after_switch else 0.0, self._take_back)
            return
        master = self._master
        seconds = master.running.config.drain_timeout if after_switch else 0.0
        self._bond.tell(Withdraw(reason, master.family.directory, seconds))
        self._after(WITHDRAW, self._take_back)

    def _withdrawn(self, _message: Message) -> None:
        assert self._bond is not None
        self._master.retirees.add(self._candidate, self._bond)
        self._take_back()

    def _take_back(self) -> None:
        """Nobody else decides: go on as before."""
        master, family = self._master, self._master.family
        self._cancel()
        if self._candidate.ordinal not in master.retirees.all and self._candidate.name:
            # It is dead, or does not answer and shall be: its children end when it does.
            retirees.tell_by_signal(self._candidate.pid, self._candidate.start, signal.SIGKILL)
            master.retirees.add_orphans(self._candidate, master.running.config.orphan_timeout)
            if self._bond is not None:
                self._bond.close()
        if master.journal.closed:
            master.take_journal()
            master.keep_pid_file()  # it may have written itself there
        if self._handed_over:
            master.reports_to = ""
            family.tell_hub(TakeOver(), (self._memory,))
            master.retirees.redirect(family.directory)
        if self._held_at:
            family.resume()
        self._over(
            Exit.UPGRADE_ROLLED_BACK,
            Event.UPGRADE_UNDONE,
            f"rolled back to the running version: {self._reason}",
        )

    def _over(self, exit: int, event: Event, line: str) -> None:
        master = self._master
        logs.error(event, reason=self._reason)
        if self._memory >= 0:
            os.close(self._memory)
        master.turn(Turn.ROLLBACK)
        master.upgrade = None
        master.changing.answer(self._request, exit, (line,))
        if self._stop is not None:
            master.stop(self._stop)

    # -- inside -------------------------------------------------------------------

    def _hear(self, message: Message) -> None:
        self._heard = self._master.system.now()
        handle = _HANDLERS[self.step].get(type(message))
        if handle is not None:
            handle(self, message)

    def _directory(self, generation: str) -> str:
        return os.path.join(self._master.places.run_dir, generation)

    def _say(self, line: str) -> None:
        logs.info(Event.UPGRADE_STAGE, stage=line)
        if self._request is not None:
            self._master.family.tell_hub(Progress(self._request.id, line))

    def _after(self, seconds: float, callback: Callable[[], None]) -> None:
        self._cancel()
        self._timer = self._master.loop.after(seconds, callback)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_Handler = Callable[[Upgrade, Message], None]
_ALWAYS: Mapping[type, _Handler] = {
    Failed: Upgrade._failed,
    Reopen: Upgrade._reopen,
    Happened: Upgrade._happened,
}
# What the candidate may say at each step. Anything else came too late, or is a sign of life.
_HANDLERS: Mapping[Step, Mapping[type, _Handler]] = {
    Step.PREFLIGHT: {},
    Step.BOOT: {Born: Upgrade._born, Standby: Upgrade._standby, **_ALWAYS},
    Step.HOLD: _ALWAYS,
    Step.HANDOVER: _ALWAYS,
    Step.SWITCH: {Serving: Upgrade._serving, **_ALWAYS},
    Step.PROBATION: _ALWAYS,
    Step.COMMIT: {Serving: Upgrade._committed, **_ALWAYS},
    Step.WITHDRAWING: {HandedOver: Upgrade._withdrawn, Happened: Upgrade._happened},
}
