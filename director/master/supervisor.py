"""Who lives, who is due to be born, who is beyond help, and who covers for whom.

Pure: it is told what happened and at what time, and answers with commands;
`director.master.run` executes them. A slot is a place for one process (the hub
has the slot -1); an incarnation is one process in it, numbered for ever.

Rules it embodies. A process that dies comes back: the first time at once, then
after growing pauses, and the memory of deaths fades after ten good seconds. A
worker that says nothing for a second is covered by a neighbour, which accepts
from its sockets; nothing is done to it before it has had `worker_timeout` to
itself (`vitals`) and said nothing. What the machine kept from it, and by what
the master itself was late, is no time of its own. When all shall drain, nobody
comes back but the hub, which counts what the others still have.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from director.master.vitals import STOPPED, Vitals, own_time
from director.messages import HUB_SLOT, WEB_SLOT, Kind, Slot

SILENCE = 1.0  # seconds without a heartbeat until a neighbour covers
LATE = 0.5  # seconds by which the master may be late and still judge others by its own clock
STARVED = "R"  # the state of who could go on, and is not let
GRACE = 2.0  # seconds between ABRT, which leaves a traceback, and KILL
BACKOFF_FIRST, BACKOFF_FACTOR, BACKOFF_MOST = 0.5, 1.5, 30.0
FORGIVEN = 10.0  # seconds of readiness after which earlier deaths no longer count


class State(Enum):
    """What a slot is doing. The words are those of `status`."""

    EMPTY = "backing off"
    BOOTING = "booting"
    READY = "ready"
    SERVING = "serving"
    PAUSED = "paused"
    DRAINING = "draining"
    ABORTED = "aborted"
    KILLED = "killed"


class Happening(Enum):
    """What can befall a slot."""

    FORKED = "forked"
    READY = "ready"
    ACCEPTING = "accepting"
    HELD = "accepts nothing, as it was told"
    RESUMED = "accepts again"
    DRAINING = "told to drain"
    HUNG = "silent for too long"
    OVERDUE = "survived ABRT"
    EXITED = "exited"


_ENDS = {Happening.EXITED: State.EMPTY}
TRANSITIONS: Mapping[State, Mapping[Happening, State]] = {
    State.EMPTY: {Happening.FORKED: State.BOOTING},
    State.BOOTING: {
        Happening.READY: State.READY,
        Happening.DRAINING: State.DRAINING,
        Happening.HUNG: State.ABORTED,
        **_ENDS,
    },
    State.READY: {
        Happening.ACCEPTING: State.SERVING,
        Happening.DRAINING: State.DRAINING,
        Happening.HUNG: State.ABORTED,
        **_ENDS,
    },
    State.SERVING: {
        Happening.HELD: State.PAUSED,
        Happening.DRAINING: State.DRAINING,
        Happening.HUNG: State.ABORTED,
        **_ENDS,
    },
    State.PAUSED: {
        Happening.RESUMED: State.SERVING,
        Happening.DRAINING: State.DRAINING,
        Happening.HUNG: State.ABORTED,
        **_ENDS,
    },
    State.DRAINING: {Happening.HUNG: State.ABORTED, **_ENDS},
    State.ABORTED: {Happening.OVERDUE: State.KILLED, **_ENDS},
    State.KILLED: {**_ENDS},
}


# -- commands ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fork:
    """Make a process for this slot."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Abort:
    """Send ABRT: the process writes its traceback and dies."""

    slot: Slot
    silent: float


@dataclass(frozen=True, slots=True)
class Kill:
    """Send KILL."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Spare:
    """Say that a silent process is left alone, and why: the kernel's state letter, be it STARVED."""

    slot: Slot
    state: str


@dataclass(frozen=True, slots=True)
class Cover:
    """`by` shall accept on the listeners of `slot`, too."""

    slot: Slot
    by: Slot


@dataclass(frozen=True, slots=True)
class Uncover:
    """`by` need not accept for `slot` any more."""

    slot: Slot
    by: Slot


Command = Fork | Abort | Kill | Spare | Cover | Uncover


@dataclass(slots=True)
class Place:
    """A slot and the process in it."""

    slot: Slot
    seat: int = 0  # of a worker: which of the sockets of an address is its own
    state: State = State.EMPTY
    pid: int = 0
    incarnation: int = 0
    beat: float = 0.0  # when last heard of
    since: float = 0.0  # when it got into this state
    deaths: int = 0  # in a row
    due: float = 0.0  # when an empty place may be filled
    paused: bool = False  # it serves, but takes nothing new (at its descriptor cap)
    spared: str = ""
    vitals: Vitals | None = None  # when last looked at, since it was heard of
    mute: float = 0.0  # seconds it had to itself since it was heard of
    covered_by: Slot | None = None
    leaving: bool = False  # it has no seat any more, and is not replaced

    @property
    def kind(self) -> Kind:
        """What kind of process has this slot."""
        return {HUB_SLOT: Kind.HUB, WEB_SLOT: Kind.WEB}.get(self.slot, Kind.WORKER)

    @property
    def name(self) -> str:
        """Who has this slot, in words."""
        return {Kind.HUB: "hub", Kind.WEB: "web admin"}.get(self.kind, f"worker {self.slot}")

    def heard(self, now: float) -> None:
        """It gave a sign of life."""
        self.beat, self.spared, self.vitals, self.mute = now, "", None, 0.0

    def enter(self, happening: Happening, now: float) -> None:
        """Change state by the table; what the table does not list is a bug and raises KeyError."""
        self.state = TRANSITIONS[self.state][happening]
        self.since = now


@dataclass(slots=True)
class Supervisor:
    """All slots of one generation. `random` spreads the pauses before a rebirth."""

    worker_timeout: float
    random: Random
    places: dict[Slot, Place] = field(default_factory=dict)
    incarnations: int = 0
    looked: float = 0.0  # when it last was told the time
    stopping: bool = False
    ending: bool = False  # not even the hub is replaced

    def add(self, slot: Slot, seat: int = 0) -> None:
        """There shall be a process in this slot, from now on."""
        self.places[slot] = Place(slot, seat)

    def workers(self) -> list[Place]:
        """The worker slots that have a seat, by seat."""
        found = (place for place in self.places.values() if place.kind is Kind.WORKER and not place.leaving)
        return sorted(found, key=lambda place: place.seat)

    def resize(self, count: int, now: float) -> list[Slot]:
        """There shall be so many workers. Returns the slots of those that are to drain now, and are not replaced.

        Those in the last seats leave. Who comes later gets a slot of its own, for one that leaves
        may stay in its slot for long, and a slot is the name of one row on the state channel.
        """
        workers = self.workers()
        for seat in range(len(workers), count):
            self.add(next(slot for slot in map(Slot, itertools.count()) if slot not in self.places), seat)
        leaving = []
        for place in workers[count:]:
            if place.state is State.EMPTY:
                del self.places[place.slot]
                continue
            place.leaving = True
            if Happening.DRAINING in TRANSITIONS[place.state]:
                place.enter(Happening.DRAINING, now)
            leaving.append(place.slot)
        return leaving

    # -- what happened ---------------------------------------------------------

    def forked(self, slot: Slot, pid: int, now: float) -> int:
        """A process was made for the slot; returns its incarnation."""
        place = self.places[slot]
        place.enter(Happening.FORKED, now)
        self.incarnations += 1
        place.pid, place.incarnation, place.paused = pid, self.incarnations, False
        place.heard(now)
        return self.incarnations

    def fork_failed(self, slot: Slot, now: float) -> None:
        """The kernel would not give us a process; try again later."""
        self._back_off(self.places[slot], now)

    def ready(self, slot: Slot, now: float) -> None:
        """The process said that it is ready."""
        place = self.places[slot]
        if place.state is State.BOOTING:
            place.enter(Happening.READY, now)
        place.heard(now)

    def accepting(self, slot: Slot, now: float) -> None:
        """The worker accepts on its own listeners."""
        place = self.places[slot]
        if place.state is State.READY:
            place.enter(Happening.ACCEPTING, now)
        place.heard(now)

    def held(self, slot: Slot, now: float) -> None:
        """The worker accepts nothing, as it was told."""
        if self.places[slot].state is State.SERVING:
            self.places[slot].enter(Happening.HELD, now)

    def resumed(self, slot: Slot, now: float) -> None:
        """The worker was told to accept again."""
        if self.places[slot].state is State.PAUSED:
            self.places[slot].enter(Happening.RESUMED, now)

    def beat(self, slot: Slot, now: float) -> None:
        """A heartbeat came."""
        self.places[slot].heard(now)

    def draining(self, now: float) -> None:
        """Everybody was told to drain: no worker is replaced any more."""
        self.stopping = True
        for place in self.places.values():
            if Happening.DRAINING in TRANSITIONS[place.state]:
                place.enter(Happening.DRAINING, now)

    def exited(self, slot: Slot, now: float) -> None:
        """The process was reaped."""
        place = self.places[slot]
        was_ready = place.state in (State.READY, State.SERVING, State.PAUSED) and now - place.since >= FORGIVEN
        place.enter(Happening.EXITED, now)
        place.pid = 0
        if place.leaving:
            del self.places[slot]
            return
        if was_ready:
            place.deaths = 0
        self._back_off(place, now)

    def _back_off(self, place: Place, now: float) -> None:
        pause = 0.0
        if place.deaths:
            pause = min(BACKOFF_MOST, BACKOFF_FIRST * BACKOFF_FACTOR**place.deaths)
            pause *= self.random.uniform(0.8, 1.2)
        place.deaths += 1
        place.due = now + pause

    # -- what to do about it ----------------------------------------------------

    def tick(self, now: float, lag: float, look: Callable[[int], Vitals], covering: bool = True) -> list[Command]:
        """What is to be done now.

        `lag`: how much later than planned the master's own loop ran, in
        seconds. `look`: pid -> what the kernel says of it.
        `covering` is off while all are starting: no neighbour has to help out yet.
        """
        commands: list[Command] = []
        # What all said while we were late may not have been heard yet, and they may have been stopped with us.
        late = lag if lag > LATE else 0.0
        seconds, self.looked = now - self.looked - late, now
        for place in self.places.values():
            place.beat = min(now, place.beat + late)
            if place.state is State.EMPTY:
                if now >= place.due and self.is_wanted(place):
                    commands.append(Fork(place.slot))
            elif place.state is State.ABORTED:
                if now - place.since >= GRACE:
                    place.enter(Happening.OVERDUE, now)
                    commands.append(Kill(place.slot))
            elif place.state is not State.KILLED and now - place.beat > SILENCE:
                commands += self._judge(place, now, seconds, look(place.pid))
            else:
                place.mute += seconds
        if covering:
            commands += self._coverage(now)
        return commands

    def is_wanted(self, place: Place) -> bool:
        """Whether there shall be a process in this place."""
        if not self.stopping:
            return True
        counts = place.kind is Kind.HUB and any(other.pid for other in self.places.values() if other.slot >= 0)
        return counts and not self.ending

    def _judge(self, place: Place, now: float, seconds: float, vitals: Vitals) -> Iterable[Command]:
        """`seconds`: for which it may have said something since the last look."""
        place.mute += own_time(seconds, place.vitals, vitals)
        place.vitals = vitals
        silent = now - place.beat
        if silent <= self.worker_timeout or vitals.dead:
            return  # who is dead will be reaped in a moment
        if vitals.letter not in STOPPED and place.mute > self.worker_timeout:
            place.enter(Happening.HUNG, now)
            yield Abort(place.slot, silent)
            return
        why = vitals.letter if vitals.letter in STOPPED else STARVED
        if place.spared != why and (why in STOPPED or place.mute < silent / 2):
            place.spared = why
            yield Spare(place.slot, why)

    def silent(self, since: float) -> Place | None:
        """Somebody who is up and has said nothing since then, whatever keeps it."""
        up = (State.READY, State.SERVING, State.PAUSED)
        return next((place for place in self.places.values() if place.state in up and place.beat < since), None)

    def _coverage(self, now: float) -> Iterable[Command]:
        workers = self.workers()
        fit = [
            place
            for place in workers
            if place.state is State.SERVING and not place.paused and now - place.beat <= SILENCE
        ]
        for place in workers:
            wanted: Slot | None = None
            if fit and place not in fit and not self.stopping:
                if any(candidate.slot == place.covered_by for candidate in fit):
                    wanted = place.covered_by
                else:
                    # The next one up, so that two lost slots don't burden the same neighbour.
                    wanted = min(fit, key=lambda other: (other.slot < place.slot, other.slot)).slot
            if wanted == place.covered_by:
                continue
            if place.covered_by is not None:
                yield Uncover(place.slot, place.covered_by)
            if wanted is not None:
                yield Cover(place.slot, wanted)
            place.covered_by = wanted

    def uncovered_by_death(self, slot: Slot) -> None:
        """The process that covered for others is gone; they need another neighbour."""
        for place in self.places.values():
            if place.covered_by == slot:
                place.covered_by = None
