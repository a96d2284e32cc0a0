"""Connections of backups, when an ordinary host is up again."""

from __future__ import annotations

import gevent
import pytest

from control.failback import Failback
from director.config.model import Endpoint, Group, Host


def host(number: int, backup: bool = False) -> Host:
    return Host(name=f"h{number}", ip=Endpoint("127.0.0.1", number), backup=backup, number=number)


@pytest.mark.parametrize(
    ("wanted", "up", "closed"), [(True, 1, [([2, 3], "UD")]), (True, 2, []), (False, 1, [])]
)  # fmt: skip
def test_they_are_closed_when_another_host_is_up_and_the_group_wants_it(
    wanted: bool, up: int, closed: list[tuple[list[int], str]]
) -> None:
    told: list[tuple[list[int], str]] = []

    def close(hosts: object, end: str) -> int:
        told.append((list(hosts), end))  # type: ignore[call-overload]
        return len(told)

    hosts = (host(1), host(2, backup=True), host(3, backup=True))
    Failback(close).is_up("web/main/h", Group(name="main", hosts=hosts, backup_close=wanted), hosts[up - 1])
    gevent.sleep(0.01)
    assert told == closed


def test_a_group_without_backups_has_nothing_to_leave() -> None:
    failback = Failback(lambda hosts, end: pytest.fail("nothing to close"))
    failback.is_up("web/main/h1", Group(name="main", hosts=(host(1),), backup_close=True), host(1))
    gevent.sleep(0.01)
