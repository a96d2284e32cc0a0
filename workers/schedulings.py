"""Making the scheduler of a group in this worker: ours or a user's own, sticky or not.

A user's own gets a limit of time. When it fails, the group goes on by the
scheduler it had before, at once; the hub hears of it and tells all workers, also
if this worker dies of it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from random import Random

from director import plugins
from director.config.model import DEFAULT_SCHEDULER, OWN_SCHEDULER, STICKY, Group
from director.messages import SchedulerFailed
from director.scheduling.own import OwnPolicy, Surroundings
from director.scheduling.policies import Policy, SchedulerFault
from director.scheduling.scheduler import GroupScheduler, built_in
from director.scheduling.scoreboard import HostLoad, Scoreboard
from director.scheduling.sticky import StickyScheduler, StickyTable
from director.witness import Witness
from workers.budget import Budget


class Schedulings:
    """Makes schedulers, and remembers whose failing the hub has not heard of yet.

    `incarnation`: by which the hub knows this worker; None: nobody asks what it died of.
    """

    def __init__(self, board: Scoreboard, random: Random, incarnation: int | None = None) -> None:
        self.failing: set[int] = set()  # group numbers
        self._board = board
        self._random = random
        self._incarnation = incarnation
        self._budget: Budget | None = None
        self._witness: Witness | None = None
        self._reports: dict[int, SchedulerFailed] = {}

    def make(
        self, group: Group, hosts: Sequence[HostLoad], table: StickyTable | None, before: GroupScheduler | None
    ) -> GroupScheduler:
        """The scheduler of a group, which had `before`; sticky if it has a table."""
        number = group.number
        policy = partial(self._policy, group)
        self.failing.discard(number)
        fallback = DEFAULT_SCHEDULER if before is None else before.name
        if before is not None and fallback == group.scheduler.removesuffix(STICKY):  # only stickiness is another
            fallback = before.fallback

        def report(scheduler: GroupScheduler, failed: str) -> None:
            self._report(number, scheduler.scheduler, failed, scheduler.fault)

        if table is None:
            return GroupScheduler(group.scheduler, hosts, self._random, make=policy, fallback=fallback, on_fault=report)
        return StickyScheduler(
            group.scheduler,
            hosts,
            self._random,
            table,
            time.monotonic,
            make=policy,
            fallback=fallback,
            on_fault=report,
        )

    def reports(self) -> list[SchedulerFailed]:
        """What the hub must hear, until it says so itself."""
        return [self._reports[number] for number in self.failing]

    def _report(self, number: int, scheduler: str, failed: str, reason: str) -> None:
        self._reports[number] = SchedulerFailed(number, scheduler, failed, reason)
        self.failing.add(number)

    def follow(self, number: int, scheduler: GroupScheduler, fallback: str, reason: str) -> None:
        """It failed somewhere: go on as all do, unless that has failed here, and the hub is yet to hear of it."""
        if number in self.failing and self._reports[number].failed == fallback:
            return
        self.failing.discard(number)
        if scheduler.name != fallback:
            try:
                scheduler.switch(fallback, reason)
            except SchedulerFault as fault:
                scheduler.switch(DEFAULT_SCHEDULER, reason)
                self._report(number, scheduler.scheduler, fallback, str(fault))

    def _policy(self, group: Group, name: str, random: Random) -> Policy:
        if not name.startswith(OWN_SCHEDULER):
            return built_in(name, random)
        if self._budget is None:
            self._budget = Budget()
            self._witness = None if self._incarnation is None else Witness(self._incarnation)
        run = self._budget.run
        if self._witness is not None:
            blamed = SchedulerFailed(group.number, group.scheduler, name, "a worker hung or crashed in it")
            run = self._witness.watch(run, blamed)
        around = Surroundings(time.monotonic, lambda: self._board.heard, run)
        return OwnPolicy(random, plugins.load(name), around)
