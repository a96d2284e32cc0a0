"""A set of hosts to draw from at random, each as often as its weight says.

Adding, removing and drawing take the same time for ten hosts and for ten
thousand: hosts whose weights lie within a factor of two share a shelf, a shelf
is found by its mass, and a host on it is drawn evenly and kept with the
probability weight / heaviest, so that more than one in two draws counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from math import frexp

from director.scheduling.scoreboard import HostLoad


class Shelf:
    """Hosts of similar weight. `heaviest` never falls while the shelf stands."""

    __slots__ = ("even", "heaviest", "hosts")

    def __init__(self) -> None:
        self.hosts: list[HostLoad] = []
        self.heaviest = 0.0
        self.even = True  # all weights are the same


class Bag:
    """Uses `key` and `place` of the hosts in it."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._shelves: dict[int, Shelf] = {}
        self._mass = 0.0  # of all shelves, as if every host had the weight of its shelf's heaviest
        self._only: list[HostLoad] | None = None  # the one even shelf, when there is no other

    def __len__(self) -> int:
        return sum(len(shelf.hosts) for shelf in self._shelves.values())

    def __iter__(self) -> Iterator[HostLoad]:
        for shelf in self._shelves.values():
            yield from shelf.hosts

    def add(self, host: HostLoad) -> None:
        exponent = frexp(host.weight)[1]
        shelf = self._shelves.get(exponent)
        if shelf is None:
            shelf = self._shelves[exponent] = Shelf()
            shelf.heaviest = host.weight
        elif host.weight != shelf.heaviest:
            shelf.even = False
            shelf.heaviest = max(shelf.heaviest, host.weight)
        host.key = exponent
        host.place = len(shelf.hosts)
        shelf.hosts.append(host)
        self._weigh()

    def remove(self, host: HostLoad) -> None:
        shelf = self._shelves[host.key]
        last = shelf.hosts.pop()
        if last is not host:
            shelf.hosts[host.place] = last
            last.place = host.place
        elif not shelf.hosts:
            del self._shelves[host.key]
        self._weigh()

    def draw(self) -> HostLoad | None:
        """A host, or None if the bag is empty."""
        hosts = self._only
        if hosts is not None:
            return hosts[int(self._random() * len(hosts))]
        if not self._shelves:
            return None
        random = self._random
        while True:
            shelf = self._shelf()
            host = shelf.hosts[int(random() * len(shelf.hosts))]
            if shelf.even or random() * shelf.heaviest < host.weight:
                return host

    def _shelf(self) -> Shelf:
        left = self._random() * self._mass
        for shelf in self._shelves.values():
            left -= len(shelf.hosts) * shelf.heaviest
            if left < 0.0:
                break
        return shelf

    def draw_other(self, tried: Collection[int]) -> HostLoad | None:
        """A host whose number is not in `tried`, or None if there is none."""
        for _ in range(8):
            host = self.draw()
            if host is None or host.number not in tried:
                return host
        rest = [host for host in self if host.number not in tried]
        left = self._random() * sum(host.weight for host in rest)
        for host in rest:
            left -= host.weight
            if left < 0.0:
                return host
        return rest[-1] if rest else None

    def _weigh(self) -> None:
        shelves = self._shelves
        self._mass = sum([len(shelf.hosts) * shelf.heaviest for shelf in shelves.values()])
        self._only = None
        if len(shelves) == 1:
            (shelf,) = shelves.values()
            if shelf.even:
                self._only = shelf.hosts
