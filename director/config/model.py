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

from dataclasses import dataclass, field
from enum import StrEnum

SCHEDULERS = ("random", "roundrobin", "leastconns", "leastconnsrr")
DEFAULT_SCHEDULER = "leastconns"


class Access(StrEnum):
    """What a user may do: look, or also change."""

    FULL = "full"
    READONLY = "readonly"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address as config.xml writes it: `host:port`, `[v6]:port` or `unix:PATH`.

    Either `path` is set, or `host` and `port`. `host` is `*` (every IPv4
    address), an IP address without brackets, or a name to resolve.
    """

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """An address where a service accepts clients. mode, owner, group: unix sockets only."""

    ip: Endpoint
    backlog: int = 4096
    mode: int | None = None
    owner: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How to find out whether a host is well."""

    type: str = "tcp"
    interval: float = 2.0
    timeout: float = 1.0
    rise: int = 2
    fall: int = 3
    path: str | None = None
    expect: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One server that connections are handed to."""

    name: str
    ip: Endpoint
    weight: float = 1.0
    maxconn: int | None = None
    backup: bool = False
    check: Check | None = None
    number: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Hosts that serve the same thing, and the scheduler that chooses among them."""

    name: str
    scheduler: str = DEFAULT_SCHEDULER
    hosts: tuple[Host, ...] = ()
    check: Check | None = None
    sticky_timeout: float = 1800.0
    sticky_size: int = 100_000
    min_up: int = 0
    slowstart: float = 0.0
    number: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What clients connect to: addresses, and groups of which one is enabled.

    `enabled` is the name of that group; empty only when there is no group.
    """

    name: str
    listens: tuple[Listen, ...] = ()
    groups: tuple[Group, ...] = ()
    enabled: str = ""
    maxconn: int | None = None
    connect_timeout: float = 5.0
    idle_timeout: float = 0.0
    queue: int = 1000
    queue_timeout: float = 5.0
    retries: int | None = None
    log: str = "all"
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
class Config:
    """One whole config.xml. `workers` None: one for each processor we may use."""

    services: tuple[Service, ...] = ()
    admins: tuple[Admin, ...] = ()
    controls: tuple[Control, ...] = ()
    logging: Logging = Logging()
    checktime: float = 120.0
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
