"""The web process: what the master orders, and when it is ready.

It gets the config and its changes, files and sockets by its link like every
child, gives up its rights once all is imported, and asks the hub for the rest.
What it can't use (a users file by half, a certificate without its key) leaves
it with what it had; at the start it says so and ends.
"""

from __future__ import annotations

import gc
import os
import time
from dataclasses import replace
from typing import Any

import gevent
import gevent.event

from control.web import accounts
from control.web.accounts import Accounts
from control.web.app import App
from control.web.door import Door
from control.web.inquiry import Inquiry
from control.web.listening import Listening, tls
from director import logs
from director.config.edits import apply
from director.config.model import Admin, Config, User
from director.errors import ChildExit, RefusedError
from director.events import Event
from director.lifeline import Lifeline
from director.master.child import Birth
from director.messages import (
    AdminFiles,
    Admit,
    Amend,
    Applied,
    Configure,
    Drain,
    Failed,
    FilesUsed,
    Heartbeat,
    Introduce,
    LogFile,
    LogLevel,
    Lonely,
    Message,
    Ready,
    Reopen,
    Reopened,
    Running,
)
from director.outbox import Outbox

HEARTBEAT = 0.25  # seconds


class Web:
    """Wires the parts of the web process and carries out the master's orders."""

    def __init__(self, birth: Birth) -> None:
        self._birth = birth
        self._done = gevent.event.Event()
        self._ready = False
        self._lag = 0.0
        self.running = Running(0, Config())
        self._files: dict[str, int] = {}  # open, by path
        self._number = 0  # of what we were given last
        self._users: dict[str, tuple[User, ...]] = {}  # by the path of their file
        self._doors: dict[str, Door] = {}
        self._listening: dict[str, Listening] = {}
        self.inquiry = Inquiry(lambda: self._master.tell(Lonely()))
        gevent.get_hub().print_exception = logs.crash
        self._outbox = Outbox()
        self._outbox.open()
        self._master = Lifeline(birth.link, gevent.get_hub().loop, self._obey, self._done.set)

    def run(self) -> int:
        """Work until told to end; returns the exit status."""
        gevent.spawn(self._beat)
        if self._birth.running is not None:
            self._obey(Configure(self._birth.running), ())
        self._master.start()
        self._done.wait()
        for one in self._listening.values():
            one.close()
        return ChildExit.DRAINED

    def _beat(self) -> None:
        while True:
            self._master.tell(Heartbeat(self._lag, log_dropped=logs.trouble().dropped))
            self._outbox.flush(self._master.tell)
            logs.tend()
            due = time.monotonic() + HEARTBEAT
            gevent.sleep(HEARTBEAT)
            self._lag = max(0.0, time.monotonic() - due)

    def _obey(self, message: Message, descriptors: tuple[int, ...]) -> None:
        match message:
            case LogLevel(level, subsystem):
                logs.set_level(level, subsystem)
            case Configure(running):
                self.running = running
                self._furnish()
                self._master.tell(Applied(running.version))
            case Amend(version, edits):
                self.running = replace(apply(self.running, edits), version=version)
                self._furnish()
                self._master.tell(Applied(version))
            case AdminFiles(paths, number):
                self._read(dict(zip(paths, descriptors, strict=True)), number)
            case Admit(listens):
                self._admit(dict(zip(listens, descriptors, strict=True)))
            case Introduce():
                self.inquiry.introduce(descriptors)
            case Reopen(files, setup, number):
                for kind, fd in zip(files, descriptors, strict=True):
                    if kind is LogFile.LOG:
                        logs.moved(fd, setup)
                    else:
                        os.close(fd)
                self._master.tell_when(logs.settled, Reopened(number))
            case Drain():
                self._done.set()
            case _:
                logs.error(Event.PROCESS_FAILED, reason=f"got {type(message).__name__}")

    # -- admins ------------------------------------------------------------------------

    def _read(self, files: dict[str, int], number: int) -> None:
        """The files of admins are there, or there anew."""
        for path, fd in files.items():
            if path in self._files:
                os.close(self._files[path])
            self._files[path] = fd
        named = dict.fromkeys(admin.users_file for admin in self.running.config.admins)
        good = [self._attempt(self._read_users, path) for path in named if path in files]
        self._furnish()
        for admin in self.running.config.admins:
            listening = self._listening.get(str(admin.listen))
            if listening is not None and admin.secure:
                good.append(self._attempt(self._renew, listening, admin))
        self._number = number
        if self._ready and all(good):
            self._master.tell(FilesUsed(number))
        logs.info(Event.FILES_READ, files=len(files))

    def _read_users(self, path: str) -> None:
        self._users[path] = accounts.read(self._files[path], path)

    def _renew(self, listening: Listening, admin: Admin) -> None:
        listening.renew(tls(admin, self._files))

    def _attempt(self, function: Any, *args: Any) -> bool:
        """What can't be used leaves us with what we have; at the start there is nothing to go on with."""
        try:
            function(*args)
        except (RefusedError, OSError) as error:
            if not self._ready:
                self._master.tell(Failed(str(error)))
                self._done.set()
            logs.warning(Event.CONFIG_WARNING, problem=error)
            return False
        return True

    def _furnish(self) -> None:
        """Have each door be as the config and the files say. Who is logged in stays so."""
        for admin in self.running.config.admins:
            name = str(admin.listen)
            users = (*self._users.get(admin.users_file or "", ()), *admin.users)
            door = self._doors.get(name)
            if door is None:
                made = Door(name, admin.secure, admin.legacy_get, admin.metrics == "open", Accounts(users))
                door = self._doors[name] = made
            door.legacy_get, door.metrics_open = admin.legacy_get, admin.metrics == "open"
            door.accounts.renew(users)

    def _admit(self, sockets: dict[str, int]) -> None:
        """Listen on these, and on no others."""
        admins = {str(admin.listen): admin for admin in self.running.config.admins}
        for name in self._listening.keys() - sockets.keys():
            self._listening.pop(name).close()
            del self._doors[name]
        for name, fd in sockets.items():
            admin = admins[name]
            if name in self._listening and self._doors[name].secure is admin.secure:
                os.close(fd)
                continue
            if name in self._listening:  # http became https, or the other way round
                self._listening.pop(name).close()
                del self._doors[name]
                self._furnish()
            self._attempt(self._listen, admin, fd)
        if not self._ready and not self._done.is_set():
            self._ready = True
            self._master.tell(Ready())
            self._master.tell(FilesUsed(self._number))

    def _listen(self, admin: Admin, fd: int) -> None:
        name = str(admin.listen)
        context = tls(admin, self._files) if admin.secure else None
        app = App(self._doors[name], self.inquiry, lambda: self.running.config)
        self._listening[name] = Listening(fd, app, context)
        logs.info(Event.ADMIN_LISTENING, listen=name, secure=admin.secure)


def main(birth: Birth) -> int:
    """The life of the web process. Called in the child, once; returns its exit status."""
    gevent.get_hub()  # imports the rest of gevent, while we may still read it
    birth.settle()
    logs.aside()
    web = Web(birth)
    gc.collect()
    gc.freeze()
    return web.run()
