"""One group's scheduler: who of its hosts gets the next connection.

Decides which hosts may be chosen at all and leaves the choice to a Policy:

    host = scheduler.choose(client, tried)   # None: nobody may take it
    board.acquire(host)                      # ... and board.release(host) at the end

A candidate is usable, has a weight and is not at its maxconn by what this
worker knows. Backups are candidates only while no other host could be one but
for its maxconn. The Scoreboard tells us of counts by `HostLoad.rose` and `fell`,
and only of hosts where the policy or a maxconn needs it. Whoever changes
`usable`, a weight or the list of hosts calls `refresh()`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from random import Random

from director.config.model import DEFAULT_SCHEDULER, STICKY
from director.scheduling.policies import POLICIES, Policy, SchedulerFault
from director.scheduling.scoreboard import HostLoad

Make = Callable[[str, Random], Policy]  # a policy by its name; raises SchedulerFault


def built_in(name: str, random: Random) -> Policy:
    """One of our own policies."""
    return POLICIES[name](random)


class GroupScheduler:
    """Chooses among `hosts`, which belong to no other scheduler from now on.

    scheduler: a name that `make` knows, with or without `,sticky`, which is not ours.
    fallback: who takes over when that one fails; `on_fault` is told of it, and who failed.
    """

    def __init__(
        self,
        scheduler: str,
        hosts: Sequence[HostLoad],
        random: Random,
        *,
        make: Make = built_in,
        fallback: str = DEFAULT_SCHEDULER,
        on_fault: Callable[[GroupScheduler, str], object] = lambda group, failed: None,
    ) -> None:
        self.scheduler = scheduler
        self.name = scheduler.removesuffix(STICKY)  # of the one in use: another one after a fault
        self.reason = self.name  # why the last one chosen was: what sessions remember
        self.random = random
        self.fault = ""  # why `scheduler` is not in use
        self.fallback = fallback
        self._on_fault = on_fault
        self._make = make
        self._usable: set[int] = set()  # ordinary hosts that could be candidates but for their maxconn
        self.hosts: Sequence[HostLoad] = ()
        for host in hosts:
            host.home = None
        try:
            self._install(self.name)
        except SchedulerFault as fault:
            self._fall_back(self.name, fault)
        self.refresh(hosts)

    def choose(self, client: str, tried: Collection[int] = ()) -> HostLoad | None:
        """The host for the next connection of `client`, none of the numbers in `tried`; None if nobody may take it.

        When every ordinary host that is usable has been tried, a backup is
        better than none.
        """
        try:
            if tried and self._usable.issubset(tried):
                return self._backups.pick(client, tried)
            policy = self._active
            if policy.unseen >= 1.0 and not tried:
                return self._choose_apart(policy, client)
            return policy.pick(client, tried)
        except SchedulerFault as fault:
            self._fall_back(self.name, fault)
            return self.choose(client, tried)

    def _choose_apart(self, policy: Policy, client: str) -> HostLoad | None:
        """As `choose`, after those picks that other workers may just have made as well."""
        passed = []
        for _ in range(int(self.random.random() * policy.unseen)):
            host = policy.pick(client)
            if host is None:
                return None
            passed.append(host)
            host.score += 1
            if host.rose is not None:
                host.rose(host)
        chosen = policy.pick(client)
        for host in passed:
            host.score -= 1
            if host.fell is not None:
                host.fell(host)
        return chosen

    @property
    def active(self) -> Policy:
        """Which of both tiers chooses now: that of the ordinary hosts, or of the backups."""
        return self._active

    def switch(self, name: str, fault: str) -> None:
        """Go on by another scheduler, because of this fault of `scheduler`. Counts stay."""
        for host in self.hosts:
            if host.home is not None:
                self._take_out(host)
        self.fault = fault
        self._install(name)
        self.refresh()

    def try_again(self) -> None:
        """Go back to `scheduler`, which failed."""
        self.fallback = self.name
        own = self.scheduler.removesuffix(STICKY)
        try:
            self.switch(own, "")
        except SchedulerFault as fault:
            self._fall_back(own, fault)

    def _install(self, name: str) -> None:
        ordinary, backups = self._make(name, self.random), self._make(name, self.random)
        self.name = self.reason = name
        self._ordinary = self._active = ordinary
        self._backups = backups
        self._prepared: dict[Policy, list[tuple[int, float]]] = {}

    def _fall_back(self, failed: str, fault: SchedulerFault) -> None:
        name, self.fallback = self.fallback, DEFAULT_SCHEDULER  # the last resort does not fail
        try:
            self.switch(name, str(fault))
        except SchedulerFault as another:
            self._on_fault(self, failed)
            self._fall_back(name, another)
            return
        self._on_fault(self, failed)

    def crowded(self, tried: Collection[int] = ()) -> bool:
        """Whether hosts, none of the numbers in `tried`, would take clients if they were not full."""
        return any(host.usable and host.weight > 0.0 and host.number not in tried for host in self.hosts)

    def refresh(self, hosts: Sequence[HostLoad] | None = None) -> None:
        """Look at all hosts again; `hosts` is the new list, if it changed."""
        if hosts is not None:
            self._replace(hosts)
        tiers: dict[Policy, list[HostLoad]] = {self._ordinary: [], self._backups: []}
        for host in self.hosts:
            tier = self._tier(host)
            if tier is not None:
                tiers[tier].append(host)
            if host.home is not None and (host.home is not tier or host.stride != 1.0 / host.weight):
                self._take_out(host)
        self._usable = {host.number for host in tiers[self._ordinary] if host.usable}
        self._active = self._ordinary if self._usable else self._backups
        for tier, members in tiers.items():
            prepared = [(host.number, host.weight) for host in members]
            if self._prepared.get(tier) != prepared:
                self._prepared[tier] = prepared
                tier.prepare(members)
        # Each worker begins somewhere else, or all would send their first clients to the first host.
        start = self.random.randrange(len(self.hosts)) if self.hosts else 0
        for host in (*self.hosts[start:], *self.hosts[:start]):
            self._consider(host)

    def _replace(self, hosts: Sequence[HostLoad]) -> None:
        for host in set(self.hosts).difference(hosts):
            if host.home is not None:
                self._take_out(host)
            host.rose = host.fell = None
        self.hosts = tuple(hosts)

    def _tier(self, host: HostLoad) -> Policy | None:
        if host.weight <= 0.0:
            return None
        return self._backups if host.backup else self._ordinary

    def _consider(self, host: HostLoad) -> None:
        """Put `host` where it belongs, and have the Scoreboard tell us what we must know."""
        tier = self._tier(host)
        limited = host.limit is not None
        host.rose = host.fell = None
        if tier is None or not host.usable:
            if host.home is not None:
                self._take_out(host)
            return
        if limited:
            host.rose = host.fell = self._limited_moved
        else:
            host.rose = tier.moved if tier.watches_rises else None
            host.fell = tier.moved if tier.watches_falls else None
        if host.home is None:
            host.stride = 1.0 / host.weight
        self._settle(host, tier)

    def _settle(self, host: HostLoad, tier: Policy) -> None:
        if host.full:
            if host.home is not None:
                self._take_out(host)
        elif host.home is None:
            host.home = tier
            tier.add(host)
        else:
            tier.moved(host)

    def _limited_moved(self, host: HostLoad) -> None:
        self._settle(host, self._backups if host.backup else self._ordinary)

    def _take_out(self, host: HostLoad) -> None:
        policy = host.home
        assert policy is not None
        host.home = None
        policy.remove(host)
