"""Ending a daemon from outside, and telling whether one lives.

Works without the control socket: by the lock file, which names the master and
its children with their start times, so that never a stranger gets a signal.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable

from director.errors import RightsError, Status, SystemFailure
from director.master.lock import Holder, probe
from director.master.pidfile import read_pid_file
from director.master.retirees import tell_by_signal
from director.master.system import process_state, start_ticks
from director.places import Places

_TERM_MARGIN = 5.0  # seconds beyond what the daemon promised, before QUIT
_QUIT_PATIENCE = 5.0  # seconds before KILL
_LOOK = 0.5  # seconds between reports
_WAIT = 0.05  # seconds between looks at what others write
_WRITING = 30.0  # seconds that a master may take to write who it is: a successor starts an interpreter first


def _signal(holder: Holder, handle: int, number: int) -> None:
    if not holder.is_still(holder.pid, holder.start):
        return
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise RightsError(f"can't stop process {holder.pid}: it belongs to someone else") from None


def stop(places: Places, report: Callable[[], None]) -> bool:
    """End the daemon gracefully and wait until all is gone; False if none runs.

    It may take as long as it has promised; then it is pressed harder. `report`
    is called from time to time meanwhile. Processes that a dead master has left
    are waited for in the same way, and ended by their recorded names.
    """
    holder = _holder(places)
    if holder is None:
        return _end_orphans(places, report)
    while True:
        end(holder, report)
        successor = _holder(places)
        if successor is not None and successor.predecessor != holder.pid:
            return True  # somebody has started another one meanwhile: that is none of ours to end
        if successor is None:
            break
        holder = successor  # it had just been upgraded
    _end_retirees(places, report)
    _await_children(places, _QUIT_PATIENCE, lambda: None)
    _remove_pid_file(places, holder)
    return True


def _await_children(places: Places, patience: float, report: Callable[[], None]) -> None:
    deadline = time.monotonic() + patience
    while probe(places.lock).children_live and time.monotonic() < deadline:
        report()
        time.sleep(_WAIT)


def _end_retirees(places: Places, report: Callable[[], None]) -> None:
    """Have generations end gracefully that retire, and whose daemon is gone; all of them at the same time."""
    holder = probe(places.lock)
    left = list(holder.retirees)
    for number, patience in ((signal.SIGTERM, holder.stop_timeout + _TERM_MARGIN), (signal.SIGKILL, _QUIT_PATIENCE)):
        for pid, start in left:
            tell_by_signal(pid, start, number)
        deadline = time.monotonic() + patience
        while left := [one for one in left if holder.is_still(*one) and process_state(one[0]) != "Z"]:
            if time.monotonic() > deadline:
                break
            report()
            time.sleep(_WAIT)


def _holder(places: Places) -> Holder | None:
    """The master that lives, once it has written who it is; None if there is none. Raises SystemFailure."""
    deadline = time.monotonic() + _WRITING
    while (holder := probe(places.lock)).master_lives:
        if holder.is_still(holder.pid, holder.start):
            return holder
        if time.monotonic() > deadline:
            raise SystemFailure(f"can't stop: a process holds {places.lock} and does not write there who it is")
        time.sleep(_WAIT)
    return None


def end(holder: Holder, report: Callable[[], None]) -> None:
    """End this master, whatever of its name is known. Raises SystemFailure."""
    try:
        handle = os.pidfd_open(holder.pid)
    except ProcessLookupError:
        return
    try:
        for number, patience in (
            (signal.SIGTERM, holder.stop_timeout + _TERM_MARGIN),
            (signal.SIGQUIT, _QUIT_PATIENCE),
            (signal.SIGKILL, _QUIT_PATIENCE),
        ):
            _signal(holder, handle, number)
            if _gone(handle, patience, report):
                break
    finally:
        os.close(handle)


def _end_orphans(places: Places, report: Callable[[], None]) -> bool:
    """They finish what they have, as they do by themselves; what is left of them then is killed."""
    holder = probe(places.lock)
    _end_retirees(places, report)
    if probe(places.lock).children_live:
        _await_children(places, holder.stop_timeout, report)
        kill_children(holder)
    _remove_pid_file(places, holder)
    return holder.children_live


def _remove_pid_file(places: Places, holder: Holder) -> None:
    """Where nobody runs, init scripts must find none: a dead master could not, and a full disk leaves an empty one.

    One in our run dir can only be ours, whoever has the pid in it by now; one elsewhere may be another daemon's.
    """
    pid = read_pid_file(places.pid_file)
    ours = os.path.dirname(places.pid_file) == places.run_dir or pid in (None, holder.pid)
    if (ours or start_ticks(pid or 0) is None) and not probe(places.lock).master_lives:
        with contextlib.suppress(OSError):
            os.unlink(places.pid_file)


def kill_children(holder: Holder) -> list[int]:
    """Kill those that a dead master has recorded; nobody else, whoever has their pid by now. Returns their pids."""
    killed = []
    for pid, start in holder.children:
        try:
            handle = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            if holder.is_still(pid, start):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                killed.append(pid)
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)
    return killed


def _gone(handle: int, patience: float, report: Callable[[], None]) -> bool:
    deadline = time.monotonic() + patience
    while (left := deadline - time.monotonic()) > 0:
        if select.select([handle], [], [], min(left, _LOOK))[0]:
            return True
        report()
    return False


def other_config(places: Places) -> str:
    """The config file that a daemon runs by here, if that is another one; empty if not, or if that is not known."""
    try:
        holder = probe(places.lock)
    except SystemFailure:
        return ""
    if not (holder.master_lives and holder.config and places.config):
        return ""
    same = os.path.realpath(holder.config) == os.path.realpath(places.config)
    return "" if same else holder.config


def situation(places: Places) -> tuple[Status, str]:
    """How it is with a daemon that does not answer, and in words. Raises SystemFailure."""
    holder = probe(places.lock)
    if holder.master_lives:
        return Status.RUNNING, f"running, pid {holder.pid}, but its control socket does not answer"
    if holder.children_live:
        known = (*holder.children, *holder.retirees)
        pids = " ".join(str(pid) for pid, start in known if holder.is_still(pid, start))
        return Status.ORPHANS, f"dead, but some of its processes live: {pids}"
    if os.path.lexists(places.pid_file):
        pid = read_pid_file(places.pid_file) or 0
        another = "" if start_ticks(pid) is None else f"; process {pid}, which it names, is none of a director here"
        return Status.DEAD, f"dead, and its pid file {places.pid_file} is left{another}"
    return Status.STOPPED, "stopped"
