"""Waiting for a drain at the client: progress until it is over, whoever is the hub then.

A hub that dies, or an upgrade, ends an answer, but not a drain: we ask whoever
answers next how it goes on. Breaking off ends only the telling.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from control import drainage
from control.client import Client
from control.commands.command import Command, CommandError, ErrorKind
from director.errors import UnreachableError

PATIENCE = 20.0  # seconds to wait for another hub
PAUSE = 0.3  # seconds until the next one is asked

Document = dict[str, Any]


class Wait:
    """One command with `--wait`. `show(document)` prints what is told; None for nothing but the result."""

    def __init__(self, path: str, row: Command, show: Callable[[Any], None] | None) -> None:
        self._path = path
        self._row = row
        self._show = show
        self._drain: Document | None = None
        self._heard = time.monotonic()

    def run(self, args: Mapping[str, Any]) -> Any:
        """The result of the command, once nothing is left. Raises as Client.call does, and KeyboardInterrupt."""
        command, given = self._row.name, dict(args)
        while True:
            try:
                with Client(self._path, self._row.patience) as client:
                    return client.call(command, given, progress=self._note)
            except KeyboardInterrupt:
                self._tell_that_it_goes_on()
                raise
            except (UnreachableError, CommandError) as error:
                self._give_up(error)
                time.sleep(PAUSE)
                assert self._drain is not None
                command, given = "drains", {"what": self._drain["what"], "wait": True}

    def _give_up(self, error: UnreachableError | CommandError) -> None:
        """Raise it, unless another hub may answer, now or soon."""
        kind = error.kind if isinstance(error, CommandError) else ErrorKind.MOVED
        if self._drain is not None and kind is ErrorKind.UNKNOWN:
            what = self._drain["what"]
            raise CommandError(ErrorKind.REFUSED, f"{what} is not drained any more: that was taken back")
        if self._drain is None or kind is not ErrorKind.MOVED or time.monotonic() - self._heard > PATIENCE:
            raise error

    def _note(self, step: Document) -> None:
        self._heard = time.monotonic()
        self._drain = step.get("drain", self._drain)
        if self._show is not None:
            self._show(step)

    def _tell_that_it_goes_on(self) -> None:
        drain = self._drain
        if drain is None:
            return
        what = drain["what"]
        place = f"{drain['service']} {drain['group']} {drain['host']}"
        ends = f", `directorctl host-up {place}` ends it" if self._row.name == "host-drain" else ""
        print(
            f"\ndirectorctl: {what} is drained on; `directorctl drains {what} --wait` tells how{ends}", file=sys.stderr
        )


class Bar:
    """Progress on a terminal: a bar, and below it the line that others get."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.fields[what]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            console=Console(),
            transient=True,
        )
        self._task: Any = None

    def show(self, step: Document) -> None:
        """The state of a drain; lines that are of something else are printed above."""
        drain = step["drain"]
        gone = drain["open_at_start"] - drain["left"]
        fields = {"what": drain["what"], "state": drainage.state(drain)}
        if self._task is None:
            for line in step["lines"]:
                self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
            self._progress.start()
            self._task = self._progress.add_task("", total=None, **fields)
        self._progress.update(self._task, total=max(1, drain["open_at_start"]), completed=gone, **fields)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._task is not None:
            self._progress.stop()
