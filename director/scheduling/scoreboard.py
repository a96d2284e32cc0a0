"""Who is busy: how many connections each host has, as one worker knows it.

A worker is the only writer of its own row (`own`) and reads the rows of the
others as they come by the bus, always a little late. Rows are absolute and
sent again whole from time to time, so that a lost one heals.

Late rows make least-connections herd: all workers correct the same imbalance
until they hear of each other. So a worker assumes that the others do as it
does, and counts every pick that they can't know of yet N-fold (N workers
serving): `HostLoad.score`. Measured over 4 hosts and 400 quick connections,
that takes the spread from 27 to 2. Its own releases count at once: in
simulation better than waiting until they are told, at every load.

Counterpart of health (who is up). Decides nothing; see scheduler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from director.config.model import Config, Group, Host, Service
from director.config.turnover import groups_of, turnover
from director.scheduling.herd import Herd
from director.scheduling.permits import DIRECTOR, Allotment, Grant, Permits, changed_limits

if TYPE_CHECKING:
    from director.scheduling.policies import Policy


CUT_HOLD = 1.0  # seconds that a connection which was cut counts for its limits


class HostLoad:
    """One host as one worker sees it: what it may take, and what it has.

    Every attribute in the first block is set from the config; `usable` by
    whoever knows (up, resolved, not admin-down). After a change of `usable`,
    `weight`, `backup` or `maxconn` the group's scheduler wants `refresh()`.
    The counts are the Scoreboard's; the last block is the scheduler's, and
    nobody else's.
    """

    __slots__ = (
        "backup",
        "fell",
        "group",
        "held",
        "home",
        "key",
        "limit",
        "maxconn",
        "name",
        "number",
        "others",
        "own",
        "picks",
        "place",
        "rose",
        "score",
        "sent",
        "service",
        "stride",
        "total",
        "unsent",
        "usable",
        "weight",
    )

    def __init__(
        self,
        number: int,
        name: str,
        *,
        group: int = 0,
        service: int = 0,
        weight: float = 1.0,
        backup: bool = False,
        maxconn: int | None = None,
        usable: bool = False,
    ) -> None:
        self.number = number
        self.name = name
        self.group = group  # numbers, as `number` is
        self.service = service
        self.weight = weight
        self.backup = backup
        self.maxconn = maxconn
        self.limit: Allotment | None = None  # our part of its maxconn; None without one
        self.usable = usable
        self.own = 0  # connections this worker has open to it
        self.held = 0  # connections that are over and still count for limits
        self.sent = 0  # `own` as the others were last told
        self.others = 0  # the sum of their rows
        self.picks = 0  # acquires since last told
        self.total = 0  # acquires ever
        self.unsent = False  # is among those to tell the others of
        self.score = 0  # what it has, as far as one can guess
        self.rose: Callable[[HostLoad], object] | None = None  # who wants to know that its score is higher
        self.fell: Callable[[HostLoad], object] | None = None  # ... or lower, or that it may take more or less
        self.home: Policy | None = None  # the policy that may choose it
        self.stride = 1.0  # 1 / weight
        self.key: Any = None
        self.place = 0

    @property
    def open(self) -> int:
        """Connections open to it in all workers, as far as known."""
        return self.own + self.others

    @property
    def full(self) -> bool:
        """Has all the connections that this worker may give it now."""
        return self.limit is not None and self.limit.used >= self.limit.allotted

    def __repr__(self) -> str:
        return f"<HostLoad {self.name} own={self.own} others={self.others} score={self.score}>"


class Scoreboard:
    """All hosts of the config by number, this worker's counts and what it heard of others'.

    `workers`: how many are serving, this one included; set by the caller, as `heard` is.
    """

    def __init__(self, config: Config | None = None) -> None:
        self.workers = 1
        self.heard = 0.0  # when others were last heard of; monotonic seconds, set by the caller
        self.hosts: dict[int, HostLoad] = {}
        self.zombies: dict[int, HostLoad] = {}  # no longer in the config, but with connections of ours
        self._config = Config()
        self._groups: dict[int, tuple[HostLoad, ...]] = {}
        self._rows: dict[int, dict[int, int]] = {}  # {slot: {host number: open}}, of the other workers
        self._unsent: list[HostLoad] = []
        self.herd = Herd()
        self.permits = Permits()
        self._limits = self.permits.limits
        self.on_room: Callable[[], object] = lambda: None  # a permit came free, or an allotment grew
        self.on_news: Callable[[], object] = lambda: None  # there is something to tell the others
        if config is not None:
            self.configure(config)

    # -- the hot path --------------------------------------------------------

    def acquire(self, host: HostLoad) -> None:
        """Count a connection to `host`. The caller owes exactly one release for it."""
        host.own += 1
        host.total += 1
        host.picks += 1
        host.score += self.workers
        if not host.unsent:
            host.unsent = True
            if not self._unsent:
                self.on_news()
            self._unsent.append(host)
        if self._limits:
            self.permits.take(DIRECTOR, host.service, host.group, host.number)
        rose = host.rose
        if rose is not None:
            rose(host)

    def release(self, host: HostLoad, held: bool = False) -> None:
        """The connection that `acquire` counted is over.

        `held`: the host has not noticed yet. Its permits are given to another only by `give_back`.
        """
        host.own -= 1
        host.score -= 1
        if not host.unsent:
            host.unsent = True
            if not self._unsent:
                self.on_news()
            self._unsent.append(host)
        if held:
            host.held += 1
        elif self._limits:
            self._give(host)
            return
        fell = host.fell
        if fell is not None:
            fell(host)

    def give_back(self, host: HostLoad) -> None:
        """The host has noticed that a connection which was `held` is over: its permits are free."""
        host.held -= 1
        self._forget_zombie(host)
        self._give(host)

    def _give(self, host: HostLoad) -> None:
        self.permits.give(DIRECTOR, host.service, host.group, host.number)
        if host.fell is not None:
            host.fell(host)
        self.on_room()

    def granted(self, grants: Mapping[int, Grant]) -> None:
        """What the hub allots to this worker."""
        changed = self.permits.granted(grants)
        for number in changed:
            host = self.hosts.get(number)
            if host is not None and host.fell is not None:
                host.fell(host)
        if changed:
            self.on_room()
        if self.permits.has_news:
            self.on_news()

    # -- the bus -------------------------------------------------------------

    def changed(self) -> dict[int, int]:
        """The entries of this worker's row that changed since last told; counts them as told."""
        # Most connections that came and went between two rows leave nothing to tell.
        row = {host.number: host.own for host in self._unsent if host.own != host.sent}
        self._tell()
        return row

    def whole(self) -> dict[int, int]:
        """This worker's whole row, zeros left out; counts it as told."""
        self._tell()
        row = {number: host.own for number, host in self.hosts.items() if host.own}
        row.update({number: host.own for number, host in self.zombies.items() if host.own})
        return row

    def set_others(self, slot: int, row: dict[int, int], whole: bool) -> None:
        """Another worker's row: entries that changed, or all there are if `whole`."""
        self.hear({slot: row}, whole)

    def hear(self, rows: dict[int, dict[int, int]], whole: bool) -> None:
        """Rows of others by slot."""
        hosts = self.hosts
        for slot, row in rows.items():
            known = self._rows.setdefault(slot, {})
            if whole:
                row = {**dict.fromkeys(known, 0), **row}
            for number, count in row.items():
                change = count - known.get(number, 0)
                if not change:
                    continue
                if count:
                    known[number] = count
                else:
                    del known[number]
                host = hosts.get(number)
                if host is not None:  # else ours to learn of by link, or already removed
                    host.others += change
                    host.score += change
                    wanted = host.rose if change > 0 else host.fell
                    if wanted is not None:
                        wanted(host)

    def slots(self) -> tuple[int, ...]:
        """The other workers whose rows are known."""
        return tuple(self._rows)

    def rows(self, own: int) -> dict[int, dict[int, int]]:
        """All rows by slot, as everybody knows them: the others' as heard, ours (slot `own`) as told."""
        hosts = (*self.hosts.values(), *self.zombies.values())
        return {**self._rows, own: {host.number: host.sent for host in hosts if host.sent}}

    def forget(self, slot: int) -> None:
        """That worker is gone, and its connections with it."""
        self.hear({slot: {}}, whole=True)
        del self._rows[slot]

    def _tell(self) -> None:
        for host in self._unsent:
            host.unsent = False
            host.sent = host.own
            if host.picks:
                self.herd.picked(host.home, host.picks)
                host.picks = 0
                host.score = host.own + host.others
                if host.fell is not None:
                    host.fell(host)
            self._forget_zombie(host)
        self._unsent = []

    def _forget_zombie(self, host: HostLoad) -> None:
        if not (host.own or host.sent or host.held):
            self.zombies.pop(host.number, None)

    # -- the config ----------------------------------------------------------

    def configure(self, config: Config) -> None:
        """Know the hosts of `config`. What remains keeps its counts and stays the same object.

        A host that is no longer there stays among the zombies while it has
        connections of ours. Schedulers want `refresh()` with their hosts after it.
        """
        before, self._config = self._config, config
        gone, came = turnover(before.services, config.services)
        leaving = {host.number: host for group in groups_of(gone) for host in self._groups.pop(group.number)}
        for number in leaving:
            del self.hosts[number]
        for service in came:
            for group in service.groups:
                members = tuple(self._configured(leaving, service, group, host) for host in group.hosts)
                self._groups[group.number] = members
                self.hosts.update({host.number: host for host in members})
        for number, host in leaving.items():
            if number not in self.hosts:
                host.rose = host.fell = None
                if host.own or host.sent or host.held:
                    self.zombies[number] = host
        self.permits.change(*changed_limits(before, config), self._used)
        for group in groups_of(came):
            self._limit(self._groups[group.number])
        self._limit(self.zombies.values())
        if self.permits.has_news:
            self.on_news()  # nobody gets anything of a new limit before the hub knows what we use of it

    def limit(self, numbers: Iterable[int]) -> None:
        """There are these limits from now on. Schedulers want `refresh()` after it."""
        self.permits.configure(numbers, self._used)
        self._limit((*self.hosts.values(), *self.zombies.values()))

    def _limit(self, hosts: Iterable[HostLoad]) -> None:
        for host in hosts:
            host.limit = self._limits.get(host.number)

    def _used(self, number: int) -> int:
        """Connections of ours that count for a limit."""
        hosts = [*self.hosts.values(), *self.zombies.values()]
        if number == DIRECTOR:
            return sum(host.own + host.held for host in hosts)
        return sum(host.own + host.held for host in hosts if number in (host.number, host.group, host.service))

    def group(self, number: int) -> tuple[HostLoad, ...]:
        """The hosts of a group, in the order of the config."""
        return self._groups[number]

    def _configured(self, before: dict[int, HostLoad], service: Service, group: Group, host: Host) -> HostLoad:
        load = before.get(host.number) or self.zombies.pop(host.number, None)
        if load is None:
            load = HostLoad(host.number, host.name)
            load.others = load.score = sum(row.get(host.number, 0) for row in self._rows.values())
        load.name = host.name
        load.group = group.number
        load.service = service.number
        load.weight = host.weight
        load.backup = host.backup
        load.maxconn = host.maxconn
        return load
