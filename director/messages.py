"""Everything one process says to another: the whole contract between the rooms.

Four conversations, all of frozen dataclasses:

    orders      master -> child, by link; ordered and reliable
    reports     child -> master, by link
    requests    hub -> master and back: a change an operator wants
    state       workers <-> hub by ZeroMQ; may be lost, heals by itself

Numbers name services, groups, hosts and listeners: they are never reused, and
who gets a message about a number it does not know ignores it.
Times are seconds: `..._at` on the wall clock, all others are spans.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType

from director.config.model import Config, Endpoint, Group, Host, Listen, Service, User
from director.errors import Problem
from director.logtarget import LogSetup

Slot = NewType("Slot", int)
WEB_SLOT = Slot(-3)  # the web admin
MASTER_SLOT = Slot(-2)
HUB_SLOT = Slot(-1)  # the hub is supervised like a worker, beside their slots
_ELDEST = -100  # slots below are those of whole generations


def peer_slot(ordinal: int) -> Slot:
    """The slot under which a retiring generation counts at the hub of a later one."""
    return Slot(_ELDEST - ordinal)


def peer_incarnation(ordinal: int) -> int:
    """The same for its incarnation; those of its processes follow."""
    return ordinal << 32


def is_peer(incarnation: int) -> bool:
    """Whether that incarnation is a whole generation's."""
    return incarnation > 0 and incarnation & 0xFFFFFFFF == 0


class Kind(StrEnum):
    """The kinds of process a director consists of."""

    MASTER = "master"
    HUB = "hub"
    WORKER = "worker"
    WEB = "web"


class LogFile(StrEnum):
    """The files that processes write to."""

    LOG = "log"
    CONNECTIONS = "connections"


class Fault(StrEnum):
    """How a connection to a host, or on it, went wrong. The keys of `faults` in the stats."""

    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT_FAILED = "connect_failed"  # no route, no such socket, ...
    RESET = "reset"
    CHECK_FAILED = "check_failed"


class HostState(StrEnum):
    """What may be handed to a host, as the stats name it."""

    UP = "up"
    DOWN = "down"
    MAINT = "maint"
    DRAIN = "drain"
    UNRESOLVED = "unresolved"
    SLOWSTART = "slowstart"


# -- what runs ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked for a change, and from where."""

    name: str
    origin: str = "control socket"


@dataclass(frozen=True, slots=True)
class AdminDown:
    """An operator's word that a host gets nothing new; overrules every verdict."""

    state: HostState  # MAINT or DRAIN
    by: str
    since_at: float
    reason: str = ""
    until_at: float | None = None  # then it ends by itself


@dataclass(frozen=True, slots=True)
class Draining:
    """Connections that are to end: those of these hosts, which get nothing new.

    `path`: the names of the service, of the group in it, of the host in that,
    as far as they go: what is being drained. It may be gone by now; so hosts
    have their numbers. `rate` is in connections a second. `places`: only those
    that go to one of these addresses, `host:port`; the hosts are elsewhere by now.
    """

    path: tuple[str, ...]
    hosts: tuple[int, ...]
    by: str
    since_at: float
    deadline_at: float | None = None  # until then they end by themselves; None: to their end
    rate: float | None = None  # how fast those left are closed from then on; None: all at once
    end: str = "KD"  # what the connection log says of those
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """What the daemon works by: the config, and what operators said beside it.

    `version` grows by one with every change. `admin` is by host number. `drains`
    are forgotten when nothing is left of them, and with the daemon's end.
    """

    version: int
    config: Config
    admin: dict[int, AdminDown] = field(default_factory=dict)
    drains: tuple[Draining, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing that is another now: see `director.config.edits`.

    `place`: tags and names from the top. `field` empty: the thing itself, which
    came (`old` is None) or went (`new` is None).
    """

    place: tuple[str, ...]
    field: str
    old: Any
    new: Any


# -- orders: master -> child -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Configure:
    """Work by this from now on. Answered by Applied with its version."""

    running: Running


@dataclass(frozen=True, slots=True)
class Amend:
    """Do these edits to what you run; the result has this version. Answered by Applied.

    So a change costs the same for ten hosts and for ten thousand.
    """

    version: int
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class ListenerRef:
    """One listening socket: which service, which address, whose slot's."""

    service: int
    ip: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class Accept:
    """Accept on these sockets, too; one descriptor each, in this order, comes along."""

    listeners: tuple[ListenerRef, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Stop accepting on these and close your copy; others may hold the socket."""

    listeners: tuple[ListenerRef, ...]


@dataclass(frozen=True, slots=True)
class Reopen:
    """Here are the logs anew, in the order of `files`. `setup` if they are other ones; else files were moved away.

    Answered by Reopened with its `number`. To the master of another generation: open your files anew.
    """

    files: tuple[LogFile, ...] = ()
    setup: LogSetup | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Reopened:
    """Writes to the files of that Reopen, and no more to those before."""

    number: int


@dataclass(frozen=True, slots=True)
class Drain:
    """Accept nothing more, finish what is open within `seconds`, then exit."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """To a worker: accept nothing until Resume, but keep the listeners. Answered by Held."""


@dataclass(frozen=True, slots=True)
class Resume:
    """To a worker: accept again."""


@dataclass(frozen=True, slots=True)
class Succession:
    """To a worker: a successor of the master is on its way, and holds the other end of this pipe until it accepts."""


@dataclass(frozen=True, slots=True)
class Rehouse:
    """To a worker: its folder and the lock file were made anew; the folder comes along, and a lock to hold."""


@dataclass(frozen=True, slots=True)
class TakeOver:
    """To the hub: be the authority from now on; the memory file of the hub that was comes along."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """To the hub: be a worker of the hub in `directory`, with this slot and incarnation. Answered by HandedOver."""

    directory: str
    slot: Slot
    incarnation: int


@dataclass(frozen=True, slots=True)
class Introduce:
    """To hub and web: sockets to each other, so many descriptors. The hub believes whom web speaks for."""

    count: int


@dataclass(frozen=True, slots=True)
class Admit:
    """To web: listen on these sockets, one for each admin, and on no others; serve by the files that follow."""

    listens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ControlSockets:
    """To the hub: serve those that listen at these paths beside the first, and no others."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileWeights:
    """To the hub: hosts whose weight is not what the config file says, by number, and what that says."""

    weights: dict[int, float]


@dataclass(frozen=True, slots=True)
class Surrender:
    """To the hub: the control sockets are another generation's for good; close them all."""


@dataclass(frozen=True, slots=True)
class AdminFiles:
    """To web: the files that admins name, open for reading, by path."""

    paths: tuple[str, ...]
    number: int = 0


@dataclass(frozen=True, slots=True)
class FilesUsed:
    """From web: with the AdminFiles of this number, all that I have is of use."""

    number: int


@dataclass(frozen=True, slots=True)
class Reaped:
    """To the hub: this worker is gone, no more of its rows will come."""

    slot: Slot
    incarnation: int


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One line of `status`."""

    kind: Kind
    slot: Slot
    pid: int
    incarnation: int
    state: str
    started_at: float  # on the monotonic clock: nobody sets it
    silent: float = 0.0  # seconds since its last heartbeat
    generation: str = ""  # of a retiring one; empty: that of whoever tells
    log_dropped: int = 0  # lines of the log that it could not write; of a worker its own statistics tell


@dataclass(frozen=True, slots=True)
class Processes:
    """To the hub: all processes of this generation as the master sees them."""

    processes: tuple[ProcessInfo, ...]


# -- reports: child -> master ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """Booted, configured, and in step with the hub."""


@dataclass(frozen=True, slots=True)
class Accepting:
    """Has begun to accept on its own slot's listeners."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Alive; sent every 250 ms. `lag` is how late the loop ran its timer, in seconds."""

    lag: float
    open: int = 0
    log_dropped: int = 0  # lines that could not be written; workers tell it with their statistics


@dataclass(frozen=True, slots=True)
class Paused:
    """At its limit of descriptors the worker accepts nothing new; or does so again."""

    paused: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """Works by this version of Running now."""

    version: int


@dataclass(frozen=True, slots=True)
class Held:
    """Accepts nothing since Hold."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """All that the hub knows lies in its memory file, unless there was a `failure`; it decides nothing any more."""

    failure: str = ""


@dataclass(frozen=True, slots=True)
class Deciding:
    """The hub is the one that decides, and answers at the control socket."""


@dataclass(frozen=True, slots=True)
class Lonely:
    """Web has lost the hub, and wants to be introduced again."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the log, from whichever process: on its way to the hub, which remembers it."""

    at: float  # on the wall clock
    level: str
    event: str
    process: str  # `worker/0`
    pid: int
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Failed:
    """Can't go on; said before exiting, so that the log has the cause."""

    message: str


# -- requests: hub -> master -> hub ------------------------------------------


@dataclass(frozen=True, slots=True)
class Grace:
    """How long connections that are to end may go on, in seconds; None: to their end.

    `rate`: how many of those left are closed a second from then on; None: all at once.
    """

    within: float | None = None
    rate: float | None = None


Out = tuple[int, ...]  # hosts (of the group) that get nothing now, though they might: down, or without an address


@dataclass(frozen=True, slots=True)
class HostDown:
    """Give this host nothing new. Connections in progress stay, unless there is a `grace`.

    Without `reason` and `until_at` those of before hold, if it gets nothing already; inf is for good.
    """

    service: str
    group: str
    host: str
    reason: str = ""
    until_at: float | None = None
    grace: Grace | None = None
    out: Out = ()


@dataclass(frozen=True, slots=True)
class HostDrain:
    """Give this host nothing new, and have its connections end."""

    service: str
    group: str
    host: str
    reason: str = ""
    grace: Grace = Grace()
    out: Out = ()


@dataclass(frozen=True, slots=True)
class HostUp:
    """Take back HostDown or HostDrain."""

    service: str
    group: str
    host: str


@dataclass(frozen=True, slots=True)
class HostAdd:
    """One host more in a group."""

    service: str
    group: str
    new: Host


@dataclass(frozen=True, slots=True)
class HostDelete:
    """One host less; its connections stay to their end, unless there is a `grace`."""

    service: str
    group: str
    host: str
    grace: Grace | None = None
    out: Out = ()


@dataclass(frozen=True, slots=True)
class HostDeleteAll:
    """No host in this group any more."""

    service: str
    group: str
    grace: Grace | None = None


@dataclass(frozen=True, slots=True)
class HostWeight:
    """The host's share of new connections; `percent`: of what the config file says."""

    service: str
    group: str
    host: str
    weight: float
    out: Out = ()
    percent: bool = False


@dataclass(frozen=True, slots=True)
class HostMaxconn:
    """The most connections that the host may have; None: no limit."""

    service: str
    group: str
    host: str
    maxconn: int | None


@dataclass(frozen=True, slots=True)
class GroupEnable:
    """New connections of the service go to this group. `grace`: for those of the group before."""

    service: str
    group: str
    grace: Grace | None = None
    out: Out = ()


@dataclass(frozen=True, slots=True)
class ChangeScheduler:
    """The group chooses by this scheduler from now on. Connections in progress stay.

    `again`: if it has that already, which failed, it tries it again.
    """

    service: str
    group: str
    scheduler: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class GroupAdd:
    """One group more in a service."""

    service: str
    new: Group


@dataclass(frozen=True, slots=True)
class GroupDelete:
    """One group less, with its hosts."""

    service: str
    group: str
    grace: Grace | None = None


@dataclass(frozen=True, slots=True)
class ServiceAdd:
    """One service more."""

    new: Service


@dataclass(frozen=True, slots=True)
class ServiceDelete:
    """One service less; its connections stay to their end, unless there is a `grace`. `open`: how many it has."""

    service: str
    open: int = 0
    grace: Grace | None = None


@dataclass(frozen=True, slots=True)
class ServiceDisable:
    """Listen no more; connections stay."""

    service: str


@dataclass(frozen=True, slots=True)
class ServiceEnable:
    """Take back ServiceDisable."""

    service: str


@dataclass(frozen=True, slots=True)
class ServiceMaxconn:
    """The most connections that the service may have; None: no limit."""

    service: str
    maxconn: int | None


@dataclass(frozen=True, slots=True)
class ListenAdd:
    """The service listens on one address more."""

    service: str
    new: Listen


@dataclass(frozen=True, slots=True)
class ListenDelete:
    """The service listens on one address less."""

    service: str
    ip: str


@dataclass(frozen=True, slots=True)
class UserAdd:
    """One user more of a web admin; of all of them if `admin` is empty."""

    new: User
    admin: str = ""


@dataclass(frozen=True, slots=True)
class UserDelete:
    """One user less, of all web admins."""

    name: str


@dataclass(frozen=True, slots=True)
class WorkersSet:
    """So many workers; None: one for each processor. Who leaves finishes what it has."""

    count: int | None


@dataclass(frozen=True, slots=True)
class DirectorMaxconn:
    """So many connections of all services at the most; None: no limit."""

    maxconn: int | None


Open = tuple[tuple[str, int], ...]  # connections by service


@dataclass(frozen=True, slots=True)
class Discard:
    """Run what the file said when it was loaded, and nothing else. `open`: the connections that services have."""

    open: Open = ()
    out: Out = ()  # of all hosts


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back a change of the journal. `open`: the connections that services have."""

    number: int
    open: Open = ()
    out: Out = ()  # of all hosts


@dataclass(frozen=True, slots=True)
class Reload:
    """Read the config file again and apply what differs."""

    plan: str = ""  # only if it is still this one


@dataclass(frozen=True, slots=True)
class ApplyConfig:
    """Run what this config text says, beside what is in maintenance. `open`: the connections that services have."""

    text: bytes
    name: str  # of the file, for its problems
    plan: str = ""
    open: Open = ()
    out: Out = ()  # of all hosts


@dataclass(frozen=True, slots=True)
class SaveConfig:
    """Put this text into the daemon's config file, if it says what runs and the file still says `over`."""

    text: bytes
    over: str  # the digest of what the text was made of


@dataclass(frozen=True, slots=True)
class ShowConfig:
    """What the config file says at this moment, and what it said when it was loaded."""


@dataclass(frozen=True, slots=True)
class ShowJournal:
    """The changes that operators made."""


@dataclass(frozen=True, slots=True)
class DrainsOver:
    """Nothing is left of these: to be forgotten, unless it was said anew since. `drains`: (path, since_at)."""

    drains: tuple[tuple[tuple[str, ...], float], ...]


@dataclass(frozen=True, slots=True)
class LogLevel:
    """What is worth a line from now on: of one subsystem of the log, or of all. An order, and passed on as one."""

    level: str
    subsystem: str | None = None


@dataclass(frozen=True, slots=True)
class LogReopen:
    """Open the log files again, as USR1 does."""


@dataclass(frozen=True, slots=True)
class StopDaemon:
    """End gracefully, as TERM does."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Replace every process by the code and config now on disk."""


Change = (
    HostDown
    | HostDrain
    | HostUp
    | HostAdd
    | HostDelete
    | HostDeleteAll
    | HostWeight
    | HostMaxconn
    | GroupEnable
    | ChangeScheduler
    | GroupAdd
    | GroupDelete
    | ServiceAdd
    | ServiceDelete
    | ServiceDisable
    | ServiceEnable
    | ServiceMaxconn
    | ListenAdd
    | ListenDelete
    | UserAdd
    | UserDelete
    | WorkersSet
    | DirectorMaxconn
)
Order = (
    Change
    | Discard
    | Undo
    | Reload
    | Upgrade
    | ApplyConfig
    | SaveConfig
    | ShowConfig
    | ShowJournal
    | DrainsOver
    | LogLevel
    | LogReopen
    | StopDaemon
)


@dataclass(frozen=True, slots=True)
class Request:
    """An operator's order on its way to the master; answered by Answer with the same id."""

    id: int
    actor: Actor
    order: Order
    force: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a Request. `lines` is for people, one step or problem a line.

    `problems` are those of a rejected config. `exit` is what a command reports.
    """

    id: int
    exit: int
    lines: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    applied: int = 0  # workers that have it
    workers: int = 0  # workers that should
    steps: int = 0  # of a reload's plan
    data: dict[str, Any] = field(default_factory=dict)  # what it is besides, for programs


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a Request has got that takes its time; its Answer comes later."""

    id: int
    line: str


# -- generations: the master that was <-> the one that comes ------------------


@dataclass(frozen=True, slots=True)
class Inherited:
    """An address and the descriptors of its sockets; the first `serving` of them listen."""

    ip: str
    shared: bool
    serving: int
    fds: tuple[int, ...]
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Elder:
    """A generation that came before: its master and our end of the link to it, as a descriptor.

    `ordinal` counts generations since the daemon was started.
    """

    ordinal: int
    name: str
    pid: int
    start: int  # ticks
    link: int


@dataclass(frozen=True, slots=True)
class Handover:
    """All that a master leaves to the next one. Numbers of descriptors are those that it inherits.

    `loaded` is the file as it was last read, `running` what operators made of
    it: the new master reads the file itself and merges.
    """

    elder: Elder
    retirees: tuple[Elder, ...]
    lock: int
    control: int
    left: int  # the memory file of the hub that was
    memory: int  # the one of the hub to come
    listeners: tuple[Inherited, ...]
    loaded: Config
    running: Running
    last_number: int
    foreground: bool
    owner: int
    ordinal: int  # of the new generation
    log_level: str | None = None
    pledge: int = -1  # of a pipe: while it is open, our workers would go on accepting without a master
    controls: dict[str, int] = field(default_factory=dict)  # sockets beside `control`, by path


@dataclass(frozen=True, slots=True)
class Born:
    """New -> old: this is my pid. Sent before there is anything else of me."""

    pid: int
    start: int  # ticks


@dataclass(frozen=True, slots=True)
class Standby:
    """New -> old: every process of mine is ready."""


@dataclass(frozen=True, slots=True)
class Go:
    """Old -> new: accept and decide; mine do so no more."""


@dataclass(frozen=True, slots=True)
class Serving:
    """New -> old: every worker of mine accepts."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Old -> new: the daemon is yours."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Old -> new: accept no more; what you have may end. The hub in `directory` counts it."""

    reason: str
    directory: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Redirect:
    """To a retiring master: the hub in `directory` counts what you have left, from now on."""

    directory: str


# -- checker child -> master -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Loading:
    """This scheduler of the user's own is loaded now, for a trial; it stands in that line, if in any."""

    scheduler: str
    line: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checker made of a config text. `config` is None when it has errors."""

    config: Config | None
    problems: tuple[Problem, ...]


# -- state: workers <-> hub --------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """Worker -> hub: who I am; send me a snapshot."""

    slot: Slot
    incarnation: int
    pid: int


@dataclass(frozen=True, slots=True)
class Load:
    """Worker -> hub: entries of my load row that changed, or all of them if `whole`.

    `open`: {host number: connections open}. `permits`: {limit: (version seen,
    used, wanted)}, for the limits of `director.scheduling.permits`. `queued`:
    {service number: clients waiting}, always all there are.
    """

    slot: Slot
    incarnation: int
    sequence: int
    whole: bool
    open: dict[int, int]
    permits: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    queued: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tally:
    """Worker -> hub: what I have counted since my start; entries that changed, or all.

    Values are totals, never differences: `hosts` by host number, `services` by
    service number, in the order of `director.scheduling.tally`.
    """

    slot: Slot
    incarnation: int
    whole: bool
    hosts: dict[int, list[Any]]
    services: dict[int, list[Any]]
    gauges: dict[str, float]
    last: bool = False  # I go once you have said that it is counted


@dataclass(frozen=True, slots=True)
class Counted:
    """Hub -> one worker: your last Tally is, and stays so though I die."""


@dataclass(frozen=True, slots=True)
class Sticks:
    """Worker -> hub: clients and their hosts as I have them. Hub -> one worker, before a Snapshot: all there are.

    `rows`: {group number: [[client, host number, when], ...]}, as `director.scheduling.sticky` has them.
    """

    rows: dict[int, Any]


@dataclass(frozen=True, slots=True)
class SchedulerFailed:
    """Worker -> hub: the group's own scheduler failed here, for this reason; repeated until the hub has heard.

    `failed`: that one, not sticky, or the one that all went on by, and that failed too.
    """

    group: int
    scheduler: str
    failed: str
    reason: str


@dataclass(frozen=True, slots=True)
class Digest:
    """Worker -> hub: a digest of what it knows of hosts and of all rows, as of the Update that asked for it."""

    slot: Slot
    question: int
    text: str


@dataclass(frozen=True, slots=True)
class FaultReport:
    """Worker -> hub, at once: a connection attempt to this host failed.

    `well`: connections of the worker to it that ended without a reset since the last fault there, as far as it knows.
    """

    host: int
    fault: Fault
    reason: str
    well: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """One of the places that a host's name stands for: see `director.members`."""

    number: int
    name: str
    ip: Endpoint
    weight: float
    backup: bool


@dataclass(frozen=True, slots=True)
class Target:
    """What the hub knows of a host that a worker must: may it be used, and where is it.

    `addresses`: (family, address) as `socket.connect` takes them, best first.
    `returned_at`: when it was last used again after it was not; slow start counts from there.
    `members`: of a host that is several; each has a Target of its own.
    """

    host: int
    up: bool
    addresses: tuple[tuple[int, Any], ...]
    since_at: float = 0.0
    returned_at: float = 0.0
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Hub -> one worker: all there is to know, as of `sequence` of `epoch`.

    `targets`: of a host without one, what the config says is so, and that it is up.
    """

    epoch: str
    sequence: int
    targets: tuple[Target, ...]
    loads: dict[int, dict[int, int]]  # {slot: {host number: open}}
    failed: dict[int, list[str]] = field(default_factory=dict)  # {group number: [scheduler, fallback, reason]}


@dataclass(frozen=True, slots=True)
class Update:
    """Hub -> all workers: what changed, and the heartbeat when nothing did."""

    epoch: str
    sequence: int
    targets: tuple[Target, ...] = ()
    loads: dict[int, dict[int, int]] = field(default_factory=dict)
    sticks: dict[int, Any] = field(default_factory=dict)  # as in Sticks
    failed: dict[int, list[str]] | None = None  # all, as in Snapshot, when they are others than before
    question: int = 0  # a Digest with this number is wanted


@dataclass(frozen=True, slots=True)
class Grants:
    """Hub -> one worker: {limit: (allotment, version)}, of what changed or of all.

    `full`: queues of which it gets no more than that, since all their places are
    in use; asked for by its rows up to number `heard`.
    """

    allotments: dict[int, tuple[int, int]]
    full: tuple[int, ...] = ()
    heard: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """Hub -> one worker: something that only it knows. Answered by Reply with the same id."""

    id: int
    topic: str
    args: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """Worker -> hub: what it knows; None if nothing."""

    id: int
    document: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Resync:
    """Hub -> one worker: I am new here, or lost your thread; send whole rows."""

    epoch: str


Message = (
    Configure
    | Amend
    | Accept
    | Release
    | Reopen
    | LogLevel
    | Introduce
    | Admit
    | AdminFiles
    | ControlSockets
    | FileWeights
    | Surrender
    | FilesUsed
    | Lonely
    | Drain
    | Hold
    | Resume
    | Succession
    | Rehouse
    | TakeOver
    | HandOver
    | Reaped
    | Processes
    | Ready
    | Accepting
    | Heartbeat
    | Paused
    | Held
    | HandedOver
    | Deciding
    | Applied
    | Reopened
    | Happened
    | Failed
    | Request
    | Answer
    | Progress
    | Handover
    | Born
    | Standby
    | Go
    | Serving
    | Commit
    | Withdraw
    | Redirect
    | Loading
    | Checked
    | Hello
    | Load
    | Tally
    | Counted
    | Sticks
    | SchedulerFailed
    | Digest
    | FaultReport
    | Snapshot
    | Update
    | Grants
    | Question
    | Reply
    | Resync
)
