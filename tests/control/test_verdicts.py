"""Who is up, as workers and commands are told."""

from __future__ import annotations

from control.verdicts import Verdicts
from director.addresses import literal
from director.config.model import Config, Endpoint, Group, Host, Service
from director.messages import AdminDown, Fault, HostState, Running, Target

HOSTS = tuple(Host(name=name, ip=Endpoint("127.0.0.1", 1), number=number) for name, number in (("a", 3), ("b", 4)))
CONFIG = Config(
    services=(Service(name="web", groups=(Group(name="main", hosts=HOSTS, number=2),), enabled="main", number=1),)
)


class Told:
    """What workers are told."""

    def __init__(self) -> None:
        self.targets: dict[int, Target] = {}
        self.flushes = 0
        self.addresses = {3: literal(HOSTS[0].ip) or (), 4: literal(HOSTS[1].ip) or ()}
        self.verdicts = Verdicts(lambda number: self.addresses.get(number, ()), self.take, self.flush)

    def take(self, target: Target) -> None:
        self.targets[target.host] = target

    def flush(self) -> None:
        self.flushes += 1


def test_all_hosts_are_up_at_first_and_workers_are_told() -> None:
    told = Told()
    told.verdicts.configure(Running(1, CONFIG))
    assert {number: target.up for number, target in told.targets.items()} == {3: True, 4: True}
    assert told.verdicts.state(3) is HostState.UP
    assert told.verdicts.next_check(3) is None
    assert len(told.verdicts.targets()) == 2


def test_a_fault_is_told_at_once() -> None:
    told = Told()
    told.verdicts.configure(Running(1, CONFIG))
    told.verdicts.fault(3, Fault.CONNECT_REFUSED, "Connection refused")
    assert told.flushes == 1
    assert not told.targets[3].up
    assert told.verdicts.state(3) is HostState.DOWN
    assert told.verdicts.reason(3) == ("connect refused: Connection refused", "")
    assert [patient.number for patient in told.verdicts.patients()] == [3]
    told.verdicts.good(3)
    assert told.flushes == 2
    assert told.targets[3].up


def test_an_operators_word_and_a_missing_address_come_first() -> None:
    told = Told()
    told.verdicts.configure(Running(1, CONFIG, {3: AdminDown(HostState.MAINT, "me", 1.0, "disk")}))
    assert told.verdicts.state(3) is HostState.MAINT
    assert told.verdicts.reason(3) == ("disk", "me")
    del told.addresses[4]
    assert told.verdicts.state(4) is HostState.UNRESOLVED


def test_what_is_unknown_is_ignored() -> None:
    told = Told()
    told.verdicts.fault(9, Fault.RESET, "?")
    told.verdicts.good(9)
    told.verdicts.bad(9, "?")
    told.verdicts.announce(9)
    assert told.targets == {}


def test_a_successor_goes_on_with_what_was_dumped() -> None:
    told, successor = Told(), Told()
    told.verdicts.configure(Running(1, CONFIG))
    told.verdicts.fault(3, Fault.CONNECT_REFUSED, "Connection refused")
    assert told.verdicts.dirty
    assert successor.verdicts.restore(told.verdicts.dump()) == 1
    successor.verdicts.configure(Running(1, CONFIG))
    assert not successor.targets[3].up
    assert successor.targets[4].up
    assert successor.verdicts.since(3) == told.verdicts.since(3)
