"""Following events at the client: on to the next hub when one dies, or is replaced.

Who follows wants to see just that. The hub that comes remembers what happened
meanwhile, and the numbers go on with it; another daemon counts from 1 again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from control.chronicle import ROOM
from control.client import Client
from control.commands.command import Command, CommandError, ErrorKind
from control.waiting import PATIENCE, PAUSE
from director.errors import UnreachableError

Document = dict[str, Any]


class Follower:
    """One `events --follow`. `show(document)` prints events; `quiet`: none that had happened before."""

    def __init__(self, path: str, row: Command, show: Callable[[Document], None], quiet: bool) -> None:
        self._path = path
        self._row = row
        self._show = show
        self._quiet = quiet
        self._last: int | None = None  # the number of the last event that was there; None: nobody answered yet
        self._heard = time.monotonic()

    def run(self, args: Mapping[str, Any]) -> None:
        """Until interrupted. Raises as Client.call does, once nobody has answered for a while."""
        given = dict(args)
        if self._quiet:
            given["count"] = "1"  # or nobody would know what was there already
        while True:
            try:
                with Client(self._path, self._row.patience, heard=True) as client:
                    client.call(self._row.name, given, progress=self._note)
                return
            except (UnreachableError, CommandError) as error:
                moved = not isinstance(error, CommandError) or error.kind is ErrorKind.MOVED
                if self._last is None or not moved or time.monotonic() - self._heard > PATIENCE:
                    raise
                time.sleep(PAUSE)
                given["count"] = str(ROOM)

    def _note(self, step: Document) -> None:
        self._heard = time.monotonic()
        events = step["events"]
        if events and self._last is not None and events[-1]["number"] < self._last:
            self._last = 0
        quiet = self._quiet and self._last is None
        fresh = [event for event in events if self._last is None or event["number"] > self._last]
        self._last = events[-1]["number"] if events else self._last or 0
        if fresh and not quiet:
            self._show({"events": fresh})
