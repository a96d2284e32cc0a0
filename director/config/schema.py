"""The grammar of config.xml as one table: elements, attributes, and what each may hold.

Reader, writer and plan go by these rows, so that an attribute is one row here
and one field in `model.py`, whose default is the attribute's. Which values
fit together is the reader's business.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any

from director.access import Access
from director.config import addresses, values
from director.config.model import (
    CHECKS,
    Admin,
    Check,
    Config,
    Control,
    Dns,
    Group,
    Host,
    Listen,
    Logging,
    Service,
    User,
)
from director.config.values import Value, choice, duration, integer, optional

MAX_NAME = 255  # characters: it stands in every message, table and line of the log
_LONGEST_KEEPALIVE = 32767.0  # seconds: the kernel's limit for each of its intervals


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its name in the file, its kind of value, its field in the model."""

    name: str
    value: Value
    field: str
    default: Any
    required: bool


@dataclass(frozen=True, slots=True)
class Naming:
    """What a name may be. An ancestor's may be anything printable."""

    signs: re.Pattern[str]
    value: Value

    def misfit(self, name: str) -> str | None:
        """What kind of name this is that may not be; None: it may."""
        if len(name) > MAX_NAME:
            return f"a name of {len(name)} characters"
        return None if self.signs.fullmatch(name) else "a name that not every command can say"


def _naming(signs: str, what: str) -> Naming:
    return Naming(re.compile(signs), replace(values.TEXT, what=f"at most {MAX_NAME} letters, digits, {what}"))


_NAMED = _naming("[A-Za-z0-9_-]+", "- and _")
_HOST_NAMED = _naming("[A-Za-z0-9_.:-]+", "-, _, . and :")


@dataclass(frozen=True, slots=True)
class Element:
    """One element: the class it becomes, its attributes, and its children.

    `kind` None: it is no thing of its own but a field of its parent's.
    `children`: the field of the model that holds them, by tag, in the order
    written. `once`: those of which there may be one. `names`: what its name may
    be.
    """

    tag: str
    kind: type | None
    attributes: tuple[Attribute, ...]
    children: dict[str, str] = field(default_factory=dict)
    once: tuple[str, ...] = ()
    names: Naming | None = None
    rows: dict[str, Attribute] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", {row.name: row for row in self.attributes})


def _attributes(kind: type, rows: dict[str, Value]) -> tuple[Attribute, ...]:
    defaults = {field.name: field.default for field in fields(kind)}
    found = []
    for name, value in rows.items():
        where = _FIELDS.get((kind, name), name.replace("-", "_"))
        default = defaults[where]
        missing = default is MISSING
        found.append(Attribute(name, value, where, None if missing else default, missing))
    return tuple(found)


_FIELDS: dict[tuple[type, str], str] = {(Admin, "users"): "users_file"}  # where an attribute is not called as its field

_MAXCONN = optional(integer(1))

ELEMENTS = {
    element.tag: element
    for element in (
        Element(
            "director",
            Config,
            _attributes(
                Config,
                {
                    "workers": optional(integer(1, 1024), "auto"),
                    "maxconn": _MAXCONN,
                    "user": values.ACCOUNT,
                    "group": values.ACCOUNT,
                    "stop-timeout": duration(),
                    "drain-timeout": duration(),
                    "orphan-timeout": duration(),
                    "worker-timeout": duration(1),
                    "upgrade-timeout": duration(1),
                    "upgrade-probation": duration(),
                },
            ),
            {
                "service": "services",
                "admin": "admins",
                "control": "controls",
                "logging": "logging",
                "checktime": "checktime",
                "dns": "dns",
            },
            ("logging", "checktime", "dns"),
        ),
        Element(
            "service",
            Service,
            _attributes(
                Service,
                {
                    "name": _NAMED.value,
                    "disabled": values.FLAG,
                    "maxconn": _MAXCONN,
                    "connect-timeout": duration(0.001),
                    "idle-timeout": duration(),
                    "queue": integer(0),
                    "queue-timeout": duration(),
                    "abort-on-close": values.FLAG,
                    "retries": optional(integer(0), "all"),
                    "log": values.LOGGED,
                    "keepalive": values.FLAG,
                    "keepalive-idle": duration(0, _LONGEST_KEEPALIVE, whole=True),
                    "keepalive-interval": duration(0, _LONGEST_KEEPALIVE, whole=True),
                    "keepalive-count": integer(0, 127),
                    "user-timeout": duration(0, 86400),
                    "drain-within": optional(duration()),
                    "drain-rate": optional(values.RATE),
                    "source": optional(addresses.SOURCE),
                    "allow": optional(addresses.NETWORKS, "all"),
                    "deny": optional(addresses.NETWORKS),
                },
            ),
            {"listen": "listens", "group": "groups", "enable": "enabled"},
            ("enable",),
            _NAMED,
        ),
        Element(
            "listen",
            Listen,
            _attributes(
                Listen,
                {
                    "ip": addresses.LISTEN,
                    "backlog": integer(1, 1_000_000),
                    "defer-accept": duration(0, 3600, whole=True),
                    "fast-open": values.FLAG,
                    "mode": values.MODE,
                    "owner": values.ACCOUNT,
                    "group": values.ACCOUNT,
                },
            ),
        ),
        Element(
            "group",
            Group,
            _attributes(
                Group,
                {
                    "name": _NAMED.value,
                    "scheduler": values.SCHEDULER,
                    "sticky-timeout": duration(0.001),
                    "sticky-size": integer(1),
                    "min-up": integer(0),
                    "slowstart": duration(),
                    "backup-close": values.FLAG,
                    "observe-window": duration(),
                    "maxconn": _MAXCONN,
                },
            ),
            {"check": "check", "host": "hosts"},
            ("check",),
            _NAMED,
        ),
        Element(
            "host",
            Host,
            _attributes(
                Host,
                {
                    "name": _HOST_NAMED.value,
                    "ip": addresses.TARGET,
                    "weight": values.WEIGHT,
                    "maxconn": _MAXCONN,
                    "backup": values.FLAG,
                    "resolve": choice("first", "all"),
                    "fast-open": values.FLAG,
                    "source": optional(addresses.SOURCE),
                },
            ),
            {"check": "check"},
            ("check",),
            _HOST_NAMED,
        ),
        Element(
            "check",
            Check,
            _attributes(
                Check,
                {
                    "type": choice(*CHECKS),
                    "interval": duration(0.01),
                    "timeout": duration(0.001),
                    "rise": integer(1, 1000),
                    "fall": integer(1, 1000),
                    "fastinterval": optional(duration(0.01)),
                    "downinterval": optional(duration(0.01)),
                    "address": optional(addresses.ADDRESS),
                    "port": optional(integer(1, 65535)),
                    "method": values.METHOD,
                    "path": values.URL_PATH,
                    "host": values.TEXT,
                    "expect": values.ESCAPED,
                    "pattern": values.PATTERN,
                    "verify": values.FLAG,
                    "ca": addresses.PATH,
                    "sni": addresses.DNS_NAME,
                    "send": values.ESCAPED,
                    "send-hex": values.HEX,
                    "expect-hex": values.HEX,
                    "command": addresses.PATH,
                    "args": values.QUOTED_WORDS,
                },
            ),
        ),
        Element("enable", None, (Attribute("group", _NAMED.value, "enabled", None, True),)),
        Element(
            "admin",
            Admin,
            _attributes(
                Admin,
                {
                    "listen": addresses.WEB,
                    "users": addresses.PATH,
                    "secure": values.FLAG,
                    "cert": addresses.PATH,
                    "key": addresses.PATH,
                    "legacy-get": values.FLAG,
                    "metrics": choice("login", "open"),
                },
            ),
            {"user": "users"},
        ),
        Element(
            "user",
            User,
            _attributes(
                User,
                {
                    "name": values.USER_NAME,
                    "password": values.PASSWORD,
                    "access": values.member(Access),
                },
            ),
        ),
        Element(
            "control",
            Control,
            _attributes(
                Control,
                {
                    "socket": addresses.SOCKET_PATH,
                    "group": values.ACCOUNT,
                    "access": values.member(Access),
                },
            ),
        ),
        Element(
            "logging",
            Logging,
            _attributes(
                Logging,
                {
                    "file": addresses.LOG_TARGET,
                    "level": choice("debug", "info", "warning", "error"),
                    "format": choice("text", "json"),
                    "connections": optional(addresses.LOG_TARGET),
                },
            ),
        ),
        Element(
            "checktime",
            None,
            (Attribute("time", duration(0.1), "checktime", Config().checktime, True),),
        ),
        Element(
            "dns",
            Dns,
            _attributes(
                Dns,
                {
                    "servers": addresses.SERVERS,
                    "search": values.WORDS,
                    "prefer": choice("ipv4", "ipv6"),
                    "min-ttl": duration(),
                    "max-ttl": duration(),
                    "timeout": duration(0.01),
                    "hold": optional(duration(), "forever"),
                },
            ),
        ),
    )
}

_HTTP = ("http", "https")
_TLS = ("tls", "https")

CHECK_ATTRIBUTES = {  # attributes that only some types of check have
    "method": _HTTP,
    "path": _HTTP,
    "host": _HTTP,
    "expect": (*_HTTP, "send"),
    "pattern": (*_HTTP, "send"),
    "verify": _TLS,
    "ca": _TLS,
    "sni": _TLS,
    "send": ("send",),
    "send-hex": ("send",),
    "expect-hex": ("send",),
    "command": ("script",),
    "args": ("script",),
}
UNIX_ATTRIBUTES = ("mode", "owner", "group")  # of <listen>: unix sockets only
TCP_ATTRIBUTES = ("defer-accept", "fast-open")  # of <listen>: never unix sockets
HOST_TCP_ATTRIBUTES = {"fast-open", "source"}  # of <host>: likewise
