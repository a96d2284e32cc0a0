"""Parts of a config that are understood but not acted on yet: said, never silently ignored."""

from __future__ import annotations

from collections.abc import Iterator

from director.config.model import Config
from director.errors import Problem, Severity


def warnings(config: Config, file: str) -> tuple[Problem, ...]:
    """One warning for each kind of thing that this version does not do."""
    return tuple(
        Problem(Severity.WARNING, file, 0, f"{thing}: not built yet, ignored")
        for thing in dict.fromkeys(_unbuilt(config))
    )


def _unbuilt(config: Config) -> Iterator[str]:
    connections = config.logging.connections
    if connections is not None and (connections == "journald" or connections.startswith("syslog:")):
        yield "connections (the connection log) to anything but a file or stderr"
