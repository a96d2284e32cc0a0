"""How long something was down, and how often it went: a host, or a group without a usable one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Downtime:
    """`since`: monotonic; 0: it is not down. `before`: seconds, until it was last back. `falls`: how often it went."""

    since: float = 0.0
    before: float = 0.0
    falls: int = 0

    def follow(self, down: bool, now: float) -> bool:
        """Whether it is down now, in monotonic seconds. True if that is new."""
        if down is bool(self.since):
            return False
        if down:
            self.since = now
            self.falls += 1
        else:
            self.before, self.since = self.seconds(now), 0.0
        return True

    def seconds(self, now: float) -> float:
        """How long it was down, in all."""
        return self.before + (now - self.since if self.since else 0.0)

    def dump(self) -> list[Any]:
        """As plain values, for the constructor."""
        return [self.since, self.before, self.falls]
