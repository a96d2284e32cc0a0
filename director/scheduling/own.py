"""Schedulers of users' own: what they see, and what becomes of their mistakes.

A class with one method:

    class Fewest:
        def choose(self, hosts, request):
            return min(hosts, key=lambda host: host.score / host.weight)

`hosts` are those that may be chosen now, in the order of the config, never none; `request` is who wants
one. What it returns must be one of `hosts`. Whatever goes wrong is a
SchedulerFault: the group then goes on by another scheduler. There is one
instance for a group's ordinary hosts and one for its backups, in each worker.

Pure: clock, randomness and the limit of time (`run`) are passed in. Counterpart
of policies (our own schedulers); to test yours, see `director.testing`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from random import Random
from traceback import extract_tb
from typing import Any, Protocol

from director.printable import clean
from director.scheduling.policies import NOBODY, Policy, SchedulerFault
from director.scheduling.scoreboard import HostLoad

_OURS = ("director/scheduling/own.py", "director/plugins.py", "workers/budget.py", "importlib/__init__.py")


class Seen:
    """One host, as its scheduler may see it. Numbers are as of now."""

    __slots__ = ("_load",)

    def __init__(self, load: HostLoad) -> None:
        self._load = load

    @property
    def name(self) -> str:
        """As in the configuration."""
        return self._load.name

    @property
    def weight(self) -> float:
        """Its share beside others; more than 0."""
        return self._load.weight

    @property
    def backup(self) -> bool:
        """Whether it is one; then all of them are."""
        return self._load.backup

    @property
    def maxconn(self) -> int | None:
        """The most connections it may have; None: no limit."""
        return self._load.maxconn

    @property
    def open(self) -> int:
        """Connections that all workers have open to it; others' as last heard, `Request.age` ago."""
        return self._load.open

    @property
    def own(self) -> int:
        """Connections that this worker has open to it."""
        return self._load.own

    @property
    def score(self) -> int:
        """`open`, and what the other workers are likely to have added since they were heard: compare by this."""
        return self._load.score

    def __repr__(self) -> str:
        return f"<host {self.name} open={self.open}>"


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants a host. `client`: its address without a port; "unix" if it has none."""

    client: str
    now: float  # monotonic seconds
    age: float  # seconds since this worker last heard of the others
    random: Random


class Chooser(Protocol):
    """What a scheduler of a user's own must be."""

    def choose(self, hosts: Sequence[Seen], request: Request, /) -> Seen:
        """One of `hosts`."""


Run = Callable[[Callable[[Sequence[Seen], Request], Seen], Sequence[Seen], Request], Seen]  # within a limit of time


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a scheduler needs of the process it runs in."""

    now: Callable[[], float]  # monotonic seconds
    heard: Callable[[], float]  # when the other workers were last heard of
    run: Run = lambda choose, hosts, request: choose(hosts, request)


class OwnPolicy(Policy):
    """Asks a user's object. Raises SchedulerFault when that does not do what it should."""

    def __init__(self, random: Random, make: Callable[[], Any], surroundings: Surroundings) -> None:
        super().__init__(random)
        try:
            self._chooser: Chooser = make()
        except BaseException as error:  # whatever their code thinks it may end, it is not this process
            raise SchedulerFault(f"can't be made: {told(error)}") from None
        self._surroundings = surroundings
        self._candidates: dict[HostLoad, Seen] = {}
        self._order: Sequence[HostLoad] = ()
        self._seen: tuple[Seen, ...] = ()

    def prepare(self, hosts: Sequence[HostLoad]) -> None:
        self._order = hosts
        self._seen = ()

    def add(self, host: HostLoad) -> None:
        self._candidates[host] = Seen(host)
        self._seen = ()

    def remove(self, host: HostLoad) -> None:
        del self._candidates[host]
        self._seen = ()

    def pick(self, client: str, tried: Collection[int] = NOBODY) -> HostLoad | None:
        seen = self._seen or self._see()
        if tried:
            seen = tuple(one for one in seen if one._load.number not in tried)
        if not seen:
            return None
        around = self._surroundings
        now = around.now()
        request = Request(client, now, max(0.0, now - around.heard()), self.random)
        return around.run(self._ask, seen, request)._load

    def _ask(self, seen: Sequence[Seen], request: Request) -> Seen:
        """What theirs says. Their code may run also in what tells of their mistakes, so this is in the limit, too."""
        try:
            chosen: object = self._chooser.choose(seen, request)
        except BaseException as error:
            raise SchedulerFault(told(error)) from None
        if type(chosen) is not Seen or chosen not in seen or self._candidates.get(chosen._load) is not chosen:
            raise SchedulerFault(f"returned {_shown(chosen)}, which is none of the hosts it was given")
        return chosen

    def _see(self) -> tuple[Seen, ...]:
        candidates = self._candidates
        self._seen = tuple(candidates[host] for host in self._order if host in candidates)
        return self._seen


def told(error: BaseException) -> str:
    """An error in one line, with the file and line it came from where that is known.

    Printable: it goes into messages and logs, and half a letter out of the name of a file is in no encoding.
    """
    try:
        return clean(_described(error))
    except BaseException as worse:  # their code makes its text, too
        return f"{type(error).__name__}, whose text can't be made: {type(worse).__name__}"


def _described(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_base(error.filename)}:{error.lineno}: {error.msg}"
    frames = extract_tb(error.__traceback__)
    text = " ".join(str(error).split())[:200]
    words = f"{type(error).__name__}: {text}" if text else type(error).__name__
    theirs = [frame for frame in frames if not _is_ours(frame.filename)]
    return f"{_base(theirs[-1].filename)}:{theirs[-1].lineno}: {words}" if theirs else words


def _base(file: str) -> str:
    return file.rpartition("/")[2]


def _is_ours(file: str) -> bool:
    return file.startswith("<frozen") or file.endswith(_OURS)


def _shown(value: object) -> str:
    """Of what may take its time, or more, to show itself, only the type."""
    if value is None or type(value) is Seen:
        return repr(value)
    return repr(value[:80]) if type(value) is str else f"a {type(value).__name__}"
