"""All drains: what the operators ordered, and what went without a word and has connections left.

Looks at each several times a second while this hub decides, closes what is to
be closed, and counts. What goes on without being told to end (a host that was
removed, or that its name stands for no more) is a drain without a deadline: so
it is seen until it is over. A host that is elsewhere by now is drained where it
was; how much of that is left only workers can say, and are asked. Progress lies
in the memory file, so that a new hub, of this generation or the next, goes on
where this one was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import gevent

from control.closing import Closing
from director import logs
from director.addresses import Addresses, place
from director.config.departures import deadline
from director.config.model import Config, Service
from director.config.turnover import hosts_of, turnover
from director.events import Event
from director.members import Members
from director.messages import Draining, Grace, Running
from director.scheduling.drain import Drain, Stage

TICK = 0.2  # seconds
_FINISHED = 20  # drains that are over and still known
_REMIND = 2.0  # seconds until the master is told again what is over
_ASK = 1.0  # seconds between questions what is left at a place

Document = dict[str, Any]
Path = tuple[str, ...]
Key = tuple[Path, float]  # path and since when
Move = tuple[int, float]  # number of a host that is elsewhere, and since when
NOBODY = ""  # by whom: nobody ordered it


class Drains:
    """All drains of the daemon. `open`: connections by host number, over all workers and generations.

    `addresses`: where hosts are, by number. `over` is told of orders of which nothing is left, by (path, since when),
    until they are gone.
    """

    def __init__(
        self,
        open_: Mapping[int, int],
        addresses: Mapping[int, Addresses],
        closing: Closing,
        over: Callable[[tuple[Key, ...]], None],
    ) -> None:
        self._open, self._addresses, self._closing, self._tell_over = open_, addresses, closing, over
        self._running = Running(0, Config())
        self._hosts: dict[int, tuple[Path, Grace]] = {}  # of what runs, by number
        self._drains: dict[Key, Drain] = {}
        self._members: dict[int, set[int]] = {}  # that a host has or had, while any has connections
        self._remembered: dict[Key, tuple[int, int, Stage]] = {}  # progress of what the next orders say
        self._closings: set[Key] = set()
        self._counts: dict[Key, int] = {}  # connections of those that are drained at some places, as workers said
        self._moves: dict[Move, tuple[str, ...]] = {}  # places of which nobody has said yet how many are there
        self._asking: set[Move] = set()
        self._told_at = 0.0
        self.finished: dict[Key, Document] = {}  # the last ones, for who waits for them
        self.deciding = False
        self.dirty = False

    # -- what is said -----------------------------------------------------------------------

    def arrange(self, running: Running, members: Members) -> None:
        """What is to be drained; `running` as names of hosts make it, with these members."""
        self._learn(members)
        gone, came = turnover(self._running.config.services, running.config.services)
        before = {host.number: self._hosts.pop(host.number) for host in hosts_of(gone)}
        self._hosts.update(_hosts(came))
        self._running = running
        known, self._drains = self._drains, {}
        for order in running.drains:
            key = order.path, order.since_at
            drain = known.get(key)
            if drain is None:
                drain = Drain(order, *self._remembered.pop(key, (self._left(key, order),)))
            drain.order = order
            self._drains[key] = drain
        covered = {number for drain in self._drains.values() for number in self._numbers(drain.order)}
        for key, drain in known.items():
            if drain.order.by == NOBODY:
                self._add(key, drain, covered)
        for number in before.keys() - self._hosts.keys():
            self._leave(number, *before[number], covered)
        self.dirty = True

    def _leave(self, number: int, path: Path, grace: Grace, covered: set[int]) -> None:
        """A host is gone: its connections have the grace of the service that it was in."""
        at = time.time()
        order = Draining(path, (number,), NOBODY, at, deadline(grace, at), grace.rate)
        key = path, at
        self._add(key, Drain(order, self._left(key, order)), covered)

    def move(self, number: int, before: Addresses) -> None:
        """A host is elsewhere than before: its connections there have the grace of its service."""
        now = _places(self._addresses.get(number, ()))
        for key, drain in list(self._drains.items()):
            if drain.order.hosts == (number,) and (returned := now.intersection(drain.order.places)):
                left = tuple(place for place in drain.order.places if place not in returned)
                drain.order = replace(drain.order, places=left)
                if not left:
                    del self._drains[key]
        for move, places in self._moves.items():
            if move[0] == number:
                self._moves[move] = tuple(place for place in places if place not in now)
        if gone := tuple(sorted(_places(before) - now)):
            self._moves[number, time.time()] = gone
            self.dirty = True
        self._count_moves()

    def _count_moves(self) -> None:
        if self.deciding:
            for move in self._moves.keys() - self._asking:
                self._asking.add(move)
                gevent.spawn(self._begin, move)

    def _begin(self, move: Move) -> None:
        """Drain what is where a host was, if there is anything; it may be back before all have said so."""
        number, at = move
        while self.deciding and (places := self._moves[move]):
            count = self._closing.count((number,), places)
            if count is None:
                gevent.sleep(_ASK)
            elif places == self._moves[move]:
                if count and number in self._hosts:
                    path, grace = self._hosts[number]
                    order = Draining(path, (number,), NOBODY, at, deadline(grace, at), grace.rate, places=places)
                    self._drains[path, at] = Drain(order, count)
                break
        if self.deciding:
            del self._moves[move]
            self.dirty = True
        self._asking.discard(move)

    def _add(self, key: Key, drain: Drain, covered: set[int]) -> None:
        """Something went without a word, unless it is back, or there has been a word since."""
        if drain.order.places or not set(drain.order.hosts) & (covered | self._hosts.keys()):
            self._drains[key] = drain

    def _learn(self, members: Members) -> None:
        for number, found in members.items():
            self._members.setdefault(number, set()).update(member.number for member in found)
        present = {member.number for found in members.values() for member in found}
        kept = {
            number: {one for one in ours if one in present or self._open.get(one)}
            for number, ours in self._members.items()
        }
        self._members = {number: ours for number, ours in kept.items() if ours}

    def _numbers(self, order: Draining) -> set[int]:
        """The hosts of a drain, and what they stand for."""
        return {*order.hosts, *(one for number in order.hosts for one in self._members.get(number, ()))}

    def _left(self, key: Key, order: Draining) -> int:
        if order.places:
            return self._counts[key]
        return sum(self._open.get(number, 0) for number in self._numbers(order))

    def _count(self, key: Key, drain: Drain) -> None:
        """Ask what is left at some places, again and again."""
        while self._drains.get(key) is drain and self.deciding:
            count = self._closing.count(drain.order.hosts, drain.order.places)
            self._counts[key] = self._counts[key] if count is None else count
            gevent.sleep(_ASK)
        self._counts.pop(key, None)

    # -- what is done -----------------------------------------------------------------------

    def run(self) -> None:
        """Look at all, again and again."""
        while True:
            gevent.sleep(TICK)
            self._count_moves()
            if self.deciding and self._drains:
                self.look(time.time(), time.monotonic())

    def look(self, wall: float, now: float) -> None:
        """See how far each has got, and close what is to be closed."""
        for key, drain in list(self._drains.items()):
            if drain.order.places and key not in self._counts:
                self._counts[key] = drain.progress.left  # until they have answered
                gevent.spawn(self._count, key, drain)
            before = drain.stage
            count = drain.look(self._left(key, drain.order), wall, now)
            if drain.stage is not before:
                self._note(key, drain)
            if count and key not in self._closings:
                self._closings.add(key)
                gevent.spawn(self._close, key, drain, count)
        over = tuple(key for key, drain in self._drains.items() if drain.stage is Stage.OVER and self._ends(drain))
        if over and now - self._told_at >= _REMIND:
            self._told_at = now
            self._tell_over(over)

    def _note(self, key: Key, drain: Drain) -> None:
        """It has got further."""
        self.dirty = True
        progress = drain.progress
        what = "/".join(drain.order.path)
        if drain.stage is Stage.CLOSING:
            logs.info(Event.DRAIN_CLOSING, what=what, left=progress.left, rate=drain.order.rate)
        elif drain.stage is Stage.OVER:
            if progress.at_start:
                logs.info(Event.DRAIN_OVER, what=what, ended=progress.ended, closed=progress.closed)
            self.finished[key] = _document(drain)
            while len(self.finished) > _FINISHED:
                del self.finished[next(iter(self.finished))]
            if drain.order.by == NOBODY:
                del self._drains[key]

    def _ends(self, drain: Drain) -> bool:
        """Whether it is to be forgotten: ordered, and not of a host that an operator keeps out."""
        order = drain.order
        return order.by != NOBODY and not any(number in self._running.admin for number in order.hosts)

    def _close(self, key: Key, drain: Drain, count: int) -> None:
        try:
            while count > 0:
                order = drain.order
                closed = self._closing.close(self._numbers(order), count, order.end, places=order.places)
                drain.closed(closed)
                self.dirty = True
                count = count - closed if closed else 0
        finally:
            self._closings.discard(key)

    # -- what is known ----------------------------------------------------------------------

    def documents(self) -> list[Document]:
        """How far each has got."""
        return [_document(drain) for drain in self._drains.values()]

    def find(self, what: str) -> Document | None:
        """How far the one of this name has got, or what became of it; of several the last one said."""
        living = [_document(drain) for drain in self._drains.values()]
        found = [one for one in (*self.finished.values(), *living) if one["what"] == what]
        return max(found, key=lambda one: float(one["since"])) if found else None

    def by_host(self) -> dict[int, Document]:
        """The drain that each host is in by somebody's order; the one that speaks of fewest if it is in several."""
        ordered = (drain for drain in self._drains.values() if drain.order.by != NOBODY)
        found: dict[int, Document] = {}
        for drain in sorted(ordered, key=lambda drain: len(drain.order.path)):
            found.update(dict.fromkeys(self._numbers(drain.order), _document(drain)))
        return found

    def dump(self, hosts: bool = False) -> Document:
        """What the next hub must know; of another generation, whose hosts may be others, also these `hosts`."""
        rows = [
            [
                *key,
                order.hosts,
                order.by,
                order.deadline_at,
                order.rate,
                progress.at_start,
                progress.closed,
                drain.stage.value,
            ]
            for key, drain in self._drains.items()
            for order, progress in ((drain.order, drain.progress),)
        ]
        self.dirty = False
        return {
            "rows": rows,
            "places": [[*key, drain.order.places] for key, drain in self._drains.items() if drain.order.places],
            "moves": [[*move, places] for move, places in self._moves.items()],
            "where": [[number, self._addresses.get(number, ())] for number in self._hosts if self._open.get(number)]
            if hosts
            else [],
            "finished": [[*key, document] for key, document in self.finished.items()],
            "members": {number: list(ours) for number, ours in self._members.items()},
            "hosts": [[number, path, grace.within, grace.rate] for number, (path, grace) in self._hosts.items()]
            if hosts
            else [],
        }

    def restore(self, value: Document) -> None:
        """What an earlier hub dumped."""
        for number, ours in value.get("members", {}).items():
            self._members.setdefault(number, set()).update(ours)
        places = {(tuple(path), since_at): tuple(one) for path, since_at, one in value.get("places", ())}
        for path, since_at, hosts, by, deadline_at, rate, at_start, closed, stage in value.get("rows", ()):
            key, progress = (tuple(path), since_at), (at_start, closed, Stage(stage))
            if by == NOBODY:
                there = places.get(key, ())
                order = Draining(tuple(path), tuple(hosts), NOBODY, since_at, deadline_at, rate, places=there)
                self._add(key, Drain(order, *progress), set())
            elif key in self._drains:
                self._drains[key] = Drain(self._drains[key].order, *progress)
            else:
                self._remembered[key] = progress
        self.finished |= {(tuple(path), since_at): one for path, since_at, one in value.get("finished", ())}
        covered = {number for drain in self._drains.values() for number in self._numbers(drain.order)}
        for number, path, within, rate in value.get("hosts", ()):
            if number not in self._hosts and self._open.get(number):
                self._leave(number, tuple(path), Grace(within, rate), covered)
        self._moves |= {(number, at): tuple(left) for number, at, left in value.get("moves", ())}
        for number, before in value.get("where", ()):
            if number in self._hosts:
                self.move(number, before)


def _hosts(services: Iterable[Service]) -> Iterable[tuple[int, tuple[Path, Grace]]]:
    for service in services:
        grace = Grace(service.drain_within, service.drain_rate)
        for group in service.groups:
            for host in group.hosts:
                yield host.number, ((service.name, group.name, host.name), grace)


def _places(addresses: Addresses) -> set[str]:
    return {place(where) for _, where in addresses}


def _document(drain: Drain) -> Document:
    order, progress = drain.order, drain.progress
    service, group, host = (*order.path, None, None)[:3]
    return {
        "what": "/".join(order.path),
        "service": service,
        "group": group,
        "host": host,
        "by": order.by,
        "since": order.since_at,
        "deadline": order.deadline_at,
        "rate": order.rate,
        "stage": drain.stage.value,
        "open_at_start": progress.at_start,
        "left": progress.left,
        "ended": progress.ended,
        "closed": progress.closed,
    }
