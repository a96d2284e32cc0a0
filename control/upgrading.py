"""An upgrade as its client sees it: a line a stage, and what became of it, whoever is the hub then.

The hub that was asked may die meanwhile, or the old master, and the answer with it; the
upgrade goes on. Then whoever answers next is asked who is the daemon now, which tells
what became of it, and what has happened, which tells why.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from control.client import Client
from control.commands.command import CommandError, ErrorKind
from director.errors import AbsentError, UnreachableError
from director.events import Event
from director.master.stage import Stage

PATIENCE = 20.0  # seconds to wait for another hub
GONE = 1.0  # seconds without anybody whom it could come from
LATE = 3.0  # seconds that an event may come later than what it tells of
_PAUSE = 0.3  # seconds until the next one is asked
_STAGE_PATIENCE = 600.0  # seconds between two stages, at the most
_ALL = "1000"  # events, more than a hub remembers

OVER = {Event.UPGRADE_COMMITTED.value, Event.UPGRADE_UNDONE.value, Event.UPGRADE_REFUSED.value}
STEPS = {Event.UPGRADE_STARTED.value, Event.UPGRADE_STAGE.value} | OVER

Document = dict[str, Any]


def follow(path: str) -> Iterator[tuple[Document, bool]]:
    """Have the daemon at this control socket upgraded: documents with lines, and whether more follow, as they come.

    Raises as Client.stream does; CommandError if it was refused or taken back.
    """
    with Client(path) as client:
        before = _master(client.call("status"))["pid"]
        events = client.call("events", {"count": "1"})["events"]
    following = _Following(path, before, events[-1]["number"] if events else 0)
    with Client(path, _STAGE_PATIENCE) as client:
        try:
            for piece, more in client.stream("upgrade"):
                following.told += piece["lines"]
                yield piece, more
        except UnreachableError:
            pass
        except CommandError as error:
            if error.kind is not ErrorKind.MOVED:
                raise
        else:
            return
    yield from following.find_out()


def _master(status: Document) -> Document:
    return next((one for one in status["processes"] if one["kind"] == "master"), {"pid": 0, "state": ""})


class _Following:
    """What is known of an upgrade whose answer got lost.

    `before`: the pid of the master that was the daemon. `seen`: the number of the last event before it was asked for.
    """

    def __init__(self, path: str, before: int, seen: int) -> None:
        self.told: list[str] = []
        self._path = path
        self._before = before
        self._seen = seen
        self._settled_at: float | None = None  # when one master was seen to be alone again

    def find_out(self) -> Iterator[tuple[Document, bool]]:
        """The rest of the stages, and the outcome."""
        heard = time.monotonic()
        while True:
            try:
                with Client(self._path) as client:
                    master = _master(client.call("status"))
                    events = client.call("events", {"count": _ALL})["events"]
                    version = client.call("version")["daemon"]
            except AbsentError:  # a successor has had the socket open from its first moment on
                if time.monotonic() - heard > GONE:
                    raise UnreachableError(
                        "can't upgrade: the daemon died before it had a successor; start it again"
                    ) from None
            except (UnreachableError, CommandError):  # not yet, or not any more
                if time.monotonic() - heard > PATIENCE:
                    raise
            else:
                heard = time.monotonic()
                steps = [one for one in events if one["event"] in STEPS and one["number"] > self._seen]
                yield from self._stages(steps)
                if master["state"] == Stage.SERVING.value and self._is_known(steps, master["pid"], heard):
                    yield {"lines": [f"upgraded to version {version}, pid {master['pid']}"]}, False
                    return
            time.sleep(_PAUSE)

    def _stages(self, steps: Sequence[Document]) -> Iterator[tuple[Document, bool]]:
        for one in steps:
            line = one["reason"]
            if one["event"] == Event.UPGRADE_STAGE.value and line not in self.told:
                self.told.append(line)
                yield {"lines": [line]}, True

    def _is_known(self, steps: Sequence[Document], pid: int, now: float) -> bool:
        """Whether it is upgraded. Raises CommandError if it is not; False while that may be told yet."""
        if pid != self._before:
            return True
        last = next((one for one in reversed(steps) if one["event"] in OVER), None)
        if last is None:
            # It never began, or a hub took what it had heard with it.
            self._settled_at = self._settled_at or now
            if now - self._settled_at < LATE:
                return False
            if not self.told:
                raise CommandError(
                    ErrorKind.NOT_UPGRADED, "can't upgrade: the hub died before it began; nothing was changed"
                )
            raise CommandError(ErrorKind.ROLLED_BACK, "the running version has stayed; the log tells why")
        if last["event"] == Event.UPGRADE_REFUSED.value:
            raise CommandError(ErrorKind.NOT_UPGRADED, f"can't upgrade: {last['reason']}; nothing was changed")
        raise CommandError(ErrorKind.ROLLED_BACK, f"rolled back to the running version: {last['reason']}")
