"""A row of the command table: name, arguments, options, rights, and how a command fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from director.access import Access
from director.errors import DirectorError, Exit
from director.printable import quoted

if TYPE_CHECKING:
    from control.baseline import Baseline
    from control.chronicle import Chronicle
    from control.drains import Drains
    from control.fallbacks import Fallbacks
    from control.history import History
    from control.rendition import Renditions
    from control.retries import Tried
    from control.roster import Listing, Name
    from director.config.model import Host
    from director.messages import Actor, Answer, Open, Order, ProcessInfo, Progress, Running
    from director.scheduling.sticky import Stickies

Args = Mapping[str, Any]
Document = dict[str, Any]

PROTOCOL = 1  # of requests in frames
MAX_REQUEST = 64 * 1024  # bytes


class Connections(Protocol):
    """All connections of clients."""

    def listed(self, args: Document) -> Listing:
        """Those that fit; blocks this greenlet."""

    def one(self, name: Name) -> Document | None:
        """What is known of one."""

    def close(self, names: Iterable[Name]) -> int:
        """Close those of these that are still there; how many were. Blocks."""


class Hub(Protocol):
    """What commands need of the hub process."""

    @property
    def version(self) -> str:
        """Of the code that runs."""

    @property
    def running(self) -> Running:
        """What the daemon works by."""

    @property
    def arranged(self) -> Running:
        """The same, with the members that names of hosts have now in their places."""

    @property
    def stickies(self) -> Stickies:
        """Which clients return to which hosts."""

    @property
    def fallbacks(self) -> Fallbacks:
        """Which groups' own schedulers failed."""

    @property
    def chronicle(self) -> Chronicle:
        """What has happened."""

    @property
    def drains(self) -> Drains:
        """Connections that are to end."""

    def out(self, service: str = "", group: str = "") -> tuple[int, ...]:
        """The hosts of a group that get nothing now, though they might: down, or without an address."""

    def close_host(self, number: int, label: str, actor: Actor) -> int:
        """Close what a host has at this moment; waits for it. How many it were."""

    @property
    def baseline(self) -> Baseline:
        """From when the line dialect counts."""

    def clear_counters(self, everything: bool) -> None:
        """Forget peaks; with `everything`, count anew for the line dialect."""

    @property
    def roster(self) -> Connections:
        """The connections of clients."""

    def forget_sticky(self, group: int, client: str | None) -> int:
        """Have all workers forget the host of a client of a group, or of all; how many were known."""

    @property
    def history(self) -> History:
        """The last hour of each service."""

    def outages(self) -> list[Document]:
        """Of hosts, those that are over; the last one last."""

    def retry(self, host: Host) -> list[Tried]:
        """Test a host now, in all places that it stands for; waits for what comes of it."""

    def ask_worker(self, topic: str, args: Document, slot: int | None = None) -> Document | None:
        """What one worker knows, or the one of this slot; None if it is nothing, or none answers."""

    def stats(self) -> Document:
        """All counters, not older than a second: the JSON document of the interface. Not to be changed."""

    @property
    def renditions(self) -> Renditions:
        """The stats as they are sent."""

    def outdated(self) -> None:
        """Something was changed, which the next stats must show."""

    def summary(self) -> Document:
        """The same without services, of this moment."""

    def service_stats(self, name: str) -> Document:
        """Of the stats, a service, of this moment. Raises UsageError."""

    def open_connections(self) -> Open:
        """The services that have connections, and how many."""

    def processes(self) -> tuple[ProcessInfo, ...]:
        """All processes of this generation, the master first."""

    def worker_digests(self) -> dict[int, str]:
        """A digest of what each worker knows, by slot."""

    def follow(self, order: Order, actor: Actor, force: bool = False) -> Iterator[Progress | Answer]:
        """Have the master do what takes its time: its progress, and its answer last."""

    def ask(self, order: Order, actor: Actor, force: bool = False, dry_run: bool = False) -> Answer:
        """Have the master do it; waits for its answer. Raises RefusedError when none comes."""


class ErrorKind(StrEnum):
    """Why a command failed, as the control socket says it."""

    UNKNOWN = "unknown"  # no such service, group, host or user
    REFUSED = "refused"  # understood, but not done
    USAGE = "usage"  # no such command or option, wrong arguments
    RIGHTS = "rights"  # you may not
    FAILED = "failed"  # tried, and something broke
    NOT_UPGRADED = "not-upgraded"  # an upgrade that did not begin
    ROLLED_BACK = "rolled-back"  # an upgrade that did, and was taken back
    MOVED = "moved"  # another generation decides now: ask again
    CONFIG = "config"  # the config was rejected; `lines` are its problems


_EXITS = {
    ErrorKind.USAGE: Exit.USAGE,
    ErrorKind.RIGHTS: Exit.NO_RIGHTS,
    ErrorKind.CONFIG: Exit.BAD_CONFIG,
    ErrorKind.NOT_UPGRADED: Exit.UPGRADE_REFUSED,
    ErrorKind.ROLLED_BACK: Exit.UPGRADE_ROLLED_BACK,
}


class CommandError(DirectorError):
    """A command that did not succeed; raised in the daemon, and again at the client.

    `lines` are details that come before the message.
    """

    def __init__(self, kind: ErrorKind, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__("\n".join([*lines, message]))
        self.kind = kind
        self.message = message
        self.lines = tuple(lines)
        self.exit = _EXITS.get(kind, Exit.FAILED)


class Names(StrEnum):
    """What an argument names, for those who complete or look it up."""

    SERVICE = "service"
    GROUP = "group"
    HOST = "host"
    CLIENT = "client"
    SCHEDULER = "scheduler"
    VALUE = "value"  # anything
    USER = "user"
    LISTEN = "listen"
    ADMIN = "admin"
    SUBSYSTEM = "subsystem"
    ANY_GROUP = "any-group"  # of whichever service
    ANY_HOST = "any-host"
    FILE = "file"
    COMMAND = "command"
    SHELL = "shell"


class Section(StrEnum):
    """Where a command stands in the help."""

    LOOK = "look"
    HOST = "host"
    GROUP = "group"
    SERVICE = "service"
    USERS = "users"
    CONFIG = "config"
    PROCESS = "process"
    INSIGHT = "insight"


@dataclass(frozen=True, slots=True)
class Argument:
    """A word that a command takes, by its place."""

    name: str
    metavar: str
    names: Names
    required: bool = True
    choices: tuple[str, ...] = ()  # the words that it may be, for those who complete
    carries: bool = False  # its value is the bytes of a file that the client reads


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
    `patience`: seconds that a client waits for the next sign. `streams`: what comes
    before the result is results, too, not progress; it has empty ones, as signs of life.
    `bulky`: of thousands of hosts it is long; as JSON it is shown as it comes, and has no warnings.
    `shared`: who asks at about the same time gets the same object, and may be told by the same bytes.
    `veiled` runs in the place of `run` for whoever may only look, where that tells too much.
    """

    name: str
    section: Section
    summary: str
    run: Callable[[Hub, Args, Actor], Any]
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    access: Access = Access.READONLY
    max_request: int = MAX_REQUEST
    patience: float = 10.0
    streams: bool = False
    bulky: bool = False
    shared: bool = False
    veiled: Callable[[Hub, Args, Actor], Any] | None = None

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


def unknown(noun: str, name: str, known: Iterable[str]) -> str:
    """The sentence about a name that is not there, with the nearest that is."""
    from director.config.lookup import nearest

    return f"unknown {noun} {quoted(name)}; {nearest(name, known)}"


def find(name: str, table: Iterable[Command]) -> Command:
    """The row of a command. Raises CommandError."""
    rows = {row.name: row for row in table}
    if name not in rows:
        raise CommandError(ErrorKind.USAGE, unknown("command", name, rows))
    return rows[name]


SERVICE = Argument("service", "SVC", Names.SERVICE)
GROUP = Argument("group", "GRP", Names.GROUP)
HOST = Argument("host", "HOST", Names.HOST)
ANY_SERVICE = Argument("service", "SVC", Names.SERVICE, required=False)
ANY_GROUP = Argument("group", "GRP", Names.GROUP, required=False)
FORCE = Option("force", "do it even if it leaves clients without a usable host")
DRY_RUN = Option("dry-run", "show what would be done, and do nothing")
JSON = Option("json", "the result as one JSON document")
REASON = Option("reason", "why, for the journal and those who look later", metavar="TEXT")
