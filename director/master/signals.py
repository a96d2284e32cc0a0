"""What an operator says to the master by signals.

    HUP   reload                   TERM       stop; again: at once
    USR1  reopen logs              INT, QUIT  stop at once
    USR2  upgrade                  WINCH      accept nothing new; again: accept (not in the foreground)
    TTIN  a worker more            TTOU       a worker less

What may fail says so in the log: nobody else waits for the answer.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from director import logs
from director.errors import DirectorError, RefusedError
from director.events import Event
from director.master.stage import Stage
from director.messages import Actor, Request, WorkersSet

if TYPE_CHECKING:
    from director.master.run import Master


def hold_back() -> None:
    """What is said from now on is heard once there is a master to hear it: whom the lock names can be told to stop."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


class Signals:
    """The handlers of the running master."""

    def __init__(self, master: Master) -> None:
        self._master = master

    def install(self) -> None:
        """Hear them from now on, and those that were held back."""
        master = self._master
        on: dict[int, Callable[[], None]] = {
            signal.SIGTERM: lambda: master.stop(fast=False),
            signal.SIGINT: lambda: master.stop(fast=True),
            signal.SIGQUIT: lambda: master.stop(fast=True),
            signal.SIGHUP: master.changing.loading.hup,
            signal.SIGCHLD: master.family.reap,
            signal.SIGUSR1: master.usr1,
            signal.SIGUSR2: lambda: self._told("USR2", self._upgrade, Event.UPGRADE_REFUSED),
            signal.SIGTTIN: lambda: self._told("TTIN", lambda: self._resize(+1), Event.CHANGE_REFUSED),
            signal.SIGTTOU: lambda: self._told("TTOU", lambda: self._resize(-1), Event.CHANGE_REFUSED),
            signal.SIGWINCH: lambda: self._told("WINCH", self._pause, Event.CHANGE_REFUSED),
        }
        if master.foreground:
            # A terminal says so when it is resized.
            del on[signal.SIGWINCH]
            signal.signal(signal.SIGWINCH, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        for number, callback in on.items():
            master.loop.on_signal(number, callback)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())

    def _told(self, name: str, do: Callable[[], None], failure: Event) -> None:
        logs.info(Event.SIGNAL_RECEIVED, signal=name)
        try:
            do()
        except DirectorError as error:
            logs.error(failure, reason=error)

    def _upgrade(self) -> None:
        self._master.begin_upgrade(None)

    def _resize(self, more: int) -> None:
        count = max(1, self._master.seats.count + more)
        name = "TTIN" if more > 0 else "TTOU"
        self._master.changing.perform(Request(0, Actor("signal", name), WorkersSet(count)))

    def _pause(self) -> None:
        master = self._master
        if master.stage is not Stage.SERVING:
            raise RefusedError(f"can't pause or resume: the daemon is {master.stage.value}")
        master.pause(not master.paused)
