"""Where a director keeps its files: run dir, state dir, config file, control socket.

`directord` and `directorctl` must agree on this without talking to each
other, so the rules stand here once: what was given on the command line wins,
then the environment, then the place for root or for a user. Environment and
uid come in as arguments.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass

from director.errors import RefusedError

ROOT = 0  # uid
CONFIG_FILE = "/etc/director/config.xml"


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of one director. `config` is None for one that runs without a file."""

    run_dir: str
    state_dir: str
    config: str | None
    pid_file: str

    @property
    def control(self) -> str:
        """The control socket."""
        return control_socket(self.run_dir)

    @property
    def lock(self) -> str:
        """Held by the master as long as it lives; stays when it is gone."""
        return os.path.join(self.run_dir, "directord.lock")

    @property
    def journal(self) -> str:
        """What operators changed at run time."""
        return os.path.join(self.state_dir, "journal")


def run_dir(given: str | None, environ: Mapping[str, str], uid: int, tmp: str = "/tmp") -> str:
    """The folder of pid file, lock and control socket. It need not exist yet.

    Raises RefusedError when it is the one in `tmp`, where anyone may have put
    something of that name, and somebody did.
    """
    if given:
        return absolute(given)
    if uid == ROOT:
        return "/run/director"
    # The XDG specification has relative paths ignored.
    if (runtime := environ.get("XDG_RUNTIME_DIR", "")).startswith("/"):
        return os.path.join(runtime, "director")
    path = os.path.join(tmp, f"director-{uid}")
    check_private(path, uid)
    return path


def state_dir(given: str | None, environ: Mapping[str, str], uid: int) -> str:
    """The folder of what must survive a reboot. Raises RefusedError if there is no home to put it in."""
    if given:
        return absolute(given)
    if uid == ROOT:
        return "/var/lib/director"
    if (state := environ.get("XDG_STATE_HOME", "")).startswith("/"):
        return os.path.join(state, "director")
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        try:
            home = pwd.getpwuid(uid).pw_dir  # as `~` is for a shell
        except KeyError:
            cause = f"uid {uid} has no account, and $HOME is not set"
            raise RefusedError(f"can't choose a state directory: {cause}; give one by --state-dir") from None
    return os.path.join(home, ".local/state/director")


def config_file(given: str | None, environ: Mapping[str, str]) -> str:
    """The config file. It need not exist."""
    return absolute(given or environ.get("DIRECTOR_CONFIG") or CONFIG_FILE)


def control_socket(run_dir: str) -> str:
    """The control socket of the director whose run dir this is."""
    return os.path.join(run_dir, "control.sock")


def pid_file(given: str | None, run_dir: str) -> str:
    """The pid file."""
    return absolute(given) if given else os.path.join(run_dir, "directord.pid")


def make_run_dir(path: str, uid: int) -> None:
    """Make the run dir if it is not there. Raises RefusedError, OSError.

    Open to be looked into, except where everyone may make folders: there it
    is for us alone, and ours or nobody's.
    """
    parent = os.path.dirname(path)
    os.makedirs(parent, 0o755, exist_ok=True)
    shared = bool(os.stat(parent).st_mode & stat.S_IWOTH)
    try:
        os.mkdir(path, 0o700)
        # mkdir's mode is cut by the umask; this one is not.
        os.chmod(path, 0o700 if shared else 0o755)
    except FileExistsError:
        if shared:
            check_private(path, uid)


def check_private(path: str, uid: int) -> None:
    """Raise RefusedError unless `path` is a folder where only `uid` may write, or does not exist."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        cause = "it is not a directory"
    elif found.st_uid != uid:
        cause = f"it belongs to uid {found.st_uid}, not to {uid}"
    elif found.st_mode & 0o022:
        cause = f"its mode is {stat.S_IMODE(found.st_mode):04o}: others may write there"
    else:
        return
    raise RefusedError(f"can't use {path}: {cause}; give another by --run-dir")


def absolute(path: str) -> str:
    """A path as it was typed, from the root. Raises RefusedError."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        where = "the folder that it was typed in is gone; write it from the root"
        raise RefusedError(f"can't find {path}: {where}") from None
