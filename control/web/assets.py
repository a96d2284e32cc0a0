"""Templates and static files, all read at import: later we may have no right to.

A static file's name holds a hash of what is in it, so that browsers keep it for
as long as it stays the same.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any
from urllib.parse import quote

import jinja2

from control.commands.table import COMMANDS

_KINDS = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Static:
    """One static file."""

    data: bytes
    kind: str
    path: str


def _read(folder: str) -> dict[str, bytes]:
    directory = resources.files("control.web") / folder
    return {entry.name: entry.read_bytes() for entry in directory.iterdir() if not entry.name.startswith((".", "_"))}


def _static(name: str, data: bytes) -> Static:
    stem, _, kind = name.rpartition(".")
    return Static(data, _KINDS[kind], f"/static/{stem}.{hashlib.sha256(data).hexdigest()[:12]}.{kind}")


STATIC = {name: _static(name, data) for name, data in _read("static").items()}
BY_PATH = {one.path: one for one in STATIC.values()}


def duration(at: float) -> str:
    """How long ago a time of the wall clock was."""
    return span(time.time() - at)


def moment(at: float) -> str:
    """A time of the wall clock, where the daemon is."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def span(length: float) -> str:
    """A span of seconds, in two units at the most."""
    seconds = max(0, int(length))
    for size, unit, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // part} {smaller}"
    return f"{seconds} s"


def size(count: float) -> str:
    """Bytes in words."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def link(name: str) -> str:
    """A name as the end of an address. Browsers take . and .. for a way, escaped or not: those are escaped twice."""
    parts = (quote(quote(part).replace(".", "%2E")) if part in (".", "..") else quote(part) for part in name.split("/"))
    return "/".join(parts)


def _environment() -> Any:
    texts = {name: data.decode() for name, data in _read("templates").items()}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(texts), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"ago": duration, "bytes": size, "span": span, "moment": moment, "link": link}
    environment.globals["commands"] = {row.name: {option.name for option in row.options} for row in COMMANDS}
    environment.globals["arguments"] = {row.name: [one.name for one in row.arguments] for row in COMMANDS}
    environment.globals["static"] = {name: one.path for name, one in STATIC.items()}
    for name in texts:
        environment.get_template(name)  # compiled now, and kept
    return environment


_TEMPLATES = _environment()


def render(template: str, **values: Any) -> str:
    """A page."""
    text: str = _TEMPLATES.get_template(template).render(**values)
    return text
