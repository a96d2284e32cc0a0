"""The schedulers by name: each a way to choose one host of those that may be chosen.

A Policy holds the candidates of one tier of a group (the ordinary hosts, or
the backups). It is told when one comes, goes or (if it cares) changes its
load, and keeps a structure in which a choice costs the same for ten hosts and
for a thousand. Which hosts are candidates is the scheduler's affair.

    random        by weight
    roundrobin    in turn, by weight, smoothly; each worker starts somewhere else
    leastconns    fewest connections for its weight; ties at random
    leastconnsrr  the same; of a tie, the one not touched for longest
    p2c           of two drawn at random the one with fewer connections
    first         the first in the config that is not full
    hash          always the same for a client, in every worker and on every machine
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from math import inf
from random import Random

from director.scheduling.bag import Bag
from director.scheduling.hashring import cell, rendezvous, ring
from director.scheduling.pace import Rate
from director.scheduling.scoreboard import HostLoad

NOBODY: Collection[int] = ()


class SchedulerFault(Exception):
    """A scheduler can't be used, or can't any longer; the message says why, for an operator."""


class Policy:
    """One way to choose.

    `watches_rises` and `watches_falls`: for which changes of scores it wants `moved` called. `herds`: workers
    that know of the same counts choose the same host. `rate` and `unseen` are then the Herd's.
    """

    watches_rises = watches_falls = False
    herds = False
    unseen = 0.0

    def __init__(self, random: Random) -> None:
        self.random = random
        self.rate = Rate()

    def prepare(self, hosts: Sequence[HostLoad]) -> None:
        """All hosts of the tier with a weight, candidates or not, in config order. Called when they change."""

    def add(self, host: HostLoad) -> None:
        """`host` is a candidate from now on."""

    def remove(self, host: HostLoad) -> None:
        """`host` is a candidate no longer."""

    def moved(self, host: HostLoad) -> None:
        """The candidate's score changed."""

    def pick(self, client: str, tried: Collection[int] = NOBODY) -> HostLoad | None:
        """A candidate whose number is not in `tried`, or None: this one knows nobody."""
        return None


class RandomPolicy(Policy):
    """By weight, with no memory."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.bag = Bag(random.random)
        self.add = self.bag.add  # type: ignore[method-assign]
        self.remove = self.bag.remove  # type: ignore[method-assign]

    def pick(self, client: str, tried: Collection[int] = NOBODY) -> HostLoad | None:
        return self.bag.draw_other(tried) if tried else self.bag.draw()


class PowerOfTwo(RandomPolicy):
    """Of two drawn by weight, the one with the lower load for its weight."""

    def pick(self, client: str, tried: Collection[int] = NOBODY) -> HostLoad | None:
        draw = self.bag.draw
        one = self.bag.draw_other(tried) if tried else draw()
        if one is None:
            return None
        for _ in range(4):  # two different ones, unless one weighs nearly everything
            two = draw()
            if two is not one and two is not None and two.number not in tried:
                return one if (one.score + 1) * one.stride <= (two.score + 1) * two.stride else two
        return one


class Turn:
    """Hosts of one weight, the next in turn first. `due`: the virtual time of its next pick."""

    __slots__ = ("due", "hosts", "weight")

    def __init__(self, weight: float, due: float) -> None:
        self.weight = weight
        self.hosts: OrderedDict[HostLoad, None] = OrderedDict()
        self.due = due

    def __lt__(self, other: Turn) -> bool:
        return self.due < other.due


class RoundRobin(Policy):
    """Hosts of equal weight take turns; weights take turns by stride scheduling.

    A turn of k hosts with weight w comes every 1/(k*w) of virtual time. So one
    host of weight 5 and two of weight 1 give a a b a a a c: smooth, not aaaaabc.
    """

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.turns: dict[float, Turn] = {}
        self.queue: list[Turn] = []  # a heap by `due`
        self.now = 0.0  # virtual time

    def add(self, host: HostLoad) -> None:
        turn = self.turns.get(host.weight)
        if turn is None:
            turn = Turn(host.weight, self.now + self.random.random() / host.weight)
            self.turns[host.weight] = turn
            heappush(self.queue, turn)
        else:
            self._hurry(turn, len(turn.hosts) / (len(turn.hosts) + 1))
        turn.hosts[host] = None
        host.key = turn

    def remove(self, host: HostLoad) -> None:
        turn: Turn = host.key
        del turn.hosts[host]
        if turn.hosts:
            self._hurry(turn, (len(turn.hosts) + 1) / len(turn.hosts))
        else:
            del self.turns[turn.weight]
            self.queue.remove(turn)
            heapify(self.queue)

    def _hurry(self, turn: Turn, factor: float) -> None:
        """Its turns come more often or less from now on, the next one too."""
        turn.due = self.now + (turn.due - self.now) * factor
        if len(self.queue) > 1:
            heapify(self.queue)

    def pick(self, client: str, tried: Collection[int] = NOBODY) -> HostLoad | None:
        queue = self.queue
        if not queue:
            return None
        if tried:
            return self._pick_other(tried)
        turn = queue[0]
        hosts = turn.hosts
        host = next(iter(hosts))
        if len(queue) > 1:
            self.now = turn.due
            turn.due += 1.0 / (turn.weight * len(hosts))
            heapreplace(queue, turn)
        hosts.move_to_end(host)
        return host

    def _pick_other(self, tried: Collection[int]) -> HostLoad | None:
        for turn in sorted(self.queue):
            for host in turn.hosts:
                if host.number not in tried:
                    turn.hosts.move_to_end(host)
                    return host
        return None


class LeastConns(Policy):
    """Fewest connections for its weight: the lowest (score + 1) / weight; ties at random.

    A few hosts are looked at one after the other: that costs less than any order of them.
    Of many, those with the same value share a bucket. There are few values while loads
    are even, however many hosts; those seen wait in a heap, emptied ones too,
    until they come up or there are too many of them. A host whose value rises
    stays where it is until it is drawn: most have fallen again before that.
    So no host's value is below its bucket's.
    """

    FEW = 16
    watches_falls = True  # of many
    herds = True

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.hosts: dict[HostLoad, None] = {}  # the candidates
        self.buckets: dict[float, list[HostLoad]] = {}
        self.values: list[float] = []  # a heap of the keys of `buckets`

    def prepare(self, hosts: Sequence[HostLoad]) -> None:
        self.watches_falls = len(hosts) > self.FEW
        self.buckets, self.values = {}, []
        if self.watches_falls:
            for host in self.hosts:
                self._enter(host, (host.score + 1) * host.stride)

    def add(self, host: HostLoad) -> None:
        self.hosts[host] = None
        if self.watches_falls:
            self._enter(host, (host.score + 1) * host.stride)

    def remove(self, host: HostLoad) -> None:
        del self.hosts[host]
        if self.watches_falls:
            self._leave(host)

    def moved(self, host: HostLoad) -> None:
        if self.watches_falls:
            value = (host.score + 1) * host.stride
            if value < host.key:
                self._leave(host)
                self._enter(host, value)

    def _enter(self, host: HostLoad, value: float) -> None:
        bucket = self.buckets.get(value)
        if bucket is None:
            if len(self.values) > 2 * len(self.hosts) + 32:
                self._compact()
            bucket = self.buckets[value] = []
            heappush(self.values, value)
        host.key = value
        host.place = len(bucket)
        bucket.append(host)

    def _leave(self, host: HostLoad) -> None:
        bucket = self.buckets[host.key]
        last = bucket.pop()
        if last is not host:
            bucket[host.place] = last
            last.place = host.place

    def _compact(self) -> None:
        for value in [value for value, bucket in self.buckets.items() if not bucket]:
            del self.buckets[value]
        self.values[:] = self.buckets
        heapify(self.values)

    def pick(self, client: str, tried: Collection[int] = NOBODY) -> HostLoad | None:
        if self.watches_falls:
            return self._other_of_many(tried) if tried else self._lowest_of_many()
        hosts = [host for host in self.hosts if host.number not in tried] if tried else self.hosts
        chosen, lowest, ties = None, inf, 1
        for host in hosts:
            value = (host.score + 1) * host.stride
            if value < lowest:
                chosen, lowest, ties = host, value, 1
            elif value == lowest:
                ties += 1
                if self.random.random() * ties < 1.0:
                    chosen = host
        return chosen

    def _lowest_of_many(self) -> HostLoad | None:
        values = self.values
        buckets = self.buckets
        while values:
            lowest = values[0]
            bucket = buckets[lowest]
            if bucket:
                size = len(bucket)
                host = bucket[int(self.random.random() * size)] if size > 1 else bucket[0]
                value = (host.score + 1) * host.stride
                if value <= lowest:
                    return host
                self._leave(host)
                self._enter(host, value)
            else:
                del buckets[heappop(values)]
        return None

    def _other_of_many(self, tried: Collection[int]) -> HostLoad | None:
        aside = []
        while (host := self._lowest_of_many()) is not None and host.number in tried:
            aside.append(host)
            self._leave(host)
        for one in aside:
            self._enter(one, one.key)
        return host


class LeastConnsRR(Policy):
    """As LeastConns; of a tie the host whose count has not changed for longest, here or elsewhere."""

    watches_rises = watches_falls = True
    herds = True

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.buckets: dict[float, OrderedDict[HostLoad, None]] = {}
        self.values: list[float] = []
        self.size = 0

    def add(self, host: HostLoad) -> None:
        self.size += 1
        self._enter(host, (host.score + 1) * host.stride)

    def remove(self, host: HostLoad) -> None:
        self.size -= 1
        del self.buckets[host.key][host]

    def moved(self, host: HostLoad) -> None:
        del self.buckets[host.key][host]
        self._enter(host, (host.score + 1) * host.stride)

    def _enter(self, host: HostLoad, value: float) -> None:
        host.key = value
        try:
            self.buckets[value][host] = None
        except KeyError:
            if len(self.values) > 2 * self.size + 32:
                self._compact()
            self.buckets[value] = OrderedDict.fromkeys((host,))
            heappush(self.values, value)

    def _compact(self) -> None:
        self.buckets = {value: bucket for value, bucket in self.buckets.items() if bucket}
        self.values = list(self.buckets)
        heapify(self.values)

    def pick(self, client: str, tried: Collection[int] = NOBODY) -> HostLoad | None:
        if tried:
            return self._pick_other(tried)
        values = self.values
        buckets = self.buckets
        while values:
            bucket = buckets[values[0]]
            if bucket:
                return next(iter(bucket))
            del buckets[heappop(values)]
        return None

    def _pick_other(self, tried: Collection[int]) -> HostLoad | None:
        for value in sorted(self.values):
            for host in self.buckets[value]:
                if host.number not in tried:
                    return host
        return None


class First(Policy):
    """The first in the order of the config; the next only when it is full or down."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.hosts: Sequence[HostLoad] = ()
        self.places: list[int] = []  # a heap of candidates' places; may hold some that have gone
        self.queued: set[int] = set()  # what is in the heap

    def prepare(self, hosts: Sequence[HostLoad]) -> None:
        self.hosts = hosts
        self.places = []
        self.queued = set()
        for place, host in enumerate(hosts):
            host.place = place
            if host.home is self:
                self.add(host)

    def add(self, host: HostLoad) -> None:
        if host.place not in self.queued:
            self.queued.add(host.place)
            heappush(self.places, host.place)

    def remove(self, host: HostLoad) -> None:
        """Nothing to do: its `home` is not ours any more, and the heap is cleared as it is used."""

    def pick(self, client: str, tried: Collection[int] = NOBODY) -> HostLoad | None:
        places = self.places
        while places:
            host = self.hosts[places[0]]
            if host.home is not self:
                self.queued.discard(heappop(places))
            elif host.number in tried:
                return self._pick_other(tried)
            else:
                return host
        return None

    def _pick_other(self, tried: Collection[int]) -> HostLoad | None:
        for place in sorted(self.places):
            host = self.hosts[place]
            if host.home is self and host.number not in tried:
                return host
        return None


class Hash(Policy):
    """The owner of the client's place on a hash ring of all hosts, or of its next one.

    The ring knows names and weights only, so that every worker, generation and
    machine has the same one. A host that is down or full keeps its points: its
    clients spread over the others and return to it, all other clients stay.
    """

    LOOKS = 32  # at the ring before asking every candidate; few are left then

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.hosts: Sequence[HostLoad] = ()
        self.owners: Sequence[int] = ()
        self.candidates: dict[HostLoad, None] = {}

    def prepare(self, hosts: Sequence[HostLoad]) -> None:
        self.hosts = hosts
        self.owners = ring([(host.name, host.weight) for host in hosts])

    def add(self, host: HostLoad) -> None:
        self.candidates[host] = None

    def remove(self, host: HostLoad) -> None:
        del self.candidates[host]

    def pick(self, client: str, tried: Collection[int] = NOBODY) -> HostLoad | None:
        if not self.candidates:
            return None
        host = self.hosts[self.owners[cell(client)]]
        if host.home is self and host.number not in tried:
            return host
        return self._look_on(client, tried)

    def _look_on(self, client: str, tried: Collection[int]) -> HostLoad | None:
        for look in range(1, self.LOOKS):
            host = self.hosts[self.owners[cell(client, look)]]
            if host.home is self and host.number not in tried:
                return host
        rest = [host for host in self.candidates if host.number not in tried]
        return max(rest, key=lambda host: rendezvous(client, host.name, host.weight), default=None)


POLICIES: Mapping[str, type[Policy]] = {
    "random": RandomPolicy,
    "roundrobin": RoundRobin,
    "leastconns": LeastConns,
    "leastconnsrr": LeastConnsRR,
    "p2c": PowerOfTwo,
    "first": First,
    "hash": Hash,
}


def names() -> Iterable[str]:
    """The names of all built-in schedulers, the ancestors' four first."""
    return POLICIES.keys()
