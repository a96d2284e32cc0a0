"""Finding services, groups and hosts by name, and what was meant by a name that is not there."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from director.config.model import Config, Group, Host, Service
from director.errors import UsageError
from director.printable import quoted

_LONGEST = 100  # characters, and
_MOST = 20_000  # options: beyond these, comparing takes longer than it helps
_LISTED = 10


def nearest(word: str, options: Iterable[str], show: Iterable[str] | None = None) -> str:
    """A remedy: the option most like `word`, else what there is (`show`, or else the options)."""
    options = tuple(options)
    if len(word) <= _LONGEST and len(options) <= _MOST:
        by_letters = {option.lower(): option for option in options}  # capitals are what people get wrong first
        match = get_close_matches(word.lower(), by_letters, n=1)
        if match:
            return f"did you mean {by_letters[match[0]]!r}?"
    shown = tuple(options if show is None else show)
    if not shown:
        return "there is none"
    more = ", ..." if len(shown) > _LISTED else ""
    return f"there is {', '.join(repr(option) for option in shown[:_LISTED])}{more}"


def find_service(config: Config, name: str) -> Service:
    """The service of this name. Raises UsageError."""
    for service in config.services:
        if service.name == name:
            return service
    options = (service.name for service in config.services)
    raise UsageError(f"unknown service {quoted(name)}; {nearest(name, options)}")


def find_group(service: Service, name: str) -> Group:
    """The group of this name in the service. Raises UsageError."""
    for group in service.groups:
        if group.name == name:
            return group
    options = (group.name for group in service.groups)
    raise UsageError(f"unknown group {quoted(name)} in {service.name}; {nearest(name, options)}")


def find_host(service: Service, group: Group, name: str) -> Host:
    """The host of this name in the group of the service. Raises UsageError."""
    for host in group.hosts:
        if host.name == name:
            return host
    options = (host.name for host in group.hosts)
    raise UsageError(f"unknown host {quoted(name)} in {service.name}/{group.name}; {nearest(name, options)}")
