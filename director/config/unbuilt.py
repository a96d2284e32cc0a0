"""Parts of a config that are understood but not acted on yet: said, never silently ignored."""

from __future__ import annotations

from collections.abc import Iterator

from director.config.model import Config, Service
from director.errors import Problem, Severity


def warnings(config: Config, file: str) -> tuple[Problem, ...]:
    """One warning for each kind of thing that this version does not do."""
    found = [*_of_director(config)]
    for service in config.services:
        found += _of_service(service)
    return tuple(
        Problem(Severity.WARNING, file, 0, f"{thing}: not built yet, ignored") for thing in dict.fromkeys(found)
    )


def _of_director(config: Config) -> Iterator[str]:
    if config.admins:
        yield "admin (the web admin)"
    if config.maxconn is not None:
        yield "maxconn of the director"
    connections = config.logging.connections
    if connections is not None and (connections == "journald" or connections.startswith("syslog:")):
        yield "connections (the connection log) to anything but a file or stderr"


def _of_service(service: Service) -> Iterator[str]:
    if service.maxconn is not None or any(host.maxconn for group in service.groups for host in group.hosts):
        yield f"maxconn in service {service.name!r} is kept by each worker alone, not over all"
