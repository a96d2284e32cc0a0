"""How an event looks as a line of the log: as text or JSON, in whatever wrapping its target wants.

2026-11-24T12:00:00.123 director[4711] hub WARNING host down: host=web/main/a reason=refused
{"time": "2026-11-24T11:00:00.123Z", "level": "warning", "event": "host down", ...}
<28>1 2026-11-24T11:00:00.123000Z lb1 director 4711 host-down [director@32473 host="web/main/a"] hub: host down: ...
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from director.logtarget import Wrapping
from director.messages import Happened
from director.printable import clean

DAEMON, LOCAL0 = 3, 16  # facilities of syslog: of the log, and of the connection log
_SEVERITIES = {"error": 3, "warning": 4, "info": 6, "debug": 7}
_ENTERPRISE = "32473"  # the number that RFC 5612 keeps for whoever has none

Encoder = Callable[[Happened], bytes]


def said(happened: Happened) -> str:
    """The event's words and its fields."""
    words = "".join(f" {key}={_value(value)}" for key, value in happened.fields.items())
    return f"{happened.event}:{words}" if words else happened.event


def _value(text: str) -> str:
    if text == "" or not text.isprintable() or any(letter in " \"'\\" for letter in text):
        return '"' + clean(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'
    return text


def as_text(happened: Happened) -> str:
    """A line for people, with the time of this machine."""
    at = datetime.fromtimestamp(happened.at).isoformat(timespec="milliseconds")
    return f"{at} director[{happened.pid}] {happened.process} {happened.level.upper()} {said(happened)}"


def as_json(happened: Happened) -> str:
    """A line for programs: one JSON object."""
    return json.dumps(
        {
            "time": _utc(happened.at, "milliseconds"),
            "level": happened.level,
            "event": happened.event,
            "process": happened.process,
            "pid": happened.pid,
            "fields": happened.fields,
        }
    )


def _utc(at: float, precision: str) -> str:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def encoder(format: str, wrapping: Wrapping, hostname: str) -> Encoder:
    """Event -> the bytes to write: a line, or what a datagram has in it."""

    def encode(happened: Happened) -> bytes:
        body = _BODIES[format, wrapping is Wrapping.PLAIN](happened)
        event = happened.event.replace(" ", "-")
        head = heading(wrapping, DAEMON, happened.level, happened.at, happened.pid, hostname, event, happened.fields)
        return f"{head}{body}\n".encode(errors="backslashreplace")

    return encode


def heading(
    wrapping: Wrapping,
    facility: int,
    level: str,
    at: float,
    pid: int,
    hostname: str,
    event: str = "-",
    fields: dict[str, str] | None = None,
) -> str:
    """What comes before a line in that wrapping."""
    severity = _SEVERITIES[level]
    match wrapping:
        case Wrapping.PLAIN:
            return ""
        case Wrapping.PRIORITY:
            return f"<{severity}>"
        case Wrapping.LOCAL:
            when = datetime.fromtimestamp(at)
            return f"<{facility * 8 + severity}>{when:%b} {when.day:2d} {when:%H:%M:%S} director[{pid}]: "
        case Wrapping.RFC5424:
            time = _utc(at, "microseconds")
            return f"<{facility * 8 + severity}>1 {time} {hostname} director {pid} {event} {_structured(fields)} "


def _structured(fields: dict[str, str] | None) -> str:
    if not fields:
        return "-"
    words = "".join(f' {key}="{_parameter(value)}"' for key, value in fields.items())
    return f"[director@{_ENTERPRISE}{words}]"


def _parameter(value: str) -> str:
    for letter in ("\\", '"', "]"):
        value = value.replace(letter, f"\\{letter}")
    return value.replace("\n", " ").replace("\r", " ")


def _short(happened: Happened) -> str:
    """Where the wrapping tells time, process and severity."""
    return f"{happened.process}: {said(happened)}"


_BODIES: dict[tuple[str, bool], Callable[[Happened], str]] = {
    ("text", True): as_text,
    ("text", False): _short,
    ("json", True): as_json,
    ("json", False): as_json,
}
