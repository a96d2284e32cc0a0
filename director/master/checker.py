"""Reading a config without rights: the checker child.

Text from outside is never parsed by the master itself, nor with its rights: a
child that has dropped them reads it, within a time limit, and sends back a
Checked. Another one tries whether this machine has what the config `needs`, and
loads the users' own schedulers as whom workers will be, who load them then.
Check, start, restart, reload and upgrade all go this way.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import pwd
import resource
import select
import signal
import socket
import stat
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from director import plugins
from director.config import document, reader
from director.config.document import MAX_SIZE
from director.config.model import OWN_SCHEDULER, STICKY, Config
from director.errors import ChildExit, Problem, Severity, SystemFailure
from director.frames import FrameReader
from director.framing import decode, encode
from director.master.child import fork_child
from director.master.needs import Needs
from director.master.system import Identity, System, child_identity, describe_status, vitals
from director.master.vitals import STOPPED, Vitals, own_time
from director.messages import Checked, Loading

TIME_LIMIT = 20.0  # seconds
LOOK = 0.1  # seconds between two looks at a checker that says nothing
AWAY = 1.0  # seconds, the most that count between two looks: beyond it was us who had no time
ENDING = 0.1  # seconds that a process whose files are closed may take to end
PIPE_LIMIT = 10.0  # seconds without a word from the other end of a pipe that a config comes from
LOADING = 1.0  # seconds, the most for which workers that serve clients stop to load a scheduler of a user's own
_MEMORY = 2 << 30  # bytes of address space


def read_file(path: str, patient: bool = False) -> bytes:
    """The bytes of a config file, read with our own rights; of one too large, more than may be. Raises SystemFailure.

    Who is `patient` may wait for another program at the end of a pipe; a daemon must not.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb", buffering=0) as file:
            if not (patient or stat.S_ISREG(os.fstat(file.fileno()).st_mode)):
                raise OSError(errno.EINVAL, "it is no regular file")
            return b"".join(_arriving(file))
    except OSError as error:
        raise SystemFailure(f"can't read config {path}: {error.strerror}") from None


def _arriving(file: io.FileIO) -> Iterator[bytes]:
    """What others write into it, to their end. Raises OSError when that is too long in coming."""
    poller, size = select.poll(), 0
    poller.register(file, select.POLLIN)
    while size <= MAX_SIZE:
        if not poller.poll(PIPE_LIMIT * 1000):
            raise OSError(errno.ETIMEDOUT, f"nobody has written to it for {PIPE_LIMIT:g} s")
        data = file.read(min(1 << 20, MAX_SIZE + 1 - size))
        if data is None:
            continue  # another reader was faster
        if not data:
            return
        size += len(data)
        yield data


def _nobody() -> Identity | None:
    if os.geteuid() != 0:
        return None
    try:
        account = pwd.getpwnam("nobody")
    except KeyError:
        return Identity(65534, 65534, ())
    return Identity(account.pw_uid, account.pw_gid, ())


def _workers(config: Config) -> Identity | None:
    """Whom workers are to be; nobody, if that can't be."""
    try:
        return child_identity(config.user, config.group)
    except SystemFailure:
        return _nobody()


def _with_own_schedulers(
    config: Config,
    problems: tuple[Problem, ...],
    text: bytes,
    path: str,
    loaded: Collection[str] | None,
    say: Callable[[Loading], None],
) -> tuple[Config | None, tuple[Problem, ...]]:
    """Load the users' own schedulers, for a trial: those the file names must be good, others are left out.

    What workers load while they serve must be quick. When they begin it may take longer, on a cold machine
    say; but before half of the time is over after which they would be replaced.
    """
    most = min(config.worker_timeout, TIME_LIMIT) / 2
    quick = min(LOADING, most / 2)
    faults, slow = {}, []
    groups = [group for service in config.services for group in service.groups]
    named = {name for group in groups if (name := group.scheduler.removesuffix(STICKY)).startswith(OWN_SCHEDULER)}
    every = sorted({*named, *plugins.installed()})
    root = document.parse(text) if every else None
    lines = {name: _line(root, "group", name) for name in every if root is not None}
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        for name in every:
            began = time.monotonic()
            patient = name in named if loaded is None else name in loaded
            say(Loading(name, lines[name]))  # it may end this process
            faults[name] = plugins.trial(name, most if patient else quick)
            if loaded is None and not faults[name] and (took := time.monotonic() - began) > quick:
                cause = f"it took {took:.1f} s to load; a reload takes none that needs longer than {quick:g} s"
                slow.append(Problem(Severity.WARNING, path, lines[name], f"scheduler {name} is slow: {cause}"))
    if any(faults[name] for name in named):
        bad = [
            Problem(Severity.ERROR, path, lines[name], f"can't use scheduler {name}: {faults[name]}")
            for name in sorted(named)
            if faults[name]
        ]
        return None, (*problems, *bad)
    good = tuple(name for name, fault in faults.items() if not fault)
    return replace(config, own_schedulers=good), (*problems, *slow)


def _line(root: document.Node, element: str, word: str) -> int:
    """The line of the element that has the word in an attribute, be it as the last part of a path; of none, the root's.

    Ancestors have some of ours in other elements.
    """
    if not element:
        return root.line
    having = [node for node in root.walk() if any(word == _word(value) for value in node.attributes.values())]
    return next((node.line for node in having if node.tag == element), having[0].line if having else 0)


def _word(value: str) -> str:
    return value.strip().removesuffix(STICKY).removeprefix("unix:").rpartition("/")[2]


@dataclass
class Check:
    """A check under way: watch `fd` for reading, call `collect` when it is ready."""

    pid: int
    sock: socket.socket
    text: bytes
    path: str
    folder: str
    looked: float  # when it was last seen to have time left
    _reader: FrameReader
    _loading: Loading | None = None  # what it was about to do when last heard of
    result: Checked | None = None
    status: int | None = None  # by which it ended, as who has reaped it knows
    _vitals: Vitals | None = None
    _spent: float = 0.0  # seconds

    @property
    def fd(self) -> int:
        """The descriptor to watch."""
        return self.sock.fileno()

    def collect(self) -> bool:
        """Take what has come; True when `result` is there."""
        try:
            data = self.sock.recv(1 << 20)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.fail(self._fate())
            return True
        for body in self._reader.feed(data):
            message = decode(body)
            assert isinstance(message, Loading | Checked)
            if isinstance(message, Loading):
                self._loading = message
            else:
                self.result = message
        return self.result is not None

    def _fate(self) -> str:
        """Why it is gone."""
        status = _status(self.pid) if self.status is None else self.status
        if status is not None and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return f"the checker was {describe_status(status)}; try again"
        blame = "please report this file" if self._loading is None else "its code ended the process that loaded it"
        return f"the checker died on it; {blame}"

    def tick(self, now: float, look: Callable[[int], Vitals] = vitals) -> None:
        """Several times a second: it has its time, to which what it waits for a processor does not count."""
        fares, seconds = look(self.pid), min(now - self.looked, AWAY)
        self._spent += seconds if fares.letter in STOPPED else own_time(seconds, self._vitals, fares)
        self.looked, self._vitals = now, fares
        if self._spent >= TIME_LIMIT and self.result is None:
            self.fail(f"it took longer than {TIME_LIMIT:.0f} s")

    def fail(self, cause: str) -> None:
        """Give up: the result is one problem with this cause."""
        loading = self._loading
        line, what = (
            (0, "check the config") if loading is None else (loading.line, f"use scheduler {loading.scheduler}")
        )
        self.result = Checked(None, (Problem(Severity.ERROR, self.path, line, f"can't {what}: {cause}"),))

    def end(self) -> None:
        """Close up and make sure that the child is on its way out; the caller reaps it."""
        self.sock.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def begin(system: System, text: bytes, path: str, folder: str | None = None) -> Check:
    """Start checking a text that came from `path`. `folder`: where relative paths in it lead from; None: that one's."""
    folder = os.path.dirname(os.path.abspath(path)) if folder is None else folder

    def run(_say: Callable[[Loading], None]) -> Checked:
        _become(_nobody())
        return Checked(*reader.read(text, path, folder))

    return _begin(system, text, path, folder, run)


def begin_trial(system: System, check: Check, needs: Needs, loaded: Collection[str] | None = None) -> Check:
    """Start trying whether this machine has what the config needs that `check` found good, and what code it names.

    `loaded`: the schedulers that the workers who are to work by it know already; None: they will begin with it.
    """
    assert check.result is not None and check.result.config is not None
    config, known, text, path, folder = check.result.config, check.result.problems, check.text, check.path, check.folder

    def run(say: Callable[[Loading], None]) -> Checked:
        faults = dict.fromkeys(needs.look(config, lambda: _become(_workers(config))))
        doubts = dict.fromkeys(needs.doubts(config))
        plugins.search_beside(folder)
        plugins.end_forks()
        able, problems = _with_own_schedulers(config, known, text, path, loaded, say)
        if not faults and not doubts:
            return Checked(able, problems)
        root = document.parse(text)
        found = (
            Problem(severity, path, _line(root, element, word), message, remedy)
            for severity, missing in ((Severity.ERROR, faults), (Severity.WARNING, doubts))
            for element, word, message, remedy in missing
        )
        return Checked(None if faults else able, (*problems, *found))

    return _begin(system, text, path, folder, run)


def _become(identity: Identity | None) -> None:
    if identity is not None:
        identity.assume()


def _begin(
    system: System, text: bytes, path: str, folder: str, run: Callable[[Callable[[Loading], None]], Checked]
) -> Check:
    """`run`, in a child, has to give up its rights; it gets what to say by what it is about to load."""
    ours, theirs = socket.socketpair()

    def say(message: Loading | Checked) -> None:
        with contextlib.suppress(BrokenPipeError):  # who asked was killed meanwhile
            theirs.sendall(encode(message))

    def child() -> int:
        theirs.setblocking(True)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        try:
            checked = run(say)
        except MemoryError:
            cause = "can't check the config: it needs too much memory"
            checked = Checked(None, (Problem(Severity.ERROR, path, 0, cause),))
        say(checked)
        return ChildExit.DRAINED

    pid = fork_child(system, child, lambda: (0, 1, 2, theirs.fileno()))
    theirs.close()
    ours.setblocking(False)
    return Check(pid, ours, text, path, folder, system.now(), FrameReader())


def _status(pid: int) -> int | None:
    """How a child of ours has ended, that is left to be reaped; None: it has not, or was reaped.

    It ends a moment after what it had open is closed.
    """
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        select.select([handle], [], [], ENDING)
        ended = os.waitid(os.P_PIDFD, handle, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        return None
    finally:
        os.close(handle)
    return ended.si_status if ended is not None and ended.si_code == os.CLD_KILLED else None


def check_now(text: bytes, path: str, needs: Needs | None = None) -> Checked:
    """Check and wait for the result: for commands, before there is a loop. Without `needs`, the text alone."""
    return wait(begin(System(), text, path), needs)


def wait(check: Check, needs: Needs | None = None) -> Checked:
    """The result of a check that was begun: for commands, before there is a loop."""
    while check.result is None:
        if select.select([check.fd], [], [], LOOK)[0]:
            check.collect()
        check.tick(time.monotonic())
    check.end()
    os.waitpid(check.pid, 0)
    assert check.result is not None
    if needs is None or check.result.config is None:
        return check.result
    return wait(begin_trial(System(), check, needs))
