"""An operator wants a host tested now: it is looked up if it has no address, then tested wherever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import gevent
import gevent.event

from control.dialogues import Outcome
from control.lookup import NoAnswerError
from control.verdicts import ELSEWHERE
from director.config.model import Host
from director.messages import Member

_GRACE = 5.0  # seconds that a test may take beyond its timeout


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it for a host or a member: its name, and why it failed; "" if it did not."""

    name: str
    cause: str
    found: str = ""  # where it is, if that had to be looked up


class Places(Protocol):
    """Where hosts are: see Resolver."""

    members: dict[int, tuple[Member, ...]]

    def is_unresolved(self, number: int) -> bool: ...
    def look_up_now(self, number: int) -> str: ...


class Retries:
    """Tests hosts now. `test(number, done)` has one tested, and says how long that may take."""

    def __init__(self, places: Places, test: Callable[[int, Callable[[Outcome], None]], float]) -> None:
        self._places, self._test = places, test

    def retry(self, host: Host) -> list[Tried]:
        """Try all that the host is; blocks this greenlet."""
        found = []
        for number, whose in ((host.number, "it"), (ELSEWHERE + host.number, "what its check goes to")):
            if self._places.is_unresolved(number):
                try:
                    found.append(self._places.look_up_now(number))
                except NoAnswerError as failure:
                    return [Tried(host.name, f"{whose} has no address, asked for just now: {failure}")]
        names = {member.number: member.name for member in self._places.members.get(host.number, ())}
        return list(self._tried(names or {host.number: host.name}, ", ".join(found)))

    def _tried(self, names: Mapping[int, str], found: str) -> Iterator[Tried]:
        waiting = {number: gevent.event.AsyncResult() for number in names}
        patience = max(self._test(number, result.set) for number, result in waiting.items())
        gevent.wait(list(waiting.values()), timeout=patience + _GRACE)
        for number, name in names.items():
            outcome: Outcome | None = waiting[number].value
            cause = "no test was made in time" if outcome is None else outcome.cause
            yield Tried(name, "" if outcome is not None and outcome.good else cause, found)
