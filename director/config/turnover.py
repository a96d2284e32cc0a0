"""What went and what came between two configs, service by service, by identity.

A thing of a config is never changed, only replaced: what is the same object in
both is the same. `edits.apply` and `numbering.assign` keep every object that
they need not replace, so whoever keeps an index of a config pays for what a
change touched, not for all there is. A service of which anything is another
went as it was and came as it is; its number says that it is the same service.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import is_
from typing import NamedTuple

from director.config.model import Group, Host, Service


class Turnover(NamedTuple):
    """Services as they were, and services as they are; those in both configs are in neither."""

    gone: Sequence[Service]
    came: Sequence[Service]


def turnover(before: Sequence[Service], after: Sequence[Service]) -> Turnover:
    """What differs between the services of two configs."""
    if before is after:
        return Turnover([], [])
    # Of thousands most often one is another: only what lies between those that are the same is looked at.
    begin = _alike(before, after)
    most = min(len(before), len(after)) - begin
    end = min(most, _alike(reversed(before), reversed(after)))
    before, after = before[begin : len(before) - end], after[begin : len(after) - end]
    old, new = set(map(id, before)), set(map(id, after))
    return Turnover(
        [service for service in before if id(service) not in new],
        [service for service in after if id(service) not in old],
    )


def _alike(before: Iterable[Service], after: Iterable[Service]) -> int:
    """How many in a row are the same, from the first on."""
    same = list(map(is_, before, after))
    return same.index(False) if False in same else len(same)


def groups_of(services: Sequence[Service]) -> Iterator[Group]:
    """All groups of these services."""
    return (group for service in services for group in service.groups)


def hosts_of(services: Sequence[Service]) -> Iterator[Host]:
    """All hosts of these services."""
    return (host for service in services for group in service.groups for host in group.hosts)
