"""Connections of backups, when an ordinary host is up again."""

from __future__ import annotations

from collections.abc import Iterable

import gevent
import pytest

from control.failback import Failback
from director.config.model import Endpoint, Group, Host


def host(number: int, backup: bool = False) -> Host:
    return Host(name=f"h{number}", ip=Endpoint("127.0.0.1", number), backup=backup, number=number)


@pytest.mark.parametrize(
    ("wanted", "up", "backups", "closed"),
    [
        (True, 1, (2, 3), [([2, 3], "UD")]),
        (True, 2, (2, 3), []),
        (True, 1, (), []),
        (False, 1, (2, 3), []),
    ],
    ids=["another host is up", "a backup is up", "there are no backups", "the group does not want it"],
)
def test_they_are_closed_when_another_host_is_up_and_the_group_wants_it(
    wanted: bool, up: int, backups: tuple[int, ...], closed: list[tuple[list[int], str]]
) -> None:
    told: list[tuple[list[int], str]] = []

    def close(hosts: Iterable[int], end: str) -> int:
        told.append((list(hosts), end))
        return len(told)

    hosts = {number: host(number, backup=number in backups) for number in (1, *backups)}
    group = Group(name="main", hosts=tuple(hosts.values()), backup_close=wanted)
    Failback(close).is_up("web/main/h", group, hosts[up])
    gevent.sleep(0)  # who closes has its turn
    assert told == closed
