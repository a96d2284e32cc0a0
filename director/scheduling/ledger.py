"""The hub's side of limits that are exact: what is booked for whom.

What is said between ledger and peers, and why the sum of what is booked never
exceeds a limit, stands in `permits`. A peer is a worker, or a whole generation
(see `branch`). Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from director.scheduling.permits import Grant, Row, is_queue


@dataclass(slots=True)
class Entry:
    """One peer's part of one limit in the ledger. `booked`: the most it may believe it may use."""

    booked: int = 0
    allotted: int = 0
    version: int = 0
    used: int = 0
    wanted: int = 0
    leaving: bool = False  # dead, but its connections may still be at the hosts
    absent: bool = False  # knows nothing of the limit, or does not answer: it gets nothing, others tell what is `used`
    silent: bool = True  # has not said yet, knowing of the limit, what it uses
    guessed: bool = False  # what it uses is not known: `used` is all that is booked

    @property
    def fixed(self) -> bool:
        """Whether it has what it has, and no share in the rest."""
        return self.leaving or self.absent

    @property
    def demand(self) -> int:
        return self.used + self.wanted


class Ledger:
    """The hub's side. Peers are named by any number; a peer that left must not come back under the same.

    `ends`: whether a peer begins nothing new. It gets what it needs and nothing to spare, so that nothing but its
    connections is kept from others when it leaves, in the time that its hosts need to notice.
    """

    def __init__(self, ends: Callable[[int], bool] = lambda peer: False) -> None:
        self._ends = ends
        self.limits: dict[int, int] = {}
        self.peers: dict[int, int] = {}  # {peer: number of the last row heard of it}
        self.entries: dict[int, dict[int, Entry]] = {}  # {limit: {peer: entry}}
        self._version = 0
        self._untold: defaultdict[int, set[int]] = defaultdict(set)  # {peer: limits}
        self._asked: defaultdict[int, set[int]] = defaultdict(set)  # {peer: queues in which it wants places}

    # -- who there is ----------------------------------------------------------

    def configure(self, limits: Mapping[int, int]) -> None:
        """These are the limits from now on."""
        self.change((self.entries.keys() | self.limits.keys()) - limits.keys(), limits)

    def change(self, gone: Iterable[int], came: Mapping[int, int]) -> None:
        """Of the limits there were, those `gone` are no more, unless they `came` again."""
        for number in gone:
            if number not in came:
                self.entries.pop(number, None)
                self.limits.pop(number, None)
        self.limits.update(came)
        for number in came:
            for peer in self.peers:
                self._entry(number, peer)
            self.balance(number)

    def relimit(self, limits: Mapping[int, int]) -> None:
        """Of the limits there are, these are other ones now."""
        for number, limit in limits.items():
            self.limits[number] = limit
            self.balance(number)

    def adopt(self, peer: int, rows: Mapping[int, Row]) -> None:
        """A peer joins that has permits already: they are booked. Nobody gets one until the limits are balanced."""
        self.peers[peer] = -1
        for number, (_, used, wanted) in rows.items():
            if number in self.limits:
                entry = self._entry(number, peer)
                entry.booked, entry.used, entry.wanted, entry.silent, entry.guessed = used, used, wanted, False, True
        self.join(peer)

    def join(self, peer: int) -> None:
        """A peer is there, or asks for all it should know."""
        if peer not in self.peers:
            self.peers[peer] = -1
            for number in self.limits:
                self._entry(number, peer)
                self.balance(number)
        self._untold[peer] = set(self.limits)

    def leave(self, peer: int) -> None:
        """It is dead. What is booked for it stays so until `forget`: hosts need a moment to notice."""
        for entries in self.entries.values():
            if peer in entries:
                entries[peer].leaving = True
                entries[peer].wanted = 0

    def vacate(self, peer: int) -> None:
        """It is dead: who waited there is gone, and the places in queues are free. Its last rows may come yet."""
        for number, entries in self.entries.items():
            if is_queue(number) and peer in entries:
                entries[peer] = Entry(leaving=True, silent=False)
                self.balance(number)

    def forget(self, peer: int) -> None:
        """Nothing of it is left."""
        self._drop(peer)
        for number, entries in self.entries.items():
            if entries.pop(peer, None) is not None:
                self.balance(number)

    def release(self, peers: Collection[int]) -> None:
        """Another ledger has these from now on, and what is booked for them: nobody here gets it."""
        for peer in peers:
            self._drop(peer)
            for entries in self.entries.values():
                entries.pop(peer, None)

    def _drop(self, peer: int) -> None:
        self.peers.pop(peer, None)
        self._untold.pop(peer, None)
        self._asked.pop(peer, None)

    # -- what they say ----------------------------------------------------------

    def heard(self, peer: int, sequence: int, rows: Mapping[int, Row]) -> None:
        """A peer's rows; one that an other has overtaken says nothing new."""
        if peer not in self.peers or sequence <= self.peers[peer]:
            return
        self.peers[peer] = sequence
        for number, (version, used, wanted) in rows.items():
            if number not in self.limits:
                continue
            entry = self._entry(number, peer)
            if entry.leaving:
                continue
            before = (entry.booked, entry.used, entry.wanted, entry.silent)
            entry.used, entry.wanted, entry.guessed = used, wanted, False
            if wanted and is_queue(number):
                self._asked[peer].add(number)
            if version == entry.version:
                entry.booked = max(entry.allotted, used)
                entry.silent = entry.absent = False
            else:
                self._untold[peer].add(number)  # ours was lost, or is on its way
                entry.booked = max(entry.booked, used)  # it has them, whatever we thought
            if (entry.booked, used, wanted, entry.silent) != before:
                self.balance(number)

    def suppose(self, peer: int, used: Mapping[int, int]) -> None:
        """A peer knows nothing of these limits, or does not answer; so much of each counts as used by it."""
        for number, count in used.items():
            entry = self._entry(number, peer)
            if entry.leaving or (entry.absent and entry.used == count):
                continue
            if entry.allotted:
                self._allot(number, peer, entry, 0)
            entry.absent, entry.silent, entry.wanted = True, False, 0
            entry.booked = entry.used = count
            self.balance(number)

    def is_known(self, number: int) -> bool:
        """Whether everybody has said what he uses of a limit."""
        return not any(entry.silent for entry in self.entries.get(number, {}).values())

    def is_full(self, number: int, most: Mapping[int, int] | None = None) -> bool:
        """Whether all of a limit is in use, by what everybody has said: nobody has any that others could get.

        `most`: what some peers do not use more than, whatever they say.
        """
        entries = self.entries.get(number, {})
        if any(entry.silent or entry.guessed for entry in entries.values()):
            return False
        spare = sum(max(0, entries[peer].used - used) for peer, used in (most or {}).items() if peer in entries)
        return self.needed(number) - spare >= self.limits[number]

    def uses(self, peer: int) -> dict[int, int]:
        """What a peer uses of each limit, as far as is known."""
        return {number: entries[peer].used for number, entries in self.entries.items() if peer in entries}

    def silent(self, peer: int) -> list[int]:
        """The limits of which a peer has not said yet what it uses."""
        found = ((number, entries.get(peer)) for number, entries in self.entries.items())
        return [number for number, entry in found if entry is not None and entry.silent]

    def balance(self, number: int) -> None:
        """Share a limit out anew, once everybody has said what he uses of it: he may have had that before it came."""
        if not self.is_known(number):
            return
        entries = self.entries.get(number, {})
        reserved = sum(entry.booked for entry in entries.values() if entry.fixed)
        living = {peer: entry for peer, entry in entries.items() if not entry.fixed}
        if not living:
            return
        available = max(0, self.limits[number] - reserved)
        targets = self._targets(living, available)
        for peer, entry in living.items():
            if targets[peer] < entry.allotted:
                self._allot(number, peer, entry, targets[peer])
        free = available - sum(entry.booked for entry in living.values())
        if free < 0:
            return  # who ends a connection must not replace it: more are open than may be
        for peer, entry in living.items():
            most = max(entry.booked, entry.booked + min(free, targets[peer] - entry.booked))
            target = min(targets[peer], most)
            if target > entry.allotted:
                free -= max(0, target - entry.booked)
                entry.booked = max(entry.booked, target)
                self._allot(number, peer, entry, target)

    def _targets(self, living: Mapping[int, Entry], available: int) -> dict[int, int]:
        demands = {peer: entry.demand for peer, entry in living.items()}
        if sum(demands.values()) > available:
            return _fair(demands, available, {peer: entry.allotted for peer, entry in living.items()})
        beginning = {peer: entry for peer, entry in living.items() if not self._ends(peer)}
        shares = 2 * len(beginning) or 1
        spare = available // shares or min(available, 1)
        kept = demands | {peer: max(entry.allotted, demands[peer]) for peer, entry in beginning.items()}
        if sum(kept.values()) > available:
            rest = (available - sum(demands.values())) // shares
            return demands | {peer: demands[peer] + rest for peer in beginning}
        left = available - sum(kept.values())
        for peer, entry in beginning.items():
            if kept[peer] - entry.used < (spare + 1) // 2:
                more = min(left, entry.used + spare - kept[peer])
                kept[peer] += max(0, more)
                left -= max(0, more)
        return kept

    def _allot(self, number: int, peer: int, entry: Entry, allotted: int) -> None:
        entry.allotted = allotted
        self._version += 1
        entry.version = self._version
        self._untold[peer].add(number)

    def _entry(self, number: int, peer: int) -> Entry:
        entries = self.entries.setdefault(number, {})
        if peer not in entries:
            # Nobody has a place in a queue that was not booked for him: there is nothing to hear of before.
            entries[peer] = entry = Entry(silent=not is_queue(number))
            self._allot(number, peer, entry, 0)
        return entries[peer]

    # -- what to tell them ---------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """Whether somebody has to be told of an allotment."""
        return bool(self._untold)

    @property
    def is_asked(self) -> bool:
        """Whether somebody wants places in a queue, and has not been answered."""
        return bool(self._asked)

    def asked(self) -> dict[int, set[int]]:
        """{peer: queues} of those who wanted places since this was looked at last; they will ask again."""
        asked, self._asked = self._asked, defaultdict(set)
        return {peer: numbers & self.limits.keys() for peer, numbers in asked.items()}

    def news(self) -> dict[int, dict[int, Grant]]:
        """{peer: {limit: grant}} of what changed. Save the ledger before anybody hears of it."""
        untold, self._untold = self._untold, defaultdict(set)
        return {peer: self.grants(peer, numbers) for peer, numbers in untold.items() if peer in self.peers}

    def grants(self, peer: int, numbers: Iterable[int] | None = None) -> dict[int, Grant]:
        """What a peer should know of these limits, or of all."""
        found = {}
        for number in self.limits if numbers is None else numbers:
            entry = self.entries.get(number, {}).get(peer)
            if entry is not None:
                found[number] = (entry.allotted, entry.version)
        return found

    def used(self, number: int, besides: Collection[int] = ()) -> int:
        """Permits of a limit in use, by what the peers have said, `besides` left out."""
        entries = self.entries.get(number, {})
        heard = (entry.used for peer, entry in entries.items() if self.peers.get(peer, -1) >= 0 and peer not in besides)
        return sum(heard)

    def booked(self, number: int) -> int:
        """The most permits of a limit that all peers together may believe they may use."""
        return sum(entry.booked for entry in self.entries.get(number, {}).values())

    def needed(self, number: int) -> int:
        """How many permits of a limit are in use, or may still be at the hosts of who died."""
        entries = self.entries.get(number, {})
        return sum(entry.booked if entry.leaving else entry.used for entry in entries.values())

    def wanted(self, number: int) -> int:
        """How many more of a limit would be used."""
        return sum(entry.wanted for entry in self.entries.get(number, {}).values())

    # -- what must not be lost ---------------------------------------------------------

    def dump(self) -> list[Any]:
        """All of it, as plain values."""
        return [
            [number, peer, entry.booked, entry.allotted, entry.version, entry.leaving, entry.silent]
            for number, entries in self.entries.items()
            for peer, entry in entries.items()
        ]

    def restore(self, dumped: Iterable[Any]) -> None:
        """What an earlier hub dumped; until a peer is heard, all that is booked for it counts as used."""
        for number, peer, booked, allotted, version, leaving, silent in dumped:
            entry = self._entry(number, peer)
            entry.booked, entry.allotted, entry.version = booked, allotted, version
            entry.used, entry.leaving, entry.silent, entry.guessed = booked, leaving, silent, booked > 0
            self.peers.setdefault(peer, -1)
            self._version = max(self._version, version)


def _fair(demands: Mapping[int, int], available: int, before: Mapping[int, int]) -> dict[int, int]:
    """Shares of `available`, nobody more than he demands, and nobody less while another has more.

    What can't be shared evenly goes to those who had more before, so that it does not wander.
    """
    shares = dict.fromkeys(demands, 0)
    left = available
    open_ = sorted(demands, key=lambda peer: (demands[peer], -before[peer], peer))
    while open_ and left:
        share = left // len(open_)
        peer = open_[0]
        if demands[peer] <= share:
            shares[peer] = demands[peer]
            left -= demands[peer]
            open_.pop(0)
            continue
        odd = left - share * len(open_)
        for rank, one in enumerate(sorted(open_, key=lambda peer: (-before[peer], peer))):
            shares[one] = share + (rank < odd)
        break
    return shares
