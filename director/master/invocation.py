"""How this daemon was called, so that the next generation can be called alike.

The interpreter, its options and the program as they were typed, and the folder
they were typed in: a symlink that points to another release by then selects that.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from director.places import Places

_SPARE = 256  # descriptors that an interpreter needs beside those it is given
_OURS = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID")


@dataclass(frozen=True)
class Invocation:
    """`words`: what stands before directord's own options. `descriptors`: how many it was allowed, if that is known."""

    words: tuple[str, ...]
    folder: str
    descriptors: int | None = None

    @classmethod
    def of_this_process(cls) -> Invocation:
        """As it was called; to be asked before the working directory or a limit changes."""
        count = len(sys.orig_argv) - len(sys.argv) + 1
        return cls(tuple(sys.orig_argv[:count]), _folder(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    def command(self, places: Places, *words: str) -> list[str]:
        """The command line of another directord for the same places."""
        options = {"--run-dir": places.run_dir, "--state-dir": places.state_dir, "--pid-file": places.pid_file}
        if places.config is not None:
            options["--config"] = places.config
        return [*self.words, *(word for pair in options.items() for word in pair), *words]

    def execute(self, places: Places, words: Iterable[str], fds: Iterable[int], **environment: str) -> None:
        """Become that directord, with these descriptors. Returns only by an OSError."""
        fds = tuple(fds)
        for fd in fds:
            os.set_inheritable(fd, True)
        if self.descriptors is not None:
            # As we found it, so that limits don't grow from one to the next; but it must be able to begin.
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(self.descriptors, len(fds) + _SPARE), hard), hard))
        folder = self.folder if os.path.isdir(self.folder) else "/"  # it was removed: only relative words need it
        os.chdir(folder)
        environ = {name: value for name, value in os.environ.items() if name not in _OURS}
        environ |= {"PWD": folder, **environment}
        command = self.command(places, *words)
        os.execvpe(command[0], command, environ)


def _folder() -> str:
    """The working directory, by the name that the shell knows it by."""
    typed = os.environ.get("PWD", "")
    with contextlib.suppress(OSError):
        if typed and os.path.samefile(typed, "."):
            return typed
    with contextlib.suppress(OSError):
        return os.getcwd()
    return "/"  # it was removed
