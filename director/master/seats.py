"""How many workers there are, and which sockets each accepts on, while the daemon runs.

Every address has a socket for each seat, and every worker a seat. When workers
come, their sockets are bound before anything changes, so that it can be
refused. When workers leave, it is those in the last seats: the kernel is told
to send clients to the others only, these accept who waits at the sockets that
nobody has, and a moment later the empty sockets are closed. Nobody is reset:
only the last sockets of an address may go, and only while nobody waits there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from director.config.model import Config
from director.master import system as kernel
from director.master.stage import Stage
from director.master.supervisor import State
from director.messages import ListenerRef, Release, Slot

if TYPE_CHECKING:
    from director.master.run import Master

SETTLE = 2.0  # seconds for clients that were on their way to a socket that goes


def wanted(config: Config) -> int:
    """How many workers it wants."""
    return config.workers or kernel.processors()


class Seats:
    """The seats of all workers of a generation."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._idle_since: float | None = None  # there are sockets that no seat has

    @property
    def count(self) -> int:
        """How many workers there shall be."""
        return len(self._master.family.supervisor.workers())

    def refs(self, slot: Slot) -> list[ListenerRef]:
        """What the worker in this slot accepts on: its seat, and its part of those that no worker has."""
        place = self._master.family.supervisor.places.get(slot)
        if place is None or place.leaving:
            return []
        return [
            ListenerRef(service.number, str(listen.ip), Slot(seat))
            for service, listen in self._master.running.config.listens()
            for seat in (place.seat, *range(place.seat + self.count, self._listening(str(listen.ip)), self.count))
        ]

    def _listening(self, ip: str) -> int:
        address = self._master.addresses.get(ip)
        return 0 if address is None else address.serving

    def follow(self, before: Config) -> None:
        """Have as many workers as what runs says, if that is not what it said before."""
        config = self._master.running.config
        if config.workers == before.workers or (count := wanted(config)) == self.count:
            return
        family, now = self._master.family, self._master.system.now()
        self._let_go(range(self.count, count))
        leaving = family.supervisor.resize(count, now)
        for address in self._master.addresses.values():
            address.spread_over(count)
        for worker in family.workers():
            if family.supervisor.places[worker.slot].state in (State.SERVING, State.PAUSED):
                family.accept(worker, self.refs(worker.slot))
        for slot in leaving:
            family.release(slot, config.drain_timeout)
        family.tick()

    def _let_go(self, seats: range) -> None:
        """Have whoever accepts there do it no more, up to where sockets listen."""
        refs = tuple(
            ListenerRef(service.number, str(listen.ip), Slot(seat))
            for service, listen in self._master.running.config.listens()
            for seat in seats
            if seat < self._listening(str(listen.ip))
        )
        if refs:
            self._master.family.tell_workers(Release(refs))

    def tick(self, now: float) -> None:
        """Close the sockets that no seat has once nobody waits there."""
        master, count = self._master, self.count
        idle = [address for address in master.addresses.values() if address.serving > count]
        if not idle or master.stage is not Stage.SERVING:
            self._idle_since = None
            return
        steered = [address.spread_over(count) for address in idle]
        if not all(steered):
            return  # clients still come there
        if self._idle_since is None:
            self._idle_since = now
        if now - self._idle_since < SETTLE or any(any(address.waiting()[count:]) for address in idle):
            return
        self._let_go(range(count, max(address.serving for address in idle)))
        for address in idle:
            address.close_tail(count)
