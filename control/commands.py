"""What can be asked of a running daemon: one function and one table row per command.

Everything else follows from the table: `directorctl`'s arguments, its help,
name completion, the verbs of the line dialect and the rights that a command
needs. A function gets the hub, its arguments (all of them, with defaults filled
in) and who asks; it returns plain values with stable keys, which
`control.render` turns into text and `--json` prints as they are. One that is a
generator yields progress and returns its result.

Imported by `directorctl` at every call, so what only the hub needs is imported
inside the functions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from director.config.model import Access
from director.errors import DirectorError, Exit

if TYPE_CHECKING:
    from director.messages import Actor, Answer, Order, ProcessInfo, Running

Args = Mapping[str, Any]
Document = dict[str, Any]

MAX_REQUEST = 64 * 1024  # bytes


class Hub(Protocol):
    """What commands need of the hub process."""

    @property
    def version(self) -> str:
        """Of the code that runs."""

    @property
    def running(self) -> Running:
        """What the daemon works by."""

    def stats(self) -> Document:
        """All counters, not older than a second: the JSON document of the interface."""

    def processes(self) -> tuple[ProcessInfo, ...]:
        """All processes of this generation, the master first."""

    def ask(self, order: Order, actor: Actor, force: bool = False) -> Answer:
        """Have the master do it; waits for its answer. Raises RefusedError when none comes."""


class ErrorKind(StrEnum):
    """Why a command failed, as the control socket says it."""

    UNKNOWN = "unknown"  # no such service, group, host or user
    REFUSED = "refused"  # understood, but not done
    USAGE = "usage"  # no such command or option, wrong arguments
    RIGHTS = "rights"  # you may not
    FAILED = "failed"  # tried, and something broke
    CONFIG = "config"  # the config was rejected; `lines` are its problems


_EXITS = {ErrorKind.USAGE: Exit.USAGE, ErrorKind.CONFIG: Exit.BAD_CONFIG}


class CommandError(DirectorError):
    """A command that did not succeed; raised in the daemon, and again at the client."""

    def __init__(self, kind: ErrorKind, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.lines = tuple(lines)
        self.exit = _EXITS.get(kind, Exit.FAILED)


class Names(StrEnum):
    """What an argument names, for those who complete or look it up."""

    SERVICE = "service"
    GROUP = "group"
    HOST = "host"
    COMMAND = "command"


class Section(StrEnum):
    """Where a command stands in the help."""

    LOOK = "look"
    HOST = "host"
    GROUP = "group"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Argument:
    """A word that a command takes, by its place."""

    name: str
    metavar: str
    names: Names
    required: bool = True


@dataclass(frozen=True, slots=True)
class Option:
    """`--name VALUE`, or a flag when it has neither metavar nor choices."""

    name: str
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    letter: str = ""  # `-s` beside `--socket`

    @property
    def flag(self) -> bool:
        """Whether it takes no value."""
        return not (self.metavar or self.choices)

    @property
    def spellings(self) -> tuple[str, ...]:
        """How it may be written."""
        return (f"--{self.name}", f"-{self.letter}") if self.letter else (f"--{self.name}",)

    @property
    def usage(self) -> str:
        """How to write it, with its value."""
        value = "|".join(self.choices) or self.metavar
        return f"--{self.name} {value}" if value else f"--{self.name}"


@dataclass(frozen=True, slots=True)
class Command:
    """One row of the table.

    Required arguments come before others. `access` is the right it needs.
    `max_request` is in bytes, larger for commands that carry a file.
    """

    name: str
    section: Section
    summary: str
    run: Callable[[Hub, Args, Actor], Any]
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    access: Access = Access.READONLY
    max_request: int = MAX_REQUEST

    @property
    def synopsis(self) -> str:
        """How to write it without options: `hosts [SVC [GRP]]`."""
        words = [self.name, *(one.metavar for one in self.arguments if one.required)]
        optional = [one.metavar for one in self.arguments if not one.required]
        if optional:
            words.append(" ".join(f"[{metavar}" for metavar in optional) + "]" * len(optional))
        return " ".join(words)

    @property
    def usage(self) -> str:
        """How to write it: `host-down SVC GRP HOST [--reason TEXT] [--force]`."""
        return " ".join([self.synopsis, *(f"[{option.usage}]" for option in self.options)])


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean ...?`, or what there is when nothing is similar."""
    import difflib

    names = list(known)
    if close := difflib.get_close_matches(word, names, n=1, cutoff=0.5):
        return f'; did you mean "{close[0]}"?'
    if not names:
        return "; there is none"
    more = ", ..." if len(names) > 8 else ""
    return f"; there is {', '.join(names[:8])}{more}"


def find(name: str, table: Iterable[Command]) -> Command:
    """The row of a command. Raises CommandError."""
    rows = {row.name: row for row in table}
    if name not in rows:
        raise CommandError(ErrorKind.USAGE, f'can\'t run "{name}": there is no such command{nearest(name, rows)}')
    return rows[name]


# -- look ------------------------------------------------------------------------


def status(hub: Hub, args: Args, actor: Actor) -> Document:
    """One entry a process."""
    stats = hub.stats()
    open_connections = {worker["slot"]: worker["open"] for worker in stats["workers"]}
    now = time.time()
    processes = [
        {
            "kind": process.kind.value,
            "slot": process.slot if process.slot >= 0 else None,
            "pid": process.pid,
            "generation": stats["generation"],
            "state": process.state,
            "open": open_connections.get(process.slot),
            "uptime_seconds": round(max(0.0, now - process.started_at), 3),
            "silent_seconds": round(process.silent, 3),
        }
        for process in hub.processes()
    ]
    return {key: stats[key] for key in ("version", "generation", "pid", "uptime_seconds")} | {"processes": processes}


def stats(hub: Hub, args: Args, actor: Actor) -> Document:
    """Everything that is counted."""
    return hub.stats()


def services(hub: Hub, args: Args, actor: Actor) -> Document:
    """Services with their own counters, and how many hosts of the enabled group are up."""
    found = []
    for service in hub.stats()["services"]:
        groups = service["groups"]
        hosts = [host for group in groups if group["enabled"] for host in group["hosts"]]
        up = sum(host["state"] in ("up", "slowstart") for host in hosts)
        found.append({**service, "groups": [group["name"] for group in groups], "hosts": len(hosts), "hosts_up": up})
    return {"services": found}


def hosts(hub: Hub, args: Args, actor: Actor) -> Document:
    """Hosts of all services, of one, or of one of its groups."""
    chosen = _chosen(hub.stats()["services"], args["service"], "service")
    found = []
    for service in chosen:
        for group in _chosen(service["groups"], args["group"], "group"):
            place = {"service": service["name"], "group": group["name"], "enabled": group["enabled"]}
            found += [{**place, **host} for host in group["hosts"]]
    return {"hosts": found}


def _chosen(entries: list[Document], name: str | None, noun: str) -> list[Document]:
    if name is None:
        return entries
    if chosen := [entry for entry in entries if entry["name"] == name]:
        return chosen
    known = nearest(name, (entry["name"] for entry in entries))
    raise CommandError(ErrorKind.UNKNOWN, f'can\'t find {noun} "{name}"{known}')


def workers(hub: Hub, args: Args, actor: Actor) -> Document:
    """One entry a worker."""
    return {"workers": hub.stats()["workers"]}


def version(hub: Hub, args: Args, actor: Actor) -> Document:
    """The daemon's."""
    return {"daemon": hub.version}


def help_(hub: Hub | None, args: Args, actor: Actor | None) -> Document:
    """The table, or one row of it."""
    rows = COMMANDS if args["command"] is None else (find(args["command"], COMMANDS),)
    return {"commands": [_described(row) for row in rows], "detailed": args["command"] is not None}


def _described(row: Command) -> Document:
    return {
        "name": row.name,
        "section": row.section.value,
        "synopsis": row.synopsis,
        "usage": row.usage,
        "summary": row.summary,
        "access": row.access.value,
        "arguments": [{"metavar": one.metavar, "names": one.names.value} for one in row.arguments],
        "options": [{"name": one.name, "usage": one.usage, "help": one.help} for one in row.options],
    }


# -- change ------------------------------------------------------------------------


def host_down(hub: Hub, args: Args, actor: Actor) -> Document:
    """The host gets nothing new until host-up."""
    from director.messages import HostDown

    order = HostDown(args["service"], args["group"], args["host"], args["reason"] or "")
    return _ordered(hub, order, actor, force=args["force"])


def host_up(hub: Hub, args: Args, actor: Actor) -> Document:
    """Takes back host-down."""
    from director.messages import HostUp

    return _ordered(hub, HostUp(args["service"], args["group"], args["host"]), actor)


def group_enable(hub: Hub, args: Args, actor: Actor) -> Document:
    """New connections of the service go to this group."""
    from director.messages import GroupEnable

    return _ordered(hub, GroupEnable(args["service"], args["group"]), actor, force=args["force"])


def reload(hub: Hub, args: Args, actor: Actor) -> Document:
    """The config file is read again, and what differs applied."""
    from director.messages import Reload

    return _ordered(hub, Reload(), actor)


def stop(hub: Hub, args: Args, actor: Actor) -> Document:
    """Answered when the daemon begins to stop, not when it is gone."""
    from director.messages import StopDaemon

    open_connections = sum(worker["open"] for worker in hub.stats()["workers"])
    return _ordered(hub, StopDaemon(), actor) | {"open": open_connections}


def _ordered(hub: Hub, order: Order, actor: Actor, force: bool = False) -> Document:
    """What became of an order: `lines` for people, how many workers have it, what to worry about."""
    began = time.monotonic()
    answer = hub.ask(order, actor, force)
    problems = [str(problem) for problem in answer.problems]
    if answer.exit == Exit.BAD_CONFIG:
        raise CommandError(ErrorKind.CONFIG, "can't use the config: nothing was changed", problems)
    if answer.exit:
        raise CommandError(ErrorKind.REFUSED, "\n".join(answer.lines) or "the daemon refused and gave no reason")
    if missing := answer.workers - answer.applied:
        verb = "has" if missing == 1 else "have"
        problems.append(
            f"{missing} of {answer.workers} workers {verb} not answered;"
            " it will be the first they get when they wake, or they are replaced"
        )
    return {
        "lines": list(answer.lines),
        "applied": answer.applied,
        "workers": answer.workers,
        "seconds": round(time.monotonic() - began, 6),
        "warnings": problems,
    }


# -- the table ------------------------------------------------------------------------

SERVICE = Argument("service", "SVC", Names.SERVICE)
GROUP = Argument("group", "GRP", Names.GROUP)
HOST = Argument("host", "HOST", Names.HOST)
ANY_SERVICE = Argument("service", "SVC", Names.SERVICE, required=False)
ANY_GROUP = Argument("group", "GRP", Names.GROUP, required=False)
FORCE = Option("force", "do it even if it leaves clients without a usable host")
JSON = Option("json", "the result as one JSON document")
REASON = Option("reason", "why, for the journal and those who look later", metavar="TEXT")

COMMANDS: tuple[Command, ...] = (
    Command("status", Section.LOOK, "the processes of the daemon, one line each", status),
    Command(
        "stats",
        Section.LOOK,
        "services, groups and hosts with all that is counted",
        stats,
        options=(Option("format", "how to print them", choices=("text", "json")),),
    ),
    Command("services", Section.LOOK, "services: addresses, enabled group, connections", services),
    Command("hosts", Section.LOOK, "hosts: state, weight, connections, faults", hosts, (ANY_SERVICE, ANY_GROUP)),
    Command("workers", Section.LOOK, "workers: connections, memory, CPU, loop lag", workers),
    Command("version", Section.LOOK, "the versions of this program and of the daemon", version),
    Command(
        "help",
        Section.LOOK,
        "all commands, or one in detail",
        help_,
        (Argument("command", "COMMAND", Names.COMMAND, required=False),),
    ),
    Command(
        "host-down",
        Section.HOST,
        "give a host nothing new; connections in progress stay",
        host_down,
        (SERVICE, GROUP, HOST),
        (REASON, FORCE),
        Access.FULL,
    ),
    Command(
        "host-up",
        Section.HOST,
        "use a host again after host-down",
        host_up,
        (SERVICE, GROUP, HOST),
        access=Access.FULL,
    ),
    Command(
        "group-enable",
        Section.GROUP,
        "send a service's new connections to this group",
        group_enable,
        (SERVICE, GROUP),
        (FORCE,),
        Access.FULL,
    ),
    Command("reload", Section.PROCESS, "apply what changed in the config file", reload, access=Access.FULL),
    Command("stop", Section.PROCESS, "end the daemon gracefully", stop, access=Access.FULL),
)
