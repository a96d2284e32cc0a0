"""Log files that were moved away: opened anew here and in every child, and told once nobody writes to the old ones.

Who rotates logs may then compress or remove what he has moved. A child whose
disk hangs lets go late: it is not waited for longer than `PATIENCE`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from director import logs
from director.errors import Exit
from director.events import Event
from director.master.family import Child
from director.messages import Request, Slot
from director.printable import counted

if TYPE_CHECKING:
    from director.master.run import Master

PATIENCE = 4.0  # seconds; the hub, for whom this is the master's answer, has 5


@dataclass
class _Turn:
    """One time that the files were opened again: who asked, and which children have not let go of the old ones."""

    number: int
    request: Request | None
    files: int
    waiting: dict[tuple[Slot, int], Child]
    since: float


class Rotation:
    """Opens the logs again for the master."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._last = 0
        self._turns: list[_Turn] = []

    def begin(self, request: Request | None = None, others: bool = True) -> None:
        """Go on in new files, and have other generations do so; answer once all of ours do.

        Raises SystemFailure; all goes on as it was.
        """
        family = self._master.family
        self._last += 1
        message, fds = family.log_files.reopen(self._last)
        family.tell_all(message, fds)
        for fd in fds:
            os.close(fd)
        if others:
            self._master.retirees.reopen()
            if self._master.upgrade is not None:
                self._master.upgrade.reopen()
        logs.info(Event.LOG_REOPENED, files=len(fds))
        waiting = {(child.slot, child.incarnation): child for child in family.children.values()}
        self._turns.append(_Turn(self._last, request, len(fds), waiting, self._master.system.now()))

    def moved(self, child: Child, number: int) -> None:
        """A child writes to the files of that time, and no more to those before."""
        for turn in list(self._turns):
            if turn.number <= number:
                self._over(turn, child)

    def gone(self, child: Child) -> None:
        """A child died: it writes to nothing."""
        for turn in list(self._turns):
            self._over(turn, child)

    def tick(self, now: float) -> None:
        """Several times a second: give up waiting for what takes too long."""
        for turn in list(self._turns):
            if not turn.waiting or now - turn.since >= PATIENCE:
                self._settle(turn)

    def _over(self, turn: _Turn, child: Child) -> None:
        turn.waiting.pop((child.slot, child.incarnation), None)
        if not turn.waiting:
            self._settle(turn)

    def _settle(self, turn: _Turn) -> None:
        self._turns.remove(turn)
        late = [f"process {child.pid} may write to the old files for a while" for child in turn.waiting.values()]
        said = f"{counted(turn.files, 'log file')} opened again"
        self._master.changing.answer(turn.request, Exit.DONE, (said,), data={"warnings": late} if late else {})
