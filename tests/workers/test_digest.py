"""Workers that know the same say the same digest, whoever of them they are."""

from __future__ import annotations

import random
import socket

from director.config.model import Config, Endpoint, Group, Host, Service
from director.messages import Running, Slot, Target
from director.scheduling.scoreboard import Scoreboard
from workers.digest import digest
from workers.services import Services

INET = int(socket.AF_INET)


class Knower:
    """What a worker knows of two hosts, and of the rows of slots 0 and 1."""

    def __init__(self, slot: int) -> None:
        self.slot = Slot(slot)
        hosts = tuple(Host(name=name, ip=Endpoint("h", 1), number=3 + place) for place, name in enumerate("ab"))
        service = Service(name="web", groups=(Group(name="main", hosts=hosts, number=2),), enabled="main", number=1)
        self.board = Scoreboard()
        self.services = Services(self.board, random.Random(slot))
        self.services.configure(Running(1, Config(services=(service,))))
        self.services.learn([Target(3, True, ((INET, ["10.0.0.1", 80]),)), Target(4, True, ())])

    def open(self, host: int, count: int) -> dict[int, int]:
        for _ in range(count):
            self.board.acquire(self.board.hosts[host])
        return self.board.changed()

    @property
    def digest(self) -> str:
        return digest(self.slot, self.board, self.services)


def test_those_who_heard_all_of_each_other_agree() -> None:
    one, other = Knower(0), Knower(1)
    assert one.digest == other.digest
    other.board.set_others(0, one.open(3, 2), whole=False)
    one.board.set_others(1, other.open(4, 1), whole=False)
    assert one.digest == other.digest


def test_a_row_or_a_verdict_that_one_missed_shows() -> None:
    one, other = Knower(0), Knower(1)
    row = one.open(3, 2)
    assert one.digest != other.digest
    other.board.set_others(0, row, whole=False)
    one.services.learn([Target(4, False, ())])
    assert one.digest != other.digest
    other.services.learn([Target(4, False, ())])
    assert one.digest == other.digest
