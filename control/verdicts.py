"""Who is up, for all workers: each host's verdict, who made it and when, and what is told of it.

Holds a `Health` for every host of the config, takes what workers and the prober
report, and has every change published at once. The decisions are Health's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from control.prober import Patient
from director import logs
from director.addresses import Addresses
from director.config.model import Config, Group, Host, Service
from director.events import Event
from director.messages import Fault, HostState, Running, Target
from director.scheduling.health import Health


class Verdicts:
    """The verdicts on all hosts, by number.

    `addresses`: of a host, none while it is unresolved. `publish`: gets what
    workers must know of a host; `flush` has it leave at once.
    """

    def __init__(
        self,
        addresses: Callable[[int], Addresses],
        publish: Callable[[Target], None],
        flush: Callable[[], None],
    ) -> None:
        self._addresses, self._publish, self._flush = addresses, publish, flush
        self._began_at = time.time()
        self._running = Running(0, Config())
        self._hosts: dict[int, tuple[Service, Group, Host]] = {}
        self._health: dict[int, Health] = {}
        self._since: dict[int, float] = {}  # {host number: when its state changed, wall clock}
        self._restored: dict[int, list[Any]] = {}
        self.dirty = False  # something changed since the last dump

    def configure(self, running: Running) -> None:
        """These are the hosts there are, and what operators say of them. Publishes all."""
        before, self._running = self._running, running
        self._hosts = {
            host.number: (service, group, host)
            for service in running.config.services
            for group in service.groups
            for host in group.hosts
        }
        now = time.monotonic()
        for number in self._hosts:
            health = self._health.get(number)
            if health is None:
                health = self._health[number] = Health(now, running.config.checktime)
                self._remember(number, health, now)
            health.checktime = running.config.checktime
        for number in self._health.keys() - self._hosts.keys():
            del self._health[number]
        for number in running.admin.keys() ^ before.admin.keys():
            self._since[number] = time.time()
        for number in self._hosts:
            self.announce(number)

    def targets(self) -> tuple[Target, ...]:
        """What workers must know of all hosts."""
        return tuple(self._target(number) for number in self._hosts)

    def announce(self, number: int) -> None:
        """Tell all workers what there is to know of a host, with the next update."""
        if number in self._health:
            self._publish(self._target(number))

    def _target(self, number: int) -> Target:
        return Target(number, self._health[number].up, self._addresses(number), self._since.get(number, 0.0))

    # -- what is reported ----------------------------------------------------------

    def fault(self, number: int, fault: Fault, cause: str) -> None:
        """A connection to the host failed in a worker."""
        health = self._health.get(number)
        if health is None:
            return
        reason = f"{fault.value.replace('_', ' ')}: {cause}"
        if health.fault(time.monotonic(), reason):
            self._turned(number, Event.HOST_DOWN, reason)
        # The worker suspects it by itself; it wants our word.
        self.announce(number)

    def good(self, number: int) -> None:
        """A test connect succeeded."""
        health = self._health.get(number)
        if health is not None and health.good(time.monotonic()):
            self._turned(number, Event.HOST_UP, "test connect succeeded")

    def bad(self, number: int, cause: str) -> None:
        """A test connect failed."""
        health = self._health.get(number)
        if health is not None:
            health.fault(time.monotonic(), f"test connect: {cause}")

    def _turned(self, number: int, event: Event, reason: str) -> None:
        self._since[number] = time.time()
        self.dirty = True
        self.announce(number)
        self._flush()
        service, group, host = self._hosts[number]
        say = logs.info if event is Event.HOST_UP else logs.warning
        say(event, host=f"{service.name}/{group.name}/{host.name}", reason=reason)

    def patients(self) -> Iterator[Patient]:
        """Hosts that want looking after."""
        for service in self._running.config.services:
            for group in service.groups:
                down = [host for host in group.hosts if not self._health[host.number].up]
                if not down:
                    continue
                usable = [host for host in group.hosts if self.state(host.number) is HostState.UP and host.weight > 0]
                for host in down:
                    addresses = self._addresses(host.number)
                    yield Patient(host.number, self._health[host.number], addresses, not usable)

    # -- what is known ---------------------------------------------------------------

    def state(self, number: int) -> HostState:
        """A host's state, as the stats name it."""
        admin = self._running.admin.get(number)
        if admin is not None:
            return admin.state
        if not self._addresses(number):
            return HostState.UNRESOLVED
        return HostState.UP if self._health[number].up else HostState.DOWN

    def since(self, number: int) -> float:
        """When the host got into its state, on the wall clock."""
        return self._since.get(number, self._began_at)

    def reason(self, number: int) -> tuple[str, str]:
        """Why the host is as it is, and by whose word."""
        admin = self._running.admin.get(number)
        if admin is not None:
            return admin.reason, admin.by
        health = self._health[number]
        return (health.reason, "") if not health.up else ("", "")

    def next_check(self, number: int) -> float | None:
        """Seconds until the host is tested; None if no test is planned."""
        _, group, _ = self._hosts[number]
        nobody = not any(self.state(host.number) is HostState.UP for host in group.hosts)
        at = self._health[number].next_test(nobody)
        return None if at is None else max(0.0, round(at - time.monotonic(), 1))

    # -- what must not be lost -----------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """All of it, for the memory file and the next generation: plain values, spans instead of monotonic times."""
        self.dirty = False
        now = time.monotonic()
        down = {
            number: [health.reason, now - health.since, health.faults, health.ejections]
            for number, health in self._health.items()
            if not health.up
        }
        return {"down": down, "since": self._since}

    def restore(self, value: dict[str, Any]) -> int:
        """What an earlier hub dumped; before `configure`. Returns how many hosts are down."""
        self._restored, self._since = value["down"], value["since"]
        return len(self._restored)

    def _remember(self, number: int, health: Health, now: float) -> None:
        verdict = self._restored.pop(number, None)
        if verdict is not None:
            reason, ago, faults, ejections = verdict
            health.fault(now - ago, reason)
            health.faults, health.ejections = faults, ejections
