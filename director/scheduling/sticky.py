"""Clients that return to the host they had: who is stuck where, and until when.

Every worker keeps the whole table and decides by itself; what changed goes to
the hub, and by it to all others. An entry is an absolute fact with the time it
was made: of two about one client the later counts (then the higher host
number), so loss, repetition and reordering end with the same table everywhere.

A client's every connection renews its entry, but only one in a sixteenth of
the timeout is told to others: so a client is remembered for the timeout after
its last connection and at most a sixteenth longer. A cleared entry stays as
one that names nobody, or an older fact on its way would bring it back; it takes
no place that a client could have.

Pure: `now` and `at` are monotonic seconds, the same clock for all processes of
the machine. Counterpart of scoreboard (who is busy).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from director.config.model import STICKY, Config
from director.config.turnover import groups_of, turnover
from director.scheduling.scheduler import GroupScheduler
from director.scheduling.scoreboard import HostLoad

EVERYBODY = ""  # the client of a row that clears the whole table
NOBODY = 0  # the host of a cleared entry
BATCH = 2000  # rows in a message
_UNTOLD = 1 / 16  # of the timeout, that a renewal may go untold

Row = Sequence[Any]  # client, host number, at
Rows = dict[int, list[Row]]  # by group number


class Stick:
    """One client's host. `told`: the time of it that others know."""

    __slots__ = ("at", "host", "told")

    def __init__(self, host: int, at: float) -> None:
        self.host = host
        self.at = at
        self.told = at


class StickyTable:
    """The clients of one group; `size` at the most, those not seen for longest go.

    relays: what was heard is for others, too (the hub).
    """

    def __init__(self, timeout: float, size: int, relays: bool = False) -> None:
        self.timeout = timeout
        self.size = size
        self.cleared = 0.0  # facts made until then are void
        self._relays = relays
        self._sticks: OrderedDict[str, Stick] = OrderedDict()  # least recently used first
        self._cleared: OrderedDict[str, Stick] = OrderedDict()  # those who name nobody
        self._unsent: dict[str, Stick] = {}

    def __len__(self) -> int:
        return len(self._sticks)

    def find(self, client: str, now: float) -> int | None:
        """The number of the client's host; None if it has none, or none any more."""
        stick = self._sticks.get(client)
        if stick is None or now - stick.at > self.timeout * (1 + _UNTOLD):
            return None
        return stick.host

    def stick(self, client: str, host: int, now: float) -> None:
        """The client has this host from now on, or still."""
        stick = self._sticks.get(client)
        if stick is None:
            self._unsent[client] = self._enter(client, host, now)
            return
        self._sticks.move_to_end(client)
        stick.at = now
        if stick.host != host or now - stick.told > self.timeout * _UNTOLD:
            stick.host = host
            stick.told = now
            self._unsent[client] = stick

    def hear(self, client: str, host: int, at: float) -> None:
        """Another's fact."""
        if at <= self.cleared:
            return
        if client == EVERYBODY:
            self.clear(None, at)
            return
        stick = self._sticks.get(client) or self._cleared.get(client)
        if stick is None or (stick.at, stick.host) < (at, host):
            stick = self._enter(client, host, at)
        else:
            if stick.host != host:  # ours is newer: they want to know
                stick.told = stick.at
                self._unsent[client] = stick
            return
        if self._relays:
            self._unsent[client] = stick

    def clear(self, client: str | None, at: float) -> int:
        """Forget this client, or all; returns how many were known."""
        if client is not None:
            known = self.find(client, at) is not None
            self._unsent[client] = self._enter(client, NOBODY, at)
            return int(known)
        count = len(self._sticks)
        self.cleared = max(self.cleared, at)
        self._sticks.clear()
        self._cleared.clear()
        self._unsent.clear()
        if self._relays:
            self._unsent[EVERYBODY] = Stick(NOBODY, self.cleared)
        return count

    def sweep(self, now: float) -> None:
        """Let go of those whose time is over."""
        limit = now - self.timeout * (1 + _UNTOLD)
        for table in (self._sticks, self._cleared):
            while table and next(iter(table.values())).at < limit:
                self._drop_first(table)

    def resize(self, timeout: float, size: int) -> None:
        """Other bounds from now on."""
        self.timeout, self.size = timeout, size
        self._shrink()

    def rows(self) -> Iterator[Row]:
        """All there is, for who knows nothing; least recently used first."""
        if self.cleared:
            yield (EVERYBODY, NOBODY, self.cleared)
        for client, stick in (*self._cleared.items(), *self._sticks.items()):
            yield (client, stick.host, stick.at)

    def resend(self) -> None:
        """Count everything as not told yet."""
        if self.cleared:
            self._unsent[EVERYBODY] = Stick(NOBODY, self.cleared)
        self._unsent.update(self._cleared)
        self._unsent.update(self._sticks)

    def take(self, most: int) -> list[Row]:
        """Some of what others must be told; it counts as told."""
        clients = [client for client, _ in zip(self._unsent, range(most), strict=False)]
        return [(client, stick.host, stick.at) for client in clients if (stick := self._unsent.pop(client))]

    def _enter(self, client: str, host: int, at: float) -> Stick:
        """The last word about a client; if an earlier one is still to be told, this is told instead."""
        stick = self._sticks.pop(client, None) or self._cleared.pop(client, None) or Stick(host, at)
        stick.host, stick.at, stick.told = host, at, at
        (self._cleared if host == NOBODY else self._sticks)[client] = stick
        self._shrink()
        return stick

    def _shrink(self) -> None:
        for table in (self._sticks, self._cleared):
            while len(table) > self.size:
                self._drop_first(table)

    def _drop_first(self, table: OrderedDict[str, Stick]) -> None:
        client, _ = table.popitem(last=False)
        self._unsent.pop(client, None)


class Stickies:
    """The tables of all groups whose scheduler is sticky, by group number."""

    def __init__(self, relays: bool = False) -> None:
        self.tables: dict[int, StickyTable] = {}
        self._config = Config()
        self._relays = relays

    def configure(self, config: Config) -> None:
        """Keep tables for the sticky groups of `config`, and for no others."""
        before, self._config = self._config, config
        gone, came = turnover(before.services, config.services)
        leaving = {group.number: self.tables.pop(group.number, None) for group in groups_of(gone)}
        for group in groups_of(came):
            if not group.scheduler.endswith(STICKY):
                continue
            table = leaving.get(group.number)
            if table is None:
                table = StickyTable(group.sticky_timeout, group.sticky_size, self._relays)
            table.resize(group.sticky_timeout, group.sticky_size)
            self.tables[group.number] = table

    def hear(self, rows: Mapping[int, Iterable[Row]]) -> None:
        """Facts from another process."""
        for group, facts in rows.items():
            table = self.tables.get(group)
            if table is not None:
                for client, host, at in facts:
                    table.hear(client, host, at)

    def take(self, most: int = BATCH) -> Rows:
        """Some of what others must be told; it counts as told. Empty if there is nothing."""
        taken: Rows = {}
        for number, table in self.tables.items():
            if most > 0 and (rows := table.take(most)):
                taken[number] = rows
                most -= len(rows)
        return taken

    def resend(self) -> None:
        """Count everything as not told yet: there is somebody new who must know."""
        for table in self.tables.values():
            table.resend()

    def sweep(self, now: float) -> None:
        """Let go of entries whose time is over."""
        for table in self.tables.values():
            table.sweep(now)

    def batches(self) -> Iterator[Rows]:
        """All there is, in pieces of a bearable size."""
        for number, table in self.tables.items():
            rows = list(table.rows())
            for start in range(0, len(rows), BATCH):
                yield {number: rows[start : start + BATCH]}


class StickyScheduler(GroupScheduler):
    """Sends a client to the host it has, and asks the scheduler only for one that has none it may get.

    A client moves, and sticks to the new host, when its own is not usable, has
    no weight, failed for it, or is a backup that is needed no longer. A host
    that is only full keeps its clients: what it can't take goes elsewhere once.
    """

    STICKY = "sticky"

    def __init__(
        self,
        scheduler: str,
        hosts: Sequence[HostLoad],
        random: Random,
        table: StickyTable,
        now: Callable[[], float],
        **more: Any,
    ) -> None:
        self.table = table
        self._now = now
        self._by_number: dict[int, HostLoad] = {}
        super().__init__(scheduler, hosts, random, **more)

    def choose(self, client: str, tried: Collection[int] = ()) -> HostLoad | None:
        now = self._now()
        number = self.table.find(client, now)
        keep = False
        if number is not None and number not in tried and (host := self._by_number.get(number)) is not None:
            if host.home is self._active:
                self.table.stick(client, number, now)
                self.reason = self.STICKY
                return host
            keep = self.is_full(host)
        chosen = super().choose(client, tried)
        self.reason = self.name
        if chosen is not None and not keep:
            self.table.stick(client, chosen.number, now)
        return chosen

    def is_full(self, host: HostLoad) -> bool:
        """Whether only its limit keeps it from being chosen."""
        return host.usable and host.full and self._tier(host) is self._active

    def _replace(self, hosts: Sequence[HostLoad]) -> None:
        super()._replace(hosts)
        self._by_number = {host.number: host for host in hosts}
