"""The hub's shell around the ledger of permits: saves it, tells workers, and says when a limit is near.

The ledger lies in the memory file before any worker hears of more permits, so
that the next hub never gives them out a second time; while it can't be written
there, nobody hears of any.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import gevent

from control.memory import Memory
from control.totals import Totals
from director import logs
from director.config.model import Config
from director.config.numbering import numbered
from director.events import Event
from director.messages import Grants, Load, is_peer, peer_incarnation
from director.scheduling.branch import Branch
from director.scheduling.ledger import Ledger
from director.scheduling.permits import DIRECTOR, Grant, Row, changed_limits, is_queue, limits, queue_of
from director.scheduling.scoreboard import CUT_HOLD

_DELAY = 0.004  # seconds in which news are gathered
_AGAIN = 0.25  # seconds until what could not be saved is tried again
_STILL = 8  # looks at who was not heard, until what it said last is taken for what it has, or for nothing we know
_QUIET = 30.0  # seconds in which a warning is not said again
_NEAR, _FAR = 0.8, 0.7  # of a limit: warn at the one, and not again before it was below the other

Send = Callable[[int, Grants], None]  # incarnation, what it is told


class Limits:
    """All limits of the config. Peers of the ledger are incarnations of workers, and generations that retire.

    `totals`: the connections of each.
    """

    def __init__(self, memory: Memory, send: Send, totals: Totals) -> None:
        self.ledger = Ledger(is_peer)
        self._totals = totals
        self._memory = memory
        self._send = send
        self._config: Config | None = None  # whose limits the ledger shares out
        self._names: dict[int, str] = {}  # of what has a number; made when one is asked for
        self._warned: dict[int, float] = {}  # {limit: the share that was warned of}
        self._ours = True
        self._unheard: Counter[int] = Counter()  # {incarnation: looks since its last row}
        self._said: dict[tuple[int, Event], float] = {}  # when which warning of which limit was said
        self._flushing = False
        self.branch: Branch | None = None  # once another generation's ledger is above ours
        saved = memory.load()
        if saved is not None:
            self.ledger.restore(saved)

    def configure(self, config: Config, ours: bool = True) -> None:
        """Keep these limits from now on; if they are not `ours` to share out, nobody gets anything."""
        before, self._config, self._names = self._config, config, {}
        if before is None or ours is not self._ours:
            found = limits(config)  # what the ledger has from before may be of a config that is no more
            self.ledger.configure(found if ours else dict.fromkeys(found, 0))
        else:
            gone, came = changed_limits(before, config)
            self.ledger.change(gone, came if ours else dict.fromkeys(came, 0))
        self._ours = ours
        for peer in self.ledger.peers:
            if is_peer(peer):
                self._suppose(peer, self.ledger.silent(peer))
        self._news()

    # -- generations -----------------------------------------------------------------

    def hand_over(self) -> None:
        """Share out only what the ledger of the generation that took over allots to all of ours."""
        self.ledger.release([peer for peer in self.ledger.peers if is_peer(peer)])
        self.branch = Branch(self.ledger)
        self._news()

    def redirect(self) -> None:
        """Yet another generation has taken over: the ledger above is its one from now on."""
        if self.branch is not None:
            self.branch.redirect()

    def dump(self) -> list[Any]:
        """All that is booked, and for whom: what `take_over` wants of the hub before."""
        return self.ledger.dump()

    def take_over(self, dumped: Iterable[Any], ordinal: int, own: int, config: Config) -> None:
        """Share the limits out; what generation `ordinal` had booked stays booked for it, in one."""
        rows: dict[int, dict[int, Row]] = {peer: {} for peer in self._totals.rows if is_peer(peer)}
        silent = set()
        for number, peer, booked, *rest in dumped:
            if peer == peer_incarnation(own):
                continue  # that is what is booked here
            generation = peer if is_peer(peer) else peer_incarnation(ordinal)
            of = rows.setdefault(generation, {})
            of[number] = (0, booked + of.get(number, (0, 0, 0))[1], 0)
            if rest[3:] == [True]:  # an older version has no such word
                silent.add((generation, number))
        for generation, number in silent:
            del rows[generation][number]
        for peer, of in rows.items():
            self.ledger.adopt(peer, of)
        self.reign(config)
        # Before the estate is: a hub that follows us goes on by both, and without this would give all of it away anew.
        self._memory.save(self.ledger.dump())

    def reign(self, config: Config) -> None:
        """Share out all that this config allows, whatever it was that we had to share out before."""
        self.branch = None
        self._config = None  # else those of a branch, which are what another ledger allotted to it, would stay
        self.configure(config)

    def granted(self, grants: Mapping[int, Grant]) -> None:
        """What the ledger above says."""
        if self.branch is not None:
            self.branch.granted(grants)
            self._news()

    def rows(self) -> dict[int, Row]:
        """What to tell the ledger above."""
        return {} if self.branch is None else self.branch.rows()

    def join(self, incarnation: int) -> None:
        """A worker is there, or begins anew: it is told of all its allotments."""
        self.ledger.join(incarnation)
        self._news()

    def heard(self, load: Load) -> None:
        """A worker's row, or a generation's, which always tells of all its limits; the totals have heard it."""
        self._unheard.pop(load.incarnation, None)
        self.ledger.heard(load.incarnation, load.sequence, load.permits)
        if is_peer(load.incarnation):
            self._suppose(load.incarnation, self.ledger.limits.keys() - load.permits.keys())
        # What generations that retire say is what is booked for their workers: nobody may use it.
        elders = [peer for peer in self.ledger.peers if is_peer(peer)]
        theirs = sum((self._totals.held(peer) or Counter() for peer in elders), Counter())
        for number in load.permits:
            if number in self.ledger.limits:
                self._watch(number, self.ledger.used(number, elders) + theirs[number])
        self._news()

    def _suppose(self, generation: int, numbers: Collection[int]) -> None:
        """Of limits that a generation never had all that it has open counts.

        It gets nothing of them: nobody connects there any more, so what was heard last is the most.
        """
        if numbers and (open_ := self._totals.held(generation)) is not None:
            self.ledger.suppose(generation, {number: open_[number] for number in numbers})

    def look(self) -> None:
        """A few times a second: see which workers stand still, and whether others wait for what they would say.

        Counted in looks, in which we read what has come: while we stood still ourselves nobody was silent.
        """
        for peer in list(self.ledger.peers):
            self._unheard[peer] += 1
            if self._is_still(peer) and not is_peer(peer):
                self._presume(peer)
        self._news()

    def _is_still(self, peer: int) -> bool:
        """Whether what it said last may be long past."""
        return self._unheard[peer] >= _STILL

    def _presume(self, incarnation: int) -> None:
        """Of a new limit it uses what it had open, and in a queue the places that it had clients for.

        What it may use of other limits stays booked: it may be connecting somebody in this moment.
        """
        open_ = self._totals.held(incarnation) or Counter()
        limits = self.ledger.silent(incarnation)
        queues = {number: used for number, used in self.ledger.uses(incarnation).items() if is_queue(number)}
        self.ledger.suppose(incarnation, {number: open_[number] for number in limits} | queues)

    def vacate(self, incarnation: int) -> None:
        """A worker died: nobody waits in it any more."""
        self.ledger.vacate(incarnation)
        self._news()

    def leave(self, incarnation: int) -> None:
        """A worker died; its permits are free once its hosts have noticed."""
        self.ledger.leave(incarnation)
        gevent.spawn_later(CUT_HOLD, self._forget, incarnation)

    def repeat(self) -> None:
        """Tell every worker all of it again, in case something was lost."""
        if self.ledger.has_news:
            return  # which is not saved yet
        for peer in list(self.ledger.peers):
            grants: Mapping[int, Grant] = self.ledger.grants(peer)
            if grants:
                self._send(peer, Grants(dict(grants)))

    def _forget(self, incarnation: int) -> None:
        self._unheard.pop(incarnation, None)
        self.ledger.forget(incarnation)
        self._news()

    def _news(self) -> None:
        if (self.ledger.has_news or self.ledger.is_asked) and not self._flushing:
            self._flushing = True
            gevent.spawn_later(_DELAY, self._flush)

    def _flush(self) -> None:
        if self.ledger.has_news and not self._memory.save(self.ledger.dump()):
            gevent.spawn_later(_AGAIN, self._flush)
            return
        self._flushing = False
        news, asked = self.ledger.news(), self.ledger.asked()
        full = set(filter(self._is_full, set().union(*asked.values())))
        for peer in news.keys() | asked.keys():
            said = Grants(news.get(peer, {}), tuple(full & asked.get(peer, set())), self.ledger.peers[peer])
            if said.allotments or said.full:
                self._send(peer, said)

    def _is_full(self, queue: int) -> bool:
        """Whether we know that there is no place in it for anybody of ours."""
        if not self._ours or self.branch is not None:
            return False  # another ledger may have some
        # What generations that retire say may be all that is booked for their workers.
        elders = {
            peer: row.queued.get(queue - queue_of(0), 0) for peer, row in self._totals.rows.items() if is_peer(peer)
        }
        if any(waiting and self._is_still(peer) for peer, waiting in elders.items()):
            return False  # its hub is dead: those who waited there may have got their turn
        return self.ledger.is_full(queue, elders)

    def _watch(self, number: int, used: int) -> None:
        limit = self.ledger.limits[number]
        if not limit or self.branch is not None:
            return  # it is another hub's to share out: ours is but what that one allots to us
        share = used / limit
        warned = self._warned.get(number, 0.0)
        if share < _FAR:
            self._warned.pop(number, None)
        elif share >= 1.0 > warned:
            self._warned[number] = 1.0
            self._warn(number, Event.LIMIT_REACHED, maxconn=limit)
        elif share >= _NEAR > warned:
            self._warned[number] = share
            self._warn(number, Event.LIMIT_NEAR, used=used, maxconn=limit)

    def _warn(self, number: int, event: Event, **facts: int) -> None:
        """Say it, unless it was said a moment ago: a busy limit is near and far many times a second."""
        now = time.monotonic()
        if now - self._said.get((number, event), -_QUIET) >= _QUIET:
            self._said[number, event] = now
            logs.warning(event, limit=self._name(number), **facts)

    def _name(self, number: int) -> str:
        """What a limit is of, in words."""
        if not self._names and self._config is not None:
            self._names = {known: "/".join(path) for path, known in numbered(self._config).items()}
        if number == DIRECTOR:
            return "director"
        if is_queue(number):
            return f"queue of {self._name(number - queue_of(0))}"
        return self._names.get(number, str(number))
