"""Where a log goes, and how its lines are wrapped on the way there: from the words of config.xml.

PATH                    lines as they are
stderr                  lines as they are; where systemd reads stderr, with their priority before them
journald                to stderr, with their priority
syslog, syslog:         to /dev/log, in the form that programs of this machine use there
syslog:/PATH            to that unix socket, in the form of RFC 5424
syslog:HOST[:PORT]      by UDP, in the form of RFC 5424
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DEV_LOG = "/dev/log"
SYSLOG_PORT = 514


class Wrapping(StrEnum):
    """What stands around a line."""

    PLAIN = "plain"
    PRIORITY = "priority"  # as journald reads it from stderr: `<3>...`
    LOCAL = "local"  # as libc's syslog() writes it
    RFC5424 = "rfc5424"


@dataclass(frozen=True, slots=True)
class LogTarget:
    """`path` of a file; `socket` of a syslog, the path of one or, with `port`, a host; neither: stderr."""

    wrapping: Wrapping
    path: str = ""
    socket: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class LogSetup:
    """What all processes must know of the logs. `connections`: None where there is no connection log."""

    level: str
    format: str
    log: LogTarget
    connections: LogTarget | None
    hostname: str


def log_target(text: str, journal: bool) -> LogTarget:
    """What a target means. `journal`: whether stderr is read by systemd's journal."""
    if text == "journald" or (text == "stderr" and journal):
        return LogTarget(Wrapping.PRIORITY)
    if text == "stderr":
        return LogTarget(Wrapping.PLAIN)
    word, colon, address = text.partition(":")
    if word != "syslog" or (not colon and text != "syslog"):
        return LogTarget(Wrapping.PLAIN, path=text)
    if not address:
        return LogTarget(Wrapping.LOCAL, socket=DEV_LOG)
    if address.startswith("/"):
        return LogTarget(Wrapping.RFC5424, socket=address)
    host, port = _host_and_port(address)
    return LogTarget(Wrapping.RFC5424, socket=host, port=port)


def _host_and_port(address: str) -> tuple[str, int]:
    if address.startswith("["):
        host, _, port = address[1:].partition("]")
        return host, _port(port.removeprefix(":"))
    host, _, port = address.rpartition(":") if address.count(":") == 1 else (address, "", "")
    return host, _port(port)


def _port(text: str) -> int:
    return int(text) if text.isdigit() else SYSLOG_PORT
