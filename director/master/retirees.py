"""Generations that were replaced and still have connections: counted to their end, never cut for us.

Each is a master of its own, with its hub and workers; we hold our end of the
link to it, and hand that on when we are replaced ourselves.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from director import logs
from director.events import Event
from director.link import Link
from director.master.bond import Bond
from director.master.loop import Loop
from director.master.system import start_ticks, started_at
from director.messages import Drain, Elder, Kind, ProcessInfo, Redirect, Reopen, peer_incarnation, peer_slot

MOST = 8
_LOOK = 0.25  # seconds between two looks for workers of a dead master


@dataclass
class Retirees:
    """All of them, by ordinal. `on_gone` hears of each that has ended. `inhabited`: whether one has processes."""

    loop: Loop
    on_gone: Callable[[Elder], None]
    inhabited: Callable[[Elder], bool]
    all: dict[int, tuple[Elder, Bond]] = field(default_factory=dict)

    def add(self, elder: Elder, bond: Bond) -> None:
        """This generation retires under us."""
        self.all[elder.ordinal] = (elder, bond)
        bond.gone = lambda: self.gone(elder.ordinal)

    def add_orphans(self, elder: Elder, seconds: float) -> None:
        """The master of this generation is dead: its workers finish what they have within this time.

        Once there are none, nothing is kept for them any longer.
        """
        closed = Bond(self.loop, Link(socket.socket()), lambda message: None, lambda: None)
        closed.close()
        self.all[elder.ordinal] = (elder, closed)
        self.loop.after(seconds, lambda: self.gone(elder.ordinal))
        self.loop.after(_LOOK, lambda: self._look(elder))

    def _look(self, elder: Elder) -> None:
        if elder.ordinal not in self.all:
            return
        if self.inhabited(elder):
            self.loop.after(_LOOK, lambda: self._look(elder))
        else:
            self.gone(elder.ordinal)

    @property
    def living(self) -> bool:
        """Whether one of them has a master."""
        return any(bond.open for _, bond in self.all.values())

    def forget(self, ordinal: int) -> None:
        """That one is none of ours, after all."""
        self.all.pop(ordinal, None)

    def redirect(self, directory: str) -> None:
        """Have them all counted by the hub in this directory."""
        for _, bond in self.all.values():
            bond.tell(Redirect(directory))

    def drain(self, seconds: float) -> None:
        """They shall be gone within this time."""
        for _, bond in self.all.values():
            bond.tell(Drain(seconds))

    def reopen(self) -> None:
        """Their log files were moved away, too."""
        for _, bond in self.all.values():
            bond.tell(Reopen())

    def kill_all(self) -> None:
        """End their masters now; children follow when the link to them breaks."""
        for elder, _ in self.all.values():
            tell_by_signal(elder.pid, elder.start, signal.SIGKILL)

    def masters(self) -> tuple[tuple[int, int], ...]:
        """The processes that hold their connections together: pid and start ticks."""
        return tuple((elder.pid, elder.start) for elder, bond in self.all.values() if bond.open)

    def elders(self) -> tuple[Elder, ...]:
        """What a successor must know of them, with our ends of their links."""
        return tuple(replace(elder, link=bond.fileno()) for elder, bond in self.all.values() if bond.open)

    def let_go(self) -> None:
        """They are somebody else's from now on."""
        for _, bond in self.all.values():
            bond.close()
        self.all.clear()

    def processes(self) -> tuple[ProcessInfo, ...]:
        """A line of `status` for each."""
        return tuple(
            ProcessInfo(
                Kind.MASTER,
                peer_slot(elder.ordinal),
                elder.pid,
                peer_incarnation(elder.ordinal),
                "retiring" if bond.open else "orphaned",
                started_at(elder.start),
                generation=elder.name,
            )
            for elder, bond in self.all.values()
        )

    def gone(self, ordinal: int) -> None:
        """It has ended."""
        if ordinal not in self.all:
            return
        elder, _ = self.all.pop(ordinal)
        logs.info(Event.GENERATION_GONE, generation=elder.name)
        self.on_gone(elder)


def tell_by_signal(pid: int, start: int, number: signal.Signals) -> None:
    """Send it to a process that is no child of ours, if it is still the one that was meant."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if start_ticks(pid) == start:
            signal.pidfd_send_signal(handle, number)
    except OSError:
        pass  # it went by itself
    finally:
        os.close(handle)
