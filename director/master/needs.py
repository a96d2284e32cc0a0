"""What a config needs of this machine: accounts, logs, places for sockets, the files of admins.

All of it can be known before anything is opened or stopped. Looked at in a
child of the `checker`, with the rights that the daemon will have; what stands
in the files is judged after those are dropped. Ports are no part of it: the
daemon that is to be replaced may have them. What only checks and calls of
hosts want may come while it runs, and is a matter of doubt.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from director import logsocket
from director.addresses import call_from, not_from
from director.config.model import Admin, Check, Config
from director.errors import SystemFailure
from director.logtarget import log_target
from director.master import admins, selfsigned
from director.master.listeners import account_ids
from director.master.logfiles import open_file
from director.master.system import child_identity, gid_of

# What is wrong with the open files of an admin, by path. Given by the composition root: the web admin knows.
Judge = Callable[[Admin, Mapping[str, int]], Iterable[str]]
# The element of the config and a word in it, by which its line is found, what is wrong, and what would be right.
Fault = tuple[str, str, str, str]

_ACCOUNT = "write the name or number of a user and of a group that there are"
_GROUP = "write the name or number of a group that there is"
_TO_READ = "write the path of a file that who starts the daemon may read"
_TO_WRITE = "write a path where who starts the daemon may write, or make the folder"
_LOG_SERVER = "write the address of a syslog server that can be found"
_TO_RUN = "write the path of a program that the user of workers may run"
_TO_TRUST = "write the path of a file of PEM certificates that the user of workers may read"
_TO_CALL = "write an address of this machine"


@dataclass(frozen=True)
class Needs:
    """Of the daemon with these folders, of which it makes the run dir itself."""

    run_dir: str
    state_dir: str
    judge: Judge

    def look(self, config: Config, settle: Callable[[], None]) -> Iterator[Fault]:
        """All that is missing. `settle` is called to give up rights, before anything is read."""
        yield from _accounts(config)
        yield from self._logs(config)
        yield from self._places(config)
        files: dict[str, int] = {}
        for admin in config.admins:
            for path in admins.files(admin, self.state_dir):
                if path in files or (path == selfsigned.path(self.state_dir) and not os.path.exists(path)):
                    continue  # the latter is made by who starts
                try:
                    files[path] = admins.open_file(path)
                except SystemFailure as error:
                    yield "admin", os.path.basename(path), str(error), _TO_READ
        settle()
        for admin in config.admins:
            for fault in self.judge(admin, files):
                yield "admin", str(admin.listen), fault, ""  # who judges knows the remedy

    def doubts(self, config: Config) -> Iterator[Fault]:
        """What checks and calls of hosts would fail for now: it may come yet. Looked for with the rights of workers."""
        for service in config.services:
            yield from _source("service", service.source)
            for group in service.groups:
                yield from _check(group.check)
                for host in group.hosts:
                    yield from _source("host", host.source)
                    yield from _check(host.check)

    def _logs(self, config: Config) -> Iterator[Fault]:
        for text in filter(None, (config.logging.file, config.logging.connections)):
            target = log_target(text, journal=False)
            what = f"can't open log file {target.path}" if target.path else f"can't open log to {target.socket}"
            try:
                if target.path:
                    os.close(open_file(target.path, make=False))
                elif target.port:
                    os.close(logsocket.opened(target))
            except FileNotFoundError:
                yield from self._folder("logging", target.path, what)
            except OSError as error:
                yield (
                    "logging",
                    os.path.basename(text),
                    f"{what}: {error.strerror}",
                    _TO_WRITE if target.path else _LOG_SERVER,
                )

    def _places(self, config: Config) -> Iterator[Fault]:
        for control in config.controls:
            if control.socket:
                yield from self._folder("control", control.socket, f"can't open control socket {control.socket}")
        for _, listen in config.listens():
            if listen.ip.path:
                yield from self._folder("listen", listen.ip.path, f"can't listen on {listen.ip}")

    def _folder(self, element: str, path: str, what: str) -> Iterator[Fault]:
        """Whether a file could be made there."""
        folder = os.path.dirname(path)
        if folder == self.run_dir and not os.path.lexists(folder):
            return  # it will be there
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            cause = errno.EACCES if os.path.isdir(folder) else errno.ENOENT
            yield element, os.path.basename(path), f"{what}: {os.strerror(cause)}: {folder}", _TO_WRITE


def _accounts(config: Config) -> Iterator[Fault]:
    try:
        child_identity(config.user, config.group)
    except SystemFailure as error:
        for line in str(error).splitlines():
            yield "", "", line, _ACCOUNT
    for control in config.controls:
        if control.group and gid_of(control.group) is None:
            yield (
                "control",
                control.group,
                f"can't give rights to group {control.group!r}: there is no such group",
                _GROUP,
            )
    for _, listen in config.listens():
        try:
            account_ids(listen)
        except SystemFailure as error:
            for line in str(error).splitlines():
                yield "listen", os.path.basename(listen.ip.path) or str(listen.ip), line, _ACCOUNT


def _source(element: str, source: str | None) -> Iterator[Fault]:
    if source is None:
        return
    with socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET) as sock:
        if not call_from(sock, source):
            yield element, source, not_from(source), _TO_CALL


def _check(check: Check | None) -> Iterator[Fault]:
    if check is None:
        return
    if check.command is not None and (code := _unfit(check.command)):
        yield "check", os.path.basename(check.command), f"can't run {check.command}: {os.strerror(code)}", _TO_RUN
    if check.ca is not None:
        from director.trust import trusting  # what it takes is long in coming, and few have that

        try:
            trusting(check.ca)
        except OSError as error:
            yield "check", os.path.basename(check.ca), str(error.strerror), _TO_TRUST


def _unfit(command: str) -> int:
    """The errno for which the program could not be run; 0: it could."""
    try:
        regular = stat.S_ISREG(os.stat(command).st_mode)
    except OSError as error:
        return error.errno or errno.ENOENT
    return 0 if regular and os.access(command, os.X_OK, effective_ids=True) else errno.EACCES
