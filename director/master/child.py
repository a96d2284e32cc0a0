"""How a process is born: the one way from the master to a child.

Signals are blocked across the fork; the child closes every descriptor but those
on its keep list, so that nothing of its siblings or of the master's (a lifeline,
a listener, the lock) stays open in it; handlers are reset; then the kind's own
`main` runs. Privileges are dropped by that `main`, through `Birth.settle`, after
it has imported all it will ever need.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from director import logs
from director.errors import ChildExit
from director.events import Event
from director.link import Link
from director.logtarget import LogSetup
from director.master import lock
from director.master.system import Identity, System
from director.messages import Failed, Kind, Running, Slot

# The orders of a child come by its link; a signal meant for the master that hits
# the whole process group (Ctrl-C, `systemctl kill`) must not end it.
_IGNORED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGPIPE,
)
_DEFAULT = (signal.SIGCHLD, signal.SIGABRT, signal.SIGALRM, signal.SIGTSTP)


@dataclass(frozen=True)
class Birth:
    """What a child gets from its master, beside what it hears by its link."""

    kind: Kind
    slot: Slot
    incarnation: int
    link: Link
    directory: str  # of this generation: where the state channel's sockets lie; the child's working directory
    lock_path: str
    owner: int  # uid of who started the daemon
    identity: Identity | None = None
    control: int = -1  # hub: the listening control socket
    memory: int = -1  # hub: a memory file that outlives it
    state_dir: str = ""  # hub: where it may leave what outlives the daemon; "": nowhere
    ordinal: int = 1  # of this generation
    left: int = -1  # hub: the memory file of the generation before, while that one decides
    standby: bool = False  # hub: another one decides, until told to take over
    connections: int = -1  # worker: where the connection log goes
    logs: LogSetup | None = None  # worker: how
    running: Running | None = None  # what to work by at first; None: it will come by the link

    def subject(self) -> str:
        """Who speaks, in the log."""
        return f"worker/{self.slot}" if self.kind is Kind.WORKER else self.kind.value

    def settle(self) -> None:
        """Give up every right that is not needed any more. Call when all imports are done."""
        if self.identity is not None:
            self.identity.assume()


ChildMain = Callable[[Birth], int]


def close_all_but(keep: Iterable[int]) -> None:
    """Close every descriptor of this process except these."""
    last = -1
    for fd in sorted(set(keep)):
        if last + 1 < fd:  # an empty range would be taken for "all"
            os.closerange(last + 1, fd)
        last = fd
    os.closerange(last + 1, os.sysconf("SC_OPEN_MAX"))


def fork_child(system: System, run: Callable[[], int], keep: Callable[[], Iterable[int]]) -> int:
    """Fork; the child keeps only `keep()`, runs and exits with what `run` returns.

    Returns the pid in the parent and never returns in the child.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = system.fork()
        if pid:
            return pid
        # The child, to its end. Nothing may escape into the master's code.
        code: int = ChildExit.CRASHED
        try:
            signal.set_wakeup_fd(-1)
            for number in _IGNORED:
                signal.signal(number, signal.SIG_IGN)
            for number in _DEFAULT:
                signal.signal(number, signal.SIG_DFL)
            close_all_but(keep())
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
            code = run()
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else ChildExit.CRASHED
        except BaseException:
            import traceback

            logs.error(Event.PROCESS_CRASHED, traceback=traceback.format_exc())
        finally:
            logs.close()
            os._exit(code)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def bear(system: System, main: ChildMain, birth: Birth, sock: socket.socket) -> int:
    """Make the child that `birth` describes. `sock` is its end of the link. Returns its pid."""

    def keep() -> Iterable[int]:
        return (0, 1, 2, sock.fileno(), birth.control, birth.memory, birth.left, birth.connections, *logs.descriptors())

    def run() -> int:
        gc.freeze()  # what the master made stays shared with it, page by page
        logs.name_process(birth.subject())
        faulthandler.enable(file=logs.descriptors()[0] if logs.descriptors() else 2)
        lock.mark_child(birth.lock_path)
        os.chdir(birth.directory)
        try:
            return main(birth)
        except Exception as error:
            birth.link.send(Failed(f"{birth.subject()}: {type(error).__name__}: {error}"))
            raise

    return fork_child(system, run, lambda: (fd for fd in keep() if fd >= 0))
