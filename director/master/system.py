"""The kernel, as the master sees it: one seam for tests, identities and resource limits."""

from __future__ import annotations

import ctypes
import grp
import os
import pwd
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from director.errors import SystemFailure
from director.master import cgroup
from director.master.vitals import Vitals

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # of <linux/prctl.h>
_NO_ID = 2**32 - 1  # to chown(2) it means: as it was


@dataclass(frozen=True)
class System:
    """The calls by which the master makes, watches and ends processes."""

    fork: Callable[[], int] = os.fork
    waitpid: Callable[[int, int], tuple[int, int]] = os.waitpid
    kill: Callable[[int, int], None] = os.kill
    now: Callable[[], float] = time.monotonic  # seconds
    wall: Callable[[], float] = time.time  # seconds since 1970


@dataclass(frozen=True)
class Identity:
    """Whom children become: user, group and supplementary groups."""

    uid: int
    gid: int
    groups: tuple[int, ...]

    def assume(self) -> None:
        """Become it, for good."""
        os.setgroups(self.groups)
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)


def _number(account: str) -> int | None:
    """What stands for an account if it is no name."""
    return int(account) if account.isdecimal() and len(account) <= 10 and int(account) < _NO_ID else None


def _account(name: str) -> pwd.struct_passwd | None:
    number = _number(name)
    try:
        return pwd.getpwnam(name) if number is None else pwd.getpwuid(number)
    except KeyError:
        return None


def uid_of(user: str) -> int | None:
    """The id of a user, given by name or number; None: there is none. May block: names can come from a server."""
    number = _number(user)
    try:
        return pwd.getpwnam(user).pw_uid if number is None else number
    except KeyError:
        return None


def gid_of(group: str) -> int | None:
    """The id of a group, given by name or number; None: there is none. May block, too."""
    number = _number(group)
    try:
        return grp.getgrnam(group).gr_gid if number is None else number
    except KeyError:
        return None


def child_identity(user: str | None, group: str | None) -> Identity | None:
    """Whom children become, or None to stay who we are.

    As root without a `user`: the account `director`, else `nobody`. Not root:
    nothing can be changed. Raises SystemFailure for an unknown user or group, in a line each.
    """
    if os.geteuid() != 0:
        return None
    account = _account("director") or _account("nobody") if user is None else _account(user)
    gid = None if group is None else gid_of(group)
    faults = [] if account else [f"can't run workers as user {user or 'nobody'!r}: there is no such account"]
    if group is not None and gid is None:
        faults.append(f"can't run workers as group {group!r}: there is no such group")
    if account is None or faults:
        raise SystemFailure("\n".join(faults))
    gid = account.pw_gid if gid is None else gid
    if account.pw_uid == 0:
        return None
    return Identity(account.pw_uid, gid, tuple(os.getgrouplist(account.pw_name, gid)))


def _stat(pid: int) -> list[bytes]:
    """What /proc/PID/stat has behind the program's name, see proc(5); nothing if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def start_ticks(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; with `pid` it names a process for ever."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def parent(pid: int) -> int:
    """The parent of a process; 0 if there is none, or no such process."""
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def works_in(directory: str, since: int) -> bool:
    """Whether a process that began at `since` (ticks) or later may have this for its working directory.

    As all children of a generation have its own.
    """
    try:
        wanted = os.stat(directory)
    except OSError:
        return True
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            if os.path.samestat(os.stat(f"/proc/{pid}/cwd"), wanted):
                return True
        except PermissionError:
            # Not root: it is somebody else's. Root: one whose rights are not all ours may be one of them.
            if os.geteuid() == 0 and (start_ticks(pid) or 0) >= since:
                return True
        except OSError:
            pass  # it is gone
    return False


def reap_orphans() -> None:
    """Be the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent(pid: int) -> None:
    """Be told to end gracefully when the parent, this process, ends; at once if it has already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != pid:
        os.kill(os.getpid(), signal.SIGTERM)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def started_at(ticks: int) -> float:
    """A number of clock ticks since boot on the monotonic clock, which stood still while the machine slept."""
    slept = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    return ticks / os.sysconf("SC_CLK_TCK") - slept


def process_state(pid: int) -> str:
    """The kernel's letter for what the process does: R, S, D, T, Z, ...; empty if it is gone."""
    fields = _stat(pid)
    return fields[0].decode() if fields else ""


def vitals(pid: int) -> Vitals:
    """How the process fares; of its threads, the first."""
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as file:
            ran, waited = (int(word) / 1e9 for word in file.read().split()[:2])
    except (OSError, ValueError):
        ran, waited = _ran(pid), 0.0  # a kernel that does not count waits, or no such process
    return Vitals(process_state(pid), ran, waited)


def _ran(pid: int) -> float:
    return sum(map(int, _stat(pid)[11:13])) / os.sysconf("SC_CLK_TCK")


def processors() -> int:
    """How many processors we may use: affinity and the control groups' quota count."""
    count = len(os.sched_getaffinity(0))
    quota = cgroup.quota()
    return count if quota is None else max(1, min(count, round(quota)))


def raise_descriptor_limit() -> tuple[int, int]:
    """Raise the soft limit of open files to the hard one. Returns (soft before, soft now)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft, hard


def describe_status(status: int) -> str:
    """A wait status in words."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        hint = " (out of memory?)" if number == signal.SIGKILL else ""
        return f"killed by {signal.Signals(number).name}{hint}"
    return f"exit {os.waitstatus_to_exitcode(status)}"
