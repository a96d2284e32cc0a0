"""Starting: lock, addresses, logs and control socket, in this order; then the Master runs.

A failure at any step unwinds what the earlier ones did. Orphans of a dead
master are given a moment to let go of an address, and are ended if they don't.
"""

from __future__ import annotations

import gc
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from director import logs
from director.config import numbering
from director.config.merge import merge
from director.config.model import Config
from director.errors import ConfigError, DirectorError, Exit, SystemFailure, cause
from director.events import Event
from director.link import Link
from director.master import checker, handover
from director.master import system as kernel
from director.master.admins import Admins
from director.master.adoption import adopt
from director.master.bond import Bond
from director.master.candidate import Candidate
from director.master.controls import Controls, open_control
from director.master.family import Family, Roles, make_supervisor
from director.master.invocation import Invocation
from director.master.journal import Journal
from director.master.listeners import Address, open_address
from director.master.lock import Holder, Lock, probe
from director.master.logfiles import LogFiles
from director.master.loop import Loop
from director.master.needs import Needs
from director.master.notify import from_environment
from director.master.pidfile import check_pid_file
from director.master.readiness import Readiness
from director.master.recall import recall
from director.master.records import Loaded
from director.master.run import Master
from director.master.seats import wanted
from director.master.signals import hold_back
from director.master.stage import Stage
from director.master.stopping import kill_children
from director.master.system import System
from director.messages import Failed, Handover, Running
from director.outbox import Outbox
from director.places import Places, make_run_dir

PATIENCE = 30.0  # seconds that a start may take, or a stop beyond its time
ORPHAN_PATIENCE = 3.0  # seconds to let orphans of a dead master give up the port


@dataclass
class Start:
    """What `serve` needs to know beside the places."""

    config: Config
    readiness: Readiness
    foreground: bool
    roles: Roles
    owner: int  # uid of who started the daemon
    log_level: str | None = None
    invocation: Invocation = field(default_factory=Invocation.of_this_process)
    text: bytes | None = None  # of the config file, if there is one
    passed: tuple[int, ...] = ()  # listening sockets that we were started with
    when_ready: Callable[[], None] = lambda: None


def _wait_for_starter(holder: Callable[[], Holder]) -> int:
    """Another `start` is at it, or was before us: wait until its daemon serves. Returns its pid, 0 if it ended.

    One that stops does not serve any more: who starts now wants one that runs when it is gone.
    """
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE + (now := holder()).stop_timeout:
        if not now.master_lives:
            return 0
        if now.serving and now.is_still(now.pid, now.start):
            return now.pid
        time.sleep(0.05)
    raise SystemFailure(f"can't start: another daemon, pid {now.pid}, starts or stops, and that takes too long")


def _open_addresses(config: Config, slots: int, lock_path: str, addresses: dict[str, Address]) -> dict[str, Address]:
    """All of the config, beside those that are there already. Raises SystemFailure; none stays open then."""
    patience = time.monotonic() + ORPHAN_PATIENCE
    killed = False
    for _, listen in config.listens():
        while str(listen.ip) not in addresses:
            try:
                addresses[str(listen.ip)] = open_address(listen, slots)
            except SystemFailure:
                holder = probe(lock_path)
                late = time.monotonic() >= patience
                if not holder.children_live or (late and killed):
                    for address in addresses.values():
                        address.close()
                    raise
                if late:
                    for pid in kill_children(holder):
                        logs.warning(Event.DAEMON_ORPHANS, killed=pid)
                    killed = True
                    patience += ORPHAN_PATIENCE
                time.sleep(0.02)
    return addresses


def serve(start: Start, places: Places) -> int:
    """Start a daemon in this process and run it to its end. Returns the exit status."""
    system = System()
    lock = Lock(places.lock, config=places.config)
    try:
        make_run_dir(places.run_dir, os.geteuid())
        while not lock.take():
            if pid := _wait_for_starter(lambda: probe(places.lock)):
                start.readiness.tell(Exit.DONE, f"directord: already running, pid {pid}")
                return Exit.DONE
        return _serve_locked(start, places, system, lock)
    except DirectorError as error:
        start.readiness.tell(error.exit, f"directord: {error}")
        return error.exit
    except OSError as error:
        exit = Exit.NO_RIGHTS if isinstance(error, PermissionError) else Exit.FAILED
        start.readiness.tell(exit, f"directord: can't start: {cause(error)}")
        return exit


def _serve_locked(start: Start, places: Places, system: System, lock: Lock) -> int:
    hold_back()
    check_pid_file(places.pid_file)
    identity = kernel.child_identity(start.config.user, start.config.group)
    kernel.raise_descriptor_limit()
    outbox = _listening()
    orphans = probe(places.lock)
    # At once, for who wants to stop us; orphans stay on record, should they be in the way.
    lock.write(orphans.generation, list(orphans.children), start.config.stop_timeout)
    log_files = LogFiles.of(start.config.logging, foreground=start.foreground, level=start.log_level)
    journal = Journal(None if start.text is None else places.journal)
    running, last = recall(journal, start.config, start.text or b"", places.config or "", _check)
    config = running.config
    workers = wanted(config)
    addresses = _open_addresses(config, workers, places.lock, adopt(config, start.passed))
    try:
        if config.user and identity is None and os.geteuid() != 0:
            logs.warning(Event.PRIVILEGES_KEPT, reason="not root: user and group of the config are ignored")
        control = open_control(places.control)
        controls = Controls(places.control)
        controls.open_new(config)
        controls.grant(config)
        admins = Admins(places.state_dir)
        admins.open(config)
    except DirectorError:
        for address in addresses.values():
            address.close()
        raise
    generation = _generation()
    _sweep_generations(places.run_dir, orphans)
    directory = os.path.join(places.run_dir, generation)
    lock.write(generation, [], config.stop_timeout)
    master = Master(
        system=system,
        places=places,
        readiness=start.readiness,
        roles=start.roles,
        loop=Loop(system.now),
        lock=lock,
        loaded=start.config,
        running=running,
        journal=journal,
        addresses=addresses,
        admins=admins,
        controls=controls,
        last_number=last,
        generation=generation,
        outbox=outbox,
        when_ready=start.when_ready,
        invocation=start.invocation,
        foreground=start.foreground,
        log_level=start.log_level,
    )
    made = Made(directory, identity, control.fileno(), os.memfd_create("director-hub"), log_files, workers, start.owner)
    master.family = make_family(master, made)
    logs.info(Event.DAEMON_STARTING, pid=os.getpid(), python=sys.version.split()[0], generation=generation)
    # The config lives for long: no pass of the collector over it, and children share its memory.
    gc.collect()
    gc.freeze()
    return master.run()


@dataclass
class Made:
    """What a generation's children are born with."""

    directory: str
    identity: kernel.Identity | None
    control: int
    memory: int
    log_files: LogFiles
    workers: int
    owner: int
    ordinal: int = 1


def make_family(master: Master, made: Made) -> Family:
    """The children of this master, none born yet, and the folder in which they meet. Raises OSError."""
    config = master.running.config
    family = Family(
        system=master.system,
        loop=master.loop,
        roles=master.roles,
        supervisor=make_supervisor(made.workers, config.worker_timeout, made.ordinal, master.admins.listening),
        directory=made.directory,
        lock_path=master.places.lock,
        owner=made.owner,
        identity=made.identity,
        control=made.control,
        memory=made.memory,
        log_files=made.log_files,
        running=lambda: master.running,
        addresses=master.addresses,
        refs=master.seats.refs,
        on_born=master.born,
        on_report=master.heard,
        on_exit=master.exited,
        state_dir=master.places.state_dir if master.places.config else "",
        ordinal=made.ordinal,
        standby=lambda: master.stage in (Stage.CANDIDATE, Stage.READY, Stage.PROBATION, Stage.RETIRING),
        strangers=master.stranger,
    )
    family.make_directory()
    return family


def succeed(roles: Roles, places: Places) -> int:
    """Start in this process what replaces a daemon that runs, and run it to its end. Returns the exit status."""
    left = handover.take(os.environ)
    link = Link(socket.socket(fileno=left.elder.link))
    try:
        master = _take(left, roles, places)
    except DirectorError as error:
        link.send(Failed(str(error)))
        return Exit.FAILED
    except OSError as error:
        link.send(Failed(f"can't start: {cause(error)}"))
        return Exit.FAILED
    master.candidate = Candidate(master, Bond(master.loop, link, lambda message: None, lambda: None), left)
    for elder in left.retirees:
        bond = Bond(master.loop, Link(socket.socket(fileno=elder.link)), lambda message: None, lambda: None)
        master.retirees.add(elder, bond)
    logs.info(Event.DAEMON_STARTING, pid=os.getpid(), python=sys.version.split()[0], generation=master.generation)
    return master.run()


def _take(left: Handover, roles: Roles, places: Places) -> Master:
    """All that a candidate needs to have its children. Raises DirectorError, OSError."""
    invocation = Invocation.of_this_process()
    system = System()
    if left.foreground and not from_environment().heard:
        kernel.end_with_parent(os.getppid())  # the launcher: who calls us is gone already
    os.chdir("/")
    outbox = _listening()
    assert places.config is not None
    text = checker.read_file(places.config)
    checked = checker.check_now(text, places.config, Needs(places.run_dir, places.state_dir, roles.judge))
    if checked.config is None:
        raise ConfigError(checked.problems)
    fresh, last = numbering.assign(checked.config, left.running.config, left.last_number)
    merged = merge(left.loaded, Running(left.running.version + 1, fresh), left.running)
    for conflict in merged.conflicts:
        logs.warning(Event.CHANGE_OVERRULED, change=conflict)
    config = merged.running.config
    journal = Journal()  # to be written when the daemon is ours
    journal.append(Loaded.of(system.wall(), places.config, text, merged.stays))
    kernel.raise_descriptor_limit()
    identity = kernel.child_identity(config.user, config.group)
    workers = wanted(config)
    addresses = _inherit_addresses(left, config, workers)
    controls = Controls(places.control)
    controls.adopt(left.controls)
    controls.open_new(config)
    Admins.check_free(config, left.running.config)
    log_files = LogFiles.of(config.logging, foreground=left.foreground, level=left.log_level)
    generation = _generation()
    directory = os.path.join(places.run_dir, generation)
    master = Master(
        system=system,
        places=places,
        readiness=Readiness(told=True),
        roles=roles,
        loop=Loop(system.now),
        lock=Lock(places.lock, left.lock, left.elder.pid, config=places.config),
        loaded=checked.config,
        running=merged.running,
        journal=journal,
        addresses=addresses,
        admins=Admins(places.state_dir),
        controls=controls,
        outbox=outbox,
        stage=Stage.CANDIDATE,
        last_number=last,
        last_ordinal=left.ordinal,
        generation=generation,
        invocation=invocation,
        foreground=left.foreground,
        log_level=left.log_level,
    )
    made = Made(directory, identity, left.control, left.memory, log_files, workers, left.owner, left.ordinal)
    master.family = make_family(master, made)
    return master


def _inherit_addresses(left: Handover, config: Config, slots: int) -> dict[str, Address]:
    """Those that were, with sockets for all our slots, and those that the file has beside them."""
    before = {str(listen.ip): listen for _, listen in left.running.config.listens()}
    now = {str(listen.ip): listen for _, listen in config.listens()}
    addresses = {}
    for one in left.listeners:
        sockets = [socket.socket(fileno=fd) for fd in one.fds]
        for sock in sockets:
            sock.setblocking(False)
        address = Address(before[one.ip], one.shared, one.foreign, sockets, one.serving)
        if one.ip in now:
            address.add_slots(slots)
        addresses[one.ip] = address
    for ip, listen in now.items():
        if ip not in addresses:
            addresses[ip] = open_address(listen, slots)
    return addresses


def _generation() -> str:
    """The name of this process's generation, which no other ever has."""
    return f"g{os.getpid()}-{kernel.start_ticks(os.getpid())}"


def _listening() -> Outbox:
    """For what is told while there is no master yet."""
    outbox = Outbox()
    outbox.open()
    return outbox


def _check(text: bytes, name: str) -> Config | None:
    return checker.check_now(text, name).config


def _sweep_generations(run_dir: str, orphans: Holder) -> None:
    """Remove what dead generations left; a directory that orphans still use is theirs."""
    for name in os.listdir(run_dir):
        pid, _, ticks = name[1:].partition("-")
        if not (name.startswith("g") and pid.isdigit() and ticks.isdigit()):
            continue
        if orphans.children_live and name == orphans.generation:
            continue
        if kernel.start_ticks(int(pid)) != int(ticks):
            shutil.rmtree(os.path.join(run_dir, name), ignore_errors=True)
