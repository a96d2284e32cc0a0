"""The nouns of config.xml: frozen values, each valid by itself.

A Config says what the operator wants. What is so at this moment (who is up,
how many connections) is not here: see `director.scheduling`. What an operator
changed at run time without wanting it in the file (a host in maintenance) is
`director.messages.Running`.

Times are seconds, sizes bytes. `None` means "no limit" for a limit. Every
service, group and host has a `number`: given once by the master, never
reused, the only name used between processes; it takes no part in equality.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from director.access import Access

SCHEDULERS = (
    "random",
    "roundrobin",
    "leastconns",
    "leastconnsrr",
    "p2c",
    "first",
    "hash",
)
DEFAULT_SCHEDULER = "leastconns"
STICKY = ",sticky"  # what any scheduler may end with
OWN_SCHEDULER = "python:"  # what the user's own begin with: python:package.module:Class
CHECKS = ("tcp", "tls", "http", "https", "send", "script")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address as config.xml writes it: `host:port`, `[v6]:port`, `unix:PATH` or `srv:NAME`.

    Either `path` is set, or `srv` (hosts only: the name of an SRV record, which
    holds name and port), or `host` and `port`. `host` is `*` (every IPv4
    address), an IP address without brackets, or a name to resolve; always in
    one form, so that the same address compares equal.
    """

    host: str = ""
    port: int = 0
    path: str = ""
    srv: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        if self.srv:
            return f"srv:{self.srv}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """An address where a service accepts clients.

    mode, owner, group: unix sockets only. `defer_accept` (0: off) and
    `fast_open`: TCP only.
    """

    ip: Endpoint
    backlog: int = 4096
    defer_accept: float = 0.0
    fast_open: bool = False
    mode: int | None = None
    owner: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How to find out whether a host is well.

    `fastinterval` (while going up or down) and `downinterval` (while down):
    `interval` if None. `address` and `port`: the host's own if None. The others
    belong to the types that `director.config.schema.CHECK_ATTRIBUTES` names.

    `expect` is a set of statuses such as `200-299,304` for http, and text that
    the answer must begin with for send; `send` and `expect` may hold the
    escapes that `director.config.values.unescape` undoes. `pattern` is a
    regular expression to be found in the body or answer.
    """

    type: str = "tcp"
    interval: float = 2.0
    timeout: float = 1.0
    rise: int = 2
    fall: int = 3
    fastinterval: float | None = None
    downinterval: float | None = None
    address: str | None = None
    port: int | None = None
    method: str = "GET"
    path: str | None = None
    host: str | None = None
    expect: str | None = None
    pattern: str | None = None
    verify: bool = True
    ca: str | None = None
    sni: str | None = None
    send: str | None = None
    send_hex: str | None = None
    expect_hex: str | None = None
    command: str | None = None
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One server that connections are handed to.

    `source` None: the service's. `resolve`, for names with several addresses:
    "first" uses the best one, "all" makes each an endpoint of its own.
    """

    name: str
    ip: Endpoint
    weight: float = 1.0
    maxconn: int | None = None
    backup: bool = False
    resolve: str = "first"
    fast_open: bool = False
    source: str | None = None
    check: Check | None = None
    number: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Hosts that serve the same thing, and the scheduler that chooses among them.

    `scheduler` is in its canonical form: a name of SCHEDULERS or `python:package.module:Class`,
    then `,sticky` or not. A connection reset within `observe_window` of its start is a fault.
    """

    name: str
    scheduler: str = DEFAULT_SCHEDULER
    hosts: tuple[Host, ...] = ()
    check: Check | None = None
    sticky_timeout: float = 1800.0
    sticky_size: int = 100_000
    min_up: int = 0
    slowstart: float = 0.0
    observe_window: float = 1.0
    maxconn: int | None = None
    backup_close: bool = False
    number: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What clients connect to: addresses, and groups of which one is enabled.

    `enabled` is the name of that group; empty only when there is no group.
    `disabled`: its addresses are not listened on. `drain_within` and `drain_rate`: for connections
    of hosts that go without a word of theirs; None: to their end, all at once. `retries` None: every other usable host
    once. `keepalive` to `source` are socket options of both sides; 0 leaves the kernel's own value.
    `allow` and `deny` are addresses and networks of clients, see `director.admission`; None: everybody, and nobody.
    """

    name: str
    listens: tuple[Listen, ...] = ()
    groups: tuple[Group, ...] = ()
    enabled: str = ""
    disabled: bool = False
    maxconn: int | None = None
    connect_timeout: float = 5.0
    idle_timeout: float = 0.0
    queue: int = 1000
    queue_timeout: float = 5.0
    abort_on_close: bool = False
    retries: int | None = None
    log: str = "all"
    keepalive: bool = True
    keepalive_idle: float = 0.0
    keepalive_interval: float = 0.0
    keepalive_count: int = 0
    user_timeout: float = 0.0
    drain_within: float | None = None
    drain_rate: float | None = None
    source: str | None = None
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] | None = None
    number: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Someone who may use the web admin; `password` is a hash, never a word."""

    name: str
    password: str
    access: Access = Access.READONLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """A web admin: where it listens and who may enter."""

    listen: Endpoint
    users_file: str | None = None
    users: tuple[User, ...] = ()
    secure: bool = False
    cert: str | None = None
    key: str | None = None
    legacy_get: bool = False
    metrics: str = "login"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Who may use the control socket, beside root and who started the daemon."""

    socket: str | None = None
    group: str | None = None
    access: Access = Access.FULL


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """Where the log and the connection log go. `file`: PATH, stderr, syslog:..., journald."""

    file: str | None = None
    level: str = "info"
    format: str = "text"
    connections: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dns:
    """How names of hosts are resolved.

    `servers` and `search` empty: as /etc/resolv.conf says. A time to live is
    brought between `min_ttl` and `max_ttl`. `hold` is how long the last good
    answer is kept when no new one is to be had; None: for ever.
    """

    servers: tuple[Endpoint, ...] = ()
    search: tuple[str, ...] = ()
    prefer: str = "ipv4"
    min_ttl: float = 1.0
    max_ttl: float = 300.0
    timeout: float = 5.0
    hold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One whole config.xml. `workers` None: one for each processor we may use.

    `own_schedulers`: the users' own that may be chosen at run time, since the
    file or an installed entry point names them. The checker finds them.
    """

    services: tuple[Service, ...] = ()
    admins: tuple[Admin, ...] = ()
    controls: tuple[Control, ...] = ()
    logging: Logging = Logging()
    checktime: float = 120.0
    dns: Dns = Dns()
    workers: int | None = None
    maxconn: int | None = None
    user: str | None = None
    group: str | None = None
    stop_timeout: float = 30.0
    drain_timeout: float = 600.0
    orphan_timeout: float = 30.0
    worker_timeout: float = 15.0
    upgrade_timeout: float = 60.0
    upgrade_probation: float = 10.0

    def listens(self) -> Iterator[tuple[Service, Listen]]:
        """Every address to listen on, and whose it is."""
        for service in self.services:
            if not service.disabled:
                yield from ((service, listen) for listen in service.listens)

    own_schedulers: tuple[str, ...] = field(default=(), compare=False)
