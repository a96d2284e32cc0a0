"""Groups whose own scheduler failed: what they go on by, and how often that has happened.

The first worker that falls back says so; then all do, so that a group is
scheduled in one way. It lasts until the group gets another scheduler.
"""

from __future__ import annotations

from typing import Any

from director import logs
from director.config.model import DEFAULT_SCHEDULER, STICKY, Config, Group
from director.config.turnover import groups_of, turnover
from director.events import Event
from director.messages import Running, SchedulerFailed


class Fallbacks:
    """By group number."""

    def __init__(self) -> None:
        self.failed: dict[int, list[str]] = {}  # {group: [scheduler, fallback, reason]}
        self.counts: dict[int, int] = {}
        self.dirty = False
        self._schedulers: dict[int, str] = {}
        self._previous: dict[int, str] = {}
        self._names: dict[int, str] = {}
        self._config = Config()

    def configure(self, running: Running) -> None:
        """Work by this; a group with another scheduler than the failed one begins anew."""
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

    def _schedule(self, group: Group) -> None:
        name = group.scheduler.removesuffix(STICKY)
        before = self._schedulers.get(group.number)
        if before != name:
            if before is not None:
                self._previous[group.number] = before
            self._schedulers[group.number] = name
            self.dirty = True
        if group.number in self.failed and self.failed[group.number][0] != name:
            del self.failed[group.number]

    def hear(self, message: SchedulerFailed) -> bool:
        """A worker fell back; True if that is news which all must hear."""
        number = message.group
        if self._schedulers.get(number) != message.scheduler:
            return False  # the operator has chosen another one meanwhile
        if number not in self.failed:
            fallback = self._previous.get(number, DEFAULT_SCHEDULER)
            self.failed[number] = [message.scheduler, fallback, message.reason]
            self.counts[number] = self.counts.get(number, 0) + 1
            self.dirty = True
            logs.warning(
                Event.SCHEDULER_FAILED,
                group=self._names[number],
                scheduler=message.scheduler,
                fallback=fallback,
                reason=message.reason,
            )
        return True

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
