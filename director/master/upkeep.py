"""What a daemon needs in its folders, made again where somebody has removed it.

Who cleans up /run or /tmp too well takes away what `status`, `stop` and
`directorctl` find the daemon by, what it remembers changes in, and the unix
sockets that clients connect to; it would serve on with nobody to tell it
anything. Only while all is quiet: at a start, in an upgrade and at the end
these files change hands. A generation that retires only needs the folder in
which its hub and workers meet.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from director import logs
from director.errors import DirectorError, SystemFailure, cause
from director.events import Event
from director.master.controls import open_control
from director.master.lock import Lock, mark_child
from director.master.pidfile import write_pid_file
from director.master.stage import Stage
from director.messages import Rehouse
from director.places import make_run_dir

if TYPE_CHECKING:
    from director.master.run import Master

LOOK = 1.0  # seconds between two looks


class Upkeep:
    """Looks after the run dir, the state dir and the unix sockets of this master."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._looked = 0.0
        self._trouble = ""  # told already

    def tick(self, now: float) -> None:
        """Several times a second."""
        repairs = {Stage.SERVING: (self._run_dir, self._listeners, self._journal), Stage.RETIRING: (self._folder,)}
        if now - self._looked < LOOK or self._master.stage not in repairs:
            return
        self._looked = now
        trouble = "; ".join(filter(None, map(_failure, repairs[self._master.stage])))
        if trouble and trouble != self._trouble:
            logs.error(Event.DAEMON_FAILED, reason=f"what was removed can't be made again: {trouble}")
        self._trouble = trouble

    def _journal(self) -> None:
        journal = self._master.journal
        if journal.lost:
            journal.close()
        if journal.closed and self._master.take_journal():
            logs.warning(Event.DAEMON_REPAIRED, path=journal.path)

    def _run_dir(self) -> None:
        """Raises DirectorError, OSError."""
        master, places = self._master, self._master.places
        locked = master.lock.is_there()
        needed = (master.family.directory, places.control, *master.controls.descriptors)
        lost = [path for path in needed if not os.path.lexists(path)]
        if locked and not lost:
            if not os.path.lexists(places.pid_file):
                write_pid_file(places.pid_file)
                logs.warning(Event.DAEMON_REPAIRED, path=places.pid_file)
            return
        make_run_dir(places.run_dir, os.geteuid())
        if not locked:
            self._lock()
        if master.family.directory in lost:
            master.family.make_directory()
        if not locked or master.family.directory in lost:
            self._rehouse()
        master.controls.open_lost()
        if lost:
            # A hub has its sockets from birth: another one is born with these.
            control = open_control(places.control) if places.control in lost else None
            master.family.replace_hub(-1 if control is None else control.detach())
            master.controls.grant(master.running.config)
        for path in (*lost, *(() if locked else (places.lock,))):
            logs.warning(Event.DAEMON_REPAIRED, path=path)

    def _folder(self) -> None:
        """Of a generation that retires, once the daemon has made the rest again. Raises OSError."""
        family = self._master.family
        if os.path.lexists(self._master.places.lock) and not os.path.lexists(family.directory):
            family.make_directory()
            self._rehouse()
            logs.warning(Event.DAEMON_REPAIRED, path=family.directory)

    def _listeners(self) -> None:
        """Raises SystemFailure."""
        if self._master.paused:
            return  # workers would drop who waits
        failures = []
        for address in self._master.addresses.values():
            if address.lost:
                try:
                    self._master.openings.open_again(address)
                    logs.warning(Event.DAEMON_REPAIRED, path=address.listen.ip.path)
                except SystemFailure as error:
                    failures.append(str(error))
        if failures:
            raise SystemFailure("; ".join(failures))

    def _rehouse(self) -> None:
        """Workers know the folder by its inode, and hold the lock that tells of them: these may be others now."""
        master = self._master
        folder = os.open(master.family.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        held = -1
        try:
            held = mark_child(master.lock.path)  # one for all, and not ours: it ends with the last of them
            master.family.tell_workers(Rehouse(), (folder, held))
        finally:
            for fd in (folder, held):
                if fd >= 0:
                    os.close(fd)

    def _lock(self) -> None:
        master = self._master
        lock = Lock(master.lock.path, predecessor=master.lock.predecessor, serving=True, config=master.lock.config)
        if not lock.take():
            raise SystemFailure(f"another daemon has {lock.path} by now")
        master.lock.let_go()
        master.lock = lock
        master.write_lock()


def _failure(repair: Callable[[], None]) -> str:
    """Why it can't be done; nothing, if it is."""
    try:
        repair()
    except DirectorError as error:
        return str(error)
    except OSError as error:
        return cause(error)
    return ""
