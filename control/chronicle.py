"""What has happened: the last events of all processes, as the log has them.

Kept in the hub's memory file, so that a hub's death forgets none of them; a
hub that takes over goes on with what the one before had. Each event has a
number that only grows. An event comes as the log had it: what it is about, what
that was before and is now, why and by whose word is read from its fields here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
import gevent.event

from control.memory import Memory
from director.messages import HUB_SLOT, WEB_SLOT, Happened

ROOM = 1000  # events that are remembered
_APART, _AGAIN = 0.02, 0.25  # seconds between two looks for events to write down, and until what failed is tried again

Document = dict[str, Any]

# Which field of an event tells what it is about, the first that is there.
_SUBJECTS = ("subject", "what", "host", "group", "limit", "slot", "ip", "listen", "admin", "generation", "name", "path")
_REASONS = ("reason", "cause", "problem", "change", "step", "stage", "error")
_ACTORS = ("by", "user", "client")
_SLOTS = {str(HUB_SLOT): "hub", str(WEB_SLOT): "web"}


def document(number: int, happened: Happened) -> Document:
    """An event for people and programs; None for what it does not tell."""
    fields = happened.fields
    word, _, state = happened.event.partition(" ")
    return {
        "number": number,
        "time": round(happened.at, 3),
        "level": happened.level,
        "event": happened.event,
        "subject": _subject(word, fields),
        "old": fields.get("old"),
        "new": fields.get("new") or state,
        "reason": _first(_REASONS, fields),
        "by": _first(_ACTORS, fields),
        "process": happened.process,
        "pid": happened.pid,
        "fields": fields,
    }


def _subject(word: str, fields: dict[str, str]) -> str:
    key = next((key for key in _SUBJECTS if fields.get(key)), None)
    if key is None:
        return word
    if key == "slot":
        return _SLOTS.get(fields["slot"], f"worker/{fields['slot']}")
    return fields[key]


def _first(keys: tuple[str, ...], fields: dict[str, str]) -> str | None:
    return next((fields[key] for key in keys if fields.get(key)), None)


class Chronicle:
    """The events of a hub. `tell` gets each one, too, once there is another hub that remembers."""

    def __init__(self, memory: Memory) -> None:
        self.tell: Callable[[Happened], None] | None = None
        self._memory = memory
        self._events: deque[tuple[int, Happened]] = deque(maxlen=ROOM)
        self._last = 0
        self._dirty = False
        self._more = gevent.event.Event()
        self._restore(memory.load())

    def hear(self, happened: Happened) -> None:
        """One that another generation tells of; it may have reached us before."""
        if not any(_key(one) == _key(happened) for _, one in self._events):
            self.add(happened)

    def add(self, happened: Happened) -> None:
        """One more."""
        self._last += 1
        self._events.append((self._last, happened))
        self._dirty = True
        if self.tell is not None:
            self.tell(happened)
        self._more.set()
        self._more.clear()

    def last(self, count: int) -> list[Document]:
        """The last ones, oldest first."""
        return [document(*one) for one in list(self._events)[-count:]] if count else []

    def after(self, number: int) -> list[Document]:
        """Those that came after the one with this number."""
        return [document(*one) for one in self._events if one[0] > number]

    @property
    def newest(self) -> int:
        """The number of the last one."""
        return self._last

    def wait(self, seconds: float | None = None) -> None:
        """Until there is another, but no longer than that."""
        self._more.wait(seconds)

    # -- what must not be lost ---------------------------------------------------------

    def keep(self) -> None:
        """What somebody was just told of is remembered although the hub dies the next moment. Never returns."""
        while True:
            gevent.sleep(_APART if self.save() else _AGAIN)
            if not self._dirty:
                self.wait()

    def save(self) -> bool:
        """Put what is new into the memory file. False if that can't be done; it is tried again."""
        if self._dirty:
            self._dirty = not self._memory.save([[number, *_row(happened)] for number, happened in self._events])
        return not self._dirty

    def take_over(self, memory: Memory) -> None:
        """Go on from where the hub before us has come; what only we heard meanwhile comes behind it.

        If we have come further, that one never went on from where we were, and it is the other way round.
        """
        before = Chronicle(memory)
        behind = before._events
        if before._last >= self._last:
            behind, self._events, self._last = self._events, before._events, before._last
        known = {_key(one) for _, one in self._events}
        for _, happened in behind:
            if _key(happened) not in known:
                self._last += 1
                self._events.append((self._last, happened))
        self.tell, self._dirty = None, True

    def _restore(self, rows: list[list[Any]] | None) -> None:
        for number, *row in rows or ():
            self._events.append((number, Happened(*row)))
            self._last = max(self._last, number)


def _key(happened: Happened) -> tuple[float, int, str]:
    return happened.at, happened.pid, happened.event


def _row(happened: Happened) -> list[Any]:
    return [happened.at, happened.level, happened.event, happened.process, happened.pid, happened.fields]
