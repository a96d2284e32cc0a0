"""Opening and closing listeners and logs while the daemon runs: new ones before old ones, nobody is reset.

An address that comes is bound before anything changes, so that it can be
refused. One that goes is let go by the workers first, who accept who waits
there; then the master's copies are closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from director import logs
from director.config.model import Config, Listen, Logging, Service
from director.config.turnover import turnover
from director.errors import SystemFailure
from director.events import Event
from director.master.family import Child
from director.master.listeners import Address, open_address
from director.master.logfiles import LogFiles, setup_of
from director.master.seats import wanted
from director.master.supervisor import State
from director.messages import ListenerRef, Release, Slot

if TYPE_CHECKING:
    from director.master.run import Master


class Openings:
    """Which addresses are open, over the changes of what runs."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._logs: LogFiles | None = None  # opened, not in use yet
        self._otherwise: list[tuple[Address, Listen]] = []  # what the last change made of addresses, and how they were

    def open_new(self, target: Config) -> dict[str, Address]:
        """Bind what `target` has and we have not, and have the rest be as it says. Raises SystemFailure.

        Nothing stays open then. Whoever can't do the rest of the change gives it back to `forget`.
        """
        resized = target.workers != self._master.running.config.workers
        # Workers that will leave accept on what comes until they do.
        slots = max(self._master.seats.count, wanted(target) if resized else 0)
        opened: dict[str, Address] = {}
        self._otherwise = []
        try:
            came = turnover(self._master.running.config.services, target.services).came
            for _, listen in _listens(target.services if resized else came):
                known = self._master.addresses.get(str(listen.ip))
                if known is None:
                    opened[str(listen.ip)] = open_address(listen, slots)
                else:
                    known.add_slots(slots)
                    self._otherwise.append((known, known.listen))
                    known.become(listen)
            if target.admins != self._master.running.config.admins:
                self._master.admins.open(target)
            if target.controls != self._master.running.config.controls:
                self._master.controls.open_new(target)
                self._master.controls.grant(target)
            self._open_logs(target.logging)
        except SystemFailure:
            self.forget(opened)
            raise
        return opened

    def forget(self, opened: dict[str, Address]) -> None:
        """The change comes to nothing: close what was opened for it, and have the rest be as it was."""
        for address in opened.values():
            address.close()
        for address, listen in self._otherwise:
            address.become(listen)
        self._otherwise = []

    def settle(self) -> None:
        """Have addresses be as what runs says: another generation has opened them."""
        for _, listen in self._master.running.config.listens():
            try:
                if (address := self._master.addresses.get(str(listen.ip))) is not None:
                    address.become(listen)
            except SystemFailure as failure:
                logs.error(Event.PROCESS_FAILED, reason=str(failure))

    def open_again(self, address: Address) -> None:
        """Bind a unix socket anew whose path is lost; who waits at the old one is served. Raises SystemFailure."""
        before, address.sockets = address.sockets, open_address(address.listen, slots=1).sockets
        for worker, slots in self._serving():
            mine = [ref for slot in slots for ref in self._master.seats.refs(slot) if ref.ip == str(address.listen.ip)]
            self._master.family.tell(worker, Release(tuple(mine)))
            self._master.family.accept(worker, mine)
        for sock in before:
            sock.close()

    def _open_logs(self, target: Logging) -> None:
        master = self._master
        if self._logs is not None:  # the change it was for came to nothing
            self._logs.close()
            self._logs = None
        if target != master.running.config.logging:
            self._logs = LogFiles.opened(setup_of(target, foreground=master.foreground, level=master.log_level))

    def _swap_logs(self) -> None:
        """Have everybody go on in the new logs."""
        family = self._master.family
        if self._logs is not None:
            before, family.log_files = family.log_files, self._logs
            self._logs = None
            family.log_files.use()
            family.tell_all(*family.log_files.introduction())
            before.close()

    def release_gone(self, before: Config) -> None:
        """Have workers let go of what was open `before` and is not in what runs now."""
        went, came = turnover(before.services, self._master.running.config.services)
        kept = _owners(came)
        gone = {ip: number for ip, number in _owners(went).items() if ip not in kept}
        if gone:
            for worker, slots in self._serving():
                refs = (ListenerRef(number, ip, slot) for slot in slots for ip, number in gone.items())
                self._master.family.tell(worker, Release(tuple(refs)))

    def swap(self, before: Config, opened: dict[str, Address]) -> None:
        """Have workers accept on new addresses, and close those that are gone."""
        master = self._master
        self._swap_logs()
        master.addresses.update(opened)
        gone, came = turnover(before.services, master.running.config.services)
        owners, now = _owners(gone), _owners(came)
        if owners != now:
            for worker, slots in self._serving():
                mine = [ref for slot in slots for ref in master.seats.refs(slot)]
                # A worker that has the socket already learns whose it is now.
                fresh = [ref for ref in mine if ref.ip in now and owners.get(ref.ip) != ref.service]
                master.family.accept(worker, fresh)
        if before.admins != master.running.config.admins:
            master.admins.tell(master.family)
        if before.controls != master.running.config.controls:
            master.controls.drop_gone(master.running.config)
            master.controls.tell(master.family)
        for ip in opened:
            logs.info(Event.LISTENER_OPENED, ip=ip)
        for ip in set(owners) - set(now):
            if ip in master.addresses:
                master.addresses.pop(ip).close()
                logs.info(Event.LISTENER_CLOSED, ip=ip)

    def _serving(self) -> list[tuple[Child, list[Slot]]]:
        """Workers that accept, and the slots that each does it for."""
        supervisor = self._master.family.supervisor
        return [
            (worker, [*(place.slot for place in supervisor.workers() if place.covered_by == worker.slot), worker.slot])
            for worker in self._master.family.workers()
            if supervisor.places[worker.slot].state in (State.SERVING, State.PAUSED)
        ]


def _listens(services: Sequence[Service]) -> Iterator[tuple[Service, Listen]]:
    return Config(services=tuple(services)).listens()


def _owners(services: Sequence[Service]) -> dict[str, int]:
    """The service that each of their addresses is of."""
    return {str(listen.ip): service.number for service, listen in _listens(services)}
