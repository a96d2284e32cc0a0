"""What must not be lost when a hub dies, or hands over: in the memory file, for the hub that comes next."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent

from control.drains import Drains
from control.fallbacks import Fallbacks
from control.limits import Limits
from control.memory import LEDGER, Memory
from control.resolver import Resolver
from control.reunion import Reunion
from control.totals import Totals
from control.verdicts import Verdicts
from director import logs
from director.config.model import Config
from director.events import Event
from director.messages import is_peer
from director.scheduling.sticky import Stickies

_REST = 9  # times as long as it took, it is left alone: thousands of hosts may go down at once


class Estate:
    """The parts of a hub that have a past, as they are left and inherited.

    `decides`: whether this hub does. What another one decides is not ours to write.
    """

    def __init__(
        self,
        memory: Memory,
        counts: Memory,
        ordinal: int,
        totals: Totals,
        verdicts: Verdicts,
        fallbacks: Fallbacks,
        resolver: Resolver,
        drains: Drains,
        stickies: Stickies,
        limits: Limits,
        decides: Callable[[], bool],
    ) -> None:
        self.dirty = False  # there is something to write beside what the parts know of themselves
        self._memory, self._counts, self._ordinal = memory, counts, ordinal
        self._bequest = 0  # names what was left to the hub that decides now
        self._totals, self._verdicts, self._fallbacks = totals, verdicts, fallbacks
        self._resolver, self._drains, self._stickies = resolver, drains, stickies
        self._limits, self._decides = limits, decides
        self._rests_until = 0.0
        self._waiting = False  # to save once it has rested

    def save_at_once(self) -> None:
        """Put what changed into the memory file before others act on it, or, if that is done too often, soon after."""
        rest = self._rests_until - time.monotonic()
        if rest <= 0:
            self.save()
        elif not self._waiting:
            self._waiting = True
            gevent.spawn_later(rest, self._rested)

    def _rested(self) -> None:
        self._waiting = False
        self.save()

    def save(self, counts: bool = False) -> bool:
        """Put what changed into the memory file; what checks counted only if told to.

        False if that can't be done; what changed is tried again.
        """
        if not self._decides():
            return self._count_on()
        parts = (self._totals, self._verdicts, self._fallbacks, self._resolver, self._drains)
        dirty = self.dirty or any(part.dirty for part in parts)
        if not (dirty or (counts and self._verdicts.counted)):
            return True
        began = time.monotonic()
        self.dirty = not self._memory.save(self._dump(counts))
        ended = time.monotonic()
        self._rests_until = ended + _REST * (ended - began)
        return not self.dirty

    def _count_on(self) -> bool:
        """What our workers do until they are gone, of which the hub that decides knows by us alone."""
        if self._bequest and self._totals.dirty:
            self._totals.dirty = not self._counts.save([self._bequest, self._totals.dump()])
        return not (self._bequest and self._totals.dirty)

    def bequeath(self) -> bool:
        """Put all of it into the memory file, for the hub of another generation. False if that can't be done.

        A successor in this generation is told by workers of clients and their hosts, which are many, and finds the
        ledger of permits at its own place, which from now on tells only what is left to this generation.
        """
        if not self._decides():
            return True  # what a hub that did has bequeathed stays as it is, though this is its successor
        self._bequest = time.monotonic_ns()
        rest = {"sticks": list(self._stickies.batches()), "permits": self._limits.dump(), "bequest": self._bequest}
        self.dirty = not self._memory.save({**self._dump(counts=True, hosts=True), **rest})
        return not self.dirty

    def _dump(self, counts: bool, hosts: bool = False) -> dict[str, Any]:
        return {
            "ordinal": self._ordinal,
            "totals": self._totals.dump(),
            "verdicts": self._verdicts.dump(counts),
            "fallbacks": self._fallbacks.dump(),
            "resolver": self._resolver.dump(),
            "drains": self._drains.dump(hosts=hosts),
        }

    def inherit(self, left: int, reunion: Reunion) -> bool:
        """Begin with what an earlier hub of this generation left. False if there was none.

        Then, of what the generation before `left` (a descriptor, or less than 0), only what has to be known at once.
        """
        value = self._memory.load()
        if value is None:
            if left >= 0 and (before := Memory(left).load()):
                self._resolver.restore(before["resolver"])  # members keep their numbers, and their connections count
            return False
        self._bequest = value.get("bequest", 0)
        bequest, counts = self._counts.load() or (0, {})
        self._totals.restore(counts if bequest and bequest == self._bequest else value["totals"])
        reunion.expect((one for one in self._totals.rows if not is_peer(one)), time.monotonic())
        self._fallbacks.restore(value["fallbacks"])
        self._resolver.restore(value["resolver"])
        self._drains.restore(value.get("drains", {}))
        down = self._verdicts.restore(value["verdicts"])
        logs.info(Event.HUB_RESTORED, rows=len(self._totals.rows), down=down)
        return True

    def take_over(self, memory: int, config: Config) -> bool:
        """Go on with what the hub of another generation left in this memory file. False if it never decided."""
        value = Memory(memory).load()
        if value is None:
            self._limits.reign(config)
            return False
        # A hub that died did not get to bequeath anything: then its ledger is as it was last.
        permits = value["permits"] if "permits" in value else Memory(memory, LEDGER).load()
        self._totals.adopt(value["totals"], value["ordinal"], self._ordinal)
        self._limits.take_over(permits or (), value["ordinal"], self._ordinal, config)
        self._verdicts.adopt(value["verdicts"])
        self._fallbacks.adopt(value["fallbacks"], value["ordinal"] < self._ordinal)
        self._drains.restore(value.get("drains", {}))
        for rows in value.get("sticks", ()):
            self._stickies.hear(rows)
        return True
