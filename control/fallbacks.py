"""Groups whose own scheduler failed: what they go on by, and how often that has happened.

The first worker that falls back says so; then all do, so that a group is
scheduled in one way. It lasts until the group gets another scheduler, or the
same is chosen again. A generation that takes over has loaded the scheduler
anew, as it now is on disk, and tries it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from director import logs
from director.config.model import DEFAULT_SCHEDULER, STICKY, Config, Group
from director.config.turnover import groups_of, turnover
from director.events import Event
from director.messages import Edit, Running, SchedulerFailed


class Fallbacks:
    """By group number. What a group goes on by may be a user's own, and fail, too: then it goes on by the default."""

    def __init__(self) -> None:
        self.failed: dict[int, list[str]] = {}  # {group: [scheduler, fallback, reason]}
        self.counts: dict[int, int] = {}
        self.dirty = False
        self._schedulers: dict[int, str] = {}
        self._previous: dict[int, str] = {}  # not sticky, what came before and did not fail
        self._names: dict[int, str] = {}
        self._config = Config()

    def configure(self, running: Running) -> bool:
        """Work by this; a group that got another scheduler begins anew. True if that is news which all must hear."""
        failed = len(self.failed)
        before, self._config = self._config, running.config
        gone, came = turnover(before.services, running.config.services)
        for group in groups_of(gone):
            del self._names[group.number]
        for service in came:
            for group in service.groups:
                self._names[group.number] = f"{service.name}/{group.name}"
                self._schedule(group)
        for known in (self.failed, self.counts, self._schedulers, self._previous):
            for number in known.keys() - self._names.keys():
                del known[number]
        return len(self.failed) < failed

    def _schedule(self, group: Group) -> None:
        number, name = group.number, group.scheduler
        before = self._schedulers.get(number)
        if before == name:
            return
        self._schedulers[number] = name
        self.dirty = True
        if self.failed.pop(number, None) is None and before is not None:
            self._follows(number, before)

    def _follows(self, number: int, before: str) -> None:
        """The group was scheduled by that until now; to be sticky or not is no difference."""
        if (base := before.removesuffix(STICKY)) != self._schedulers[number].removesuffix(STICKY):
            self._previous[number] = base

    def chosen_again(self, edits: Iterable[Edit]) -> bool:
        """Schedulers that had failed are to be tried again; True if that is news which all must hear."""
        groups = {"/".join(edit.place[1::2]) for edit in edits if edit.field == "scheduler" and edit.old == edit.new}
        again = [number for number in self.failed if self._names[number] in groups]
        for number in again:
            del self.failed[number]
            self.dirty = True
        return bool(again)

    def has_failed(self, service: str, group: str) -> bool:
        """Whether the group goes on by another scheduler than its own."""
        return any(self._names[number] == f"{service}/{group}" for number in self.failed)

    def hear(self, message: SchedulerFailed) -> bool:
        """A worker fell back; True if that is news which all must hear."""
        number = message.group
        if self._schedulers.get(number) != message.scheduler:
            return False  # the operator has chosen another one meanwhile
        if number not in self.failed:
            fallback = self._previous.get(number, DEFAULT_SCHEDULER)
            self._fall_back(message, message.scheduler, fallback)
        if message.failed == self.failed[number][1] != DEFAULT_SCHEDULER:
            self._fall_back(message, message.failed, DEFAULT_SCHEDULER)
        return True

    def _fall_back(self, message: SchedulerFailed, failed: str, fallback: str) -> None:
        number = message.group
        self.failed[number] = [message.scheduler, fallback, message.reason]
        self.counts[number] = self.counts.get(number, 0) + 1
        self.dirty = True
        logs.warning(
            Event.SCHEDULER_FAILED,
            group=self._names[number],
            scheduler=failed,
            fallback=self.in_use(number, message.scheduler),
            reason=message.reason,
        )

    def in_use(self, group: int, scheduler: str) -> str:
        """What a group is scheduled by, where its config says `scheduler`."""
        failed = self.failed.get(group)
        if failed is None:
            return scheduler
        return failed[1] + (STICKY if scheduler.endswith(STICKY) else "")

    def dump(self) -> list[Any]:
        """All of it, for the memory file."""
        self.dirty = False
        return [self.failed, self.counts, self._schedulers, self._previous]

    def restore(self, value: list[Any]) -> None:
        """What an earlier hub dumped."""
        self.failed, self.counts, self._schedulers, self._previous = value

    def adopt(self, value: list[Any], is_older: bool) -> None:
        """What the hub of another generation dumped: the failures it counted, and what groups had before.

        One that `is_older` knew nothing of failures that we have counted so far.
        """
        _, counts, schedulers, previous = value
        for number in self._schedulers.keys() & schedulers.keys():
            ours, theirs = self.counts.get(number, 0), counts.get(number, 0)
            if total := ours + theirs if is_older else max(ours, theirs):
                self.counts[number] = total
            if number not in self._previous:
                if number in previous:
                    self._previous[number] = previous[number]
                self._follows(number, schedulers[number])
            if number in self.failed:
                self.failed[number][1] = self._previous.get(number, DEFAULT_SCHEDULER)
        self.dirty = True
