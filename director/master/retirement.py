"""A master whose generation is no longer the one: its workers finish, its hub counts for another.

Hears from whoever reigns now: whom to report to, and by when to be gone. When
nobody reigns any more it goes on to its end all the same, and is in nobody's
way: a new daemon may start meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from director import logs
from director.events import Event
from director.master.bond import Bond
from director.messages import Drain, HandOver, Message, Redirect, Reopen, peer_incarnation, peer_slot

if TYPE_CHECKING:
    from director.master.run import Master


OVERTIME = 1.0  # seconds until who hangs is killed: by us, so before a fast stop of all kills us


class Retirement:
    """Begun when the stage is RETIRING. `seconds`: until connections that are left are closed."""

    def __init__(self, master: Master, bond: Bond | None, seconds: float) -> None:
        self._master = master
        if bond is not None:
            bond.hear = self.hear
            bond.gone = lambda: None
        logs.info(Event.GENERATION_RETIRING, generation=master.generation, timeout=f"{seconds:g}s")
        master.family.covering = False
        master.release_daemon()
        master.retirees.let_go()  # whoever reigns now has them, too
        self.drain(seconds)

    def hear(self, message: Message) -> None:
        """What the reigning master says."""
        match message:
            case Redirect(directory):
                report_to(self._master, directory)
            case Drain(seconds):
                self.drain(seconds)
            case Reopen():
                self._master.usr1()
            case _:
                pass  # said before we retired

    def drain(self, seconds: float) -> None:
        """Be gone within this time."""
        master = self._master
        master.family.drain(seconds)
        master.end_hub_if_alone()
        master.loop.after(seconds + OVERTIME, master.family.kill_all)


def report_to(master: Master, directory: str) -> None:
    """Have our hub, and each that comes after it, be a worker of the hub in this directory."""
    master.reports_to = directory
    ordinal = master.family.ordinal
    master.family.tell_hub(HandOver(directory, peer_slot(ordinal), peer_incarnation(ordinal)))
