"""Ending a daemon from outside, and telling whether one lives.

Works without the control socket: by the lock file, which names the master and
its children with their start times, so that never a stranger gets a signal.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable

from director.errors import SystemFailure
from director.master.lock import Holder, probe
from director.master.pidfile import read_pid_file
from director.places import Places

_TERM_MARGIN = 5.0  # seconds beyond what the daemon promised, before QUIT
_QUIT_PATIENCE = 5.0  # seconds before KILL
_LOOK = 0.5  # seconds between reports


def _signal(holder: Holder, handle: int, number: int) -> None:
    if not holder.is_still(holder.pid, holder.start):
        return
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise SystemFailure(f"can't stop process {holder.pid}: it belongs to someone else") from None


def stop(places: Places, report: Callable[[], None]) -> bool:
    """End the daemon gracefully and wait until all is gone; False if none runs.

    It may take as long as it has promised; then it is pressed harder. `report`
    is called from time to time meanwhile.
    """
    holder = probe(places.lock)
    if not holder.master_lives:
        return False
    if not holder.pid:
        time.sleep(0.2)  # it has just taken the lock and not yet written who it is
        holder = probe(places.lock)
    try:
        handle = os.pidfd_open(holder.pid)
    except ProcessLookupError:
        return True
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
    deadline = time.monotonic() + _QUIT_PATIENCE
    while probe(places.lock).children_live and time.monotonic() < deadline:
        time.sleep(0.02)
    return True


def _gone(handle: int, patience: float, report: Callable[[], None]) -> bool:
    deadline = time.monotonic() + patience
    while (left := deadline - time.monotonic()) > 0:
        if select.select([handle], [], [], min(left, _LOOK))[0]:
            return True
        report()
    return False


def situation(places: Places) -> tuple[int, str]:
    """LSB status of a daemon that does not answer: (0 running, 1, 2 or 3, in words)."""
    holder = probe(places.lock)
    if holder.master_lives:
        return 0, f"running, pid {holder.pid}, but its control socket does not answer"
    if holder.children_live:
        pids = " ".join(str(pid) for pid, start in holder.children if holder.is_still(pid, start))
        return 2, f"dead, but some of its processes live: {pids}"
    if read_pid_file(places.pid_file) is not None:
        return 1, f"dead, and its pid file {places.pid_file} is left"
    return 3, "stopped"
