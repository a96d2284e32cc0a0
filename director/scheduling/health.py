"""Who is up: the verdict on one host.

Counterpart of scoreboard (who is busy). Pure: `now` is always passed in, in
seconds of any clock that does not jump. Does not connect anywhere; workers and
the prober report, this decides; ward decides for a whole group.

    UP -> FALLING n/fall -> DOWN -> RISING n/rise -> UP

A failed connect in traffic takes a host DOWN at once; a bad check, or a reset
right after the connect, is one of `fall`. Who is out because of traffic stays
out for a while, twice as long each time that it falls again soon; who was
brought down by checks three times in short order is flapping, and has to wait
likewise. Without a <check>, one test connect after `checktime` brings it back,
or, if it was only kept up by the floor, has it well again; and one test connect
ends the count of resets that have stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Self

from director.config.model import Check

HURRY = 1.0  # seconds between tests while a group has nobody else
CALM = 60.0  # seconds up after which earlier falls are forgiven
FLAPPING = 3  # falls in short order
_FIRST_EJECTION = 1.0  # seconds
_UNCHECKED_GROWTH = 4.0  # times checktime that a host without a check waits at the most
_RESETS = 3  # resets that take out a host without a check, if no more than ...
_RESETS_WITHIN = 10.0  # ... seconds lie between them


class Stage(Enum):
    """What we believe of a host. Traffic goes to who is UP or FALLING."""

    UP = "up"
    FALLING = "going down"
    DOWN = "down"
    RISING = "going up"


class Word(Enum):
    """What is reported of a host."""

    GOOD = "a check succeeded"
    BAD = "a check failed, or a connection was reset as soon as it stood"
    DEAD = "traffic could not connect"


class Source(StrEnum):
    """Who reported it."""

    CHECK = "check"
    TRAFFIC = "traffic"
    NONE = ""


NEXT: Mapping[Stage, Mapping[Word, Stage]] = {
    Stage.UP: {Word.GOOD: Stage.UP, Word.BAD: Stage.FALLING, Word.DEAD: Stage.DOWN},
    Stage.FALLING: {Word.GOOD: Stage.UP, Word.BAD: Stage.FALLING, Word.DEAD: Stage.DOWN},
    Stage.DOWN: {Word.GOOD: Stage.RISING, Word.BAD: Stage.DOWN, Word.DEAD: Stage.DOWN},
    Stage.RISING: {Word.GOOD: Stage.RISING, Word.BAD: Stage.DOWN, Word.DEAD: Stage.DOWN},
}
_SERVING = (Stage.UP, Stage.FALLING)


@dataclass(frozen=True, slots=True)
class Rules:
    """How many words it takes, and the seconds between two tests by stage.

    `checked`: whether there is a <check>; without it only who is not well is tested.
    """

    checked: bool = False
    rise: int = 1
    fall: int = _RESETS
    interval: float = 0.0
    fastinterval: float = 0.0
    downinterval: float = 0.0
    checktime: float = 120.0

    @classmethod
    def of(cls, check: Check | None, checktime: float) -> Self:
        """The rules that a config means."""
        if check is None:
            return cls(checktime=checktime)
        fast = check.interval if check.fastinterval is None else check.fastinterval
        slow = check.interval if check.downinterval is None else check.downinterval
        return cls(True, check.rise, check.fall, check.interval, fast, slow, checktime)

    def ejection(self, streak: int, source: Source) -> float:
        """Seconds to stay out at least, at the streak-th fall in short order."""
        if not self.checked:
            return float(self.checktime * min(2.0 ** (streak - 1), _UNCHECKED_GROWTH))
        doublings = streak - 1 if source is Source.TRAFFIC else streak - FLAPPING
        return 0.0 if doublings < 0 else float(min(_FIRST_EJECTION * 2.0 ** min(doublings, 16), self.checktime))


class Health:
    """The verdict on one host, why, and how it came to it.

    `count`: words in a row towards the next stage. `since`: when it last went
    up or down. `reason`, `source`: of the last fault, none when up. `faults`:
    since it was last up. `falls`: how often it went down. `streak`: those in
    short order. `until`: out at least until then. `held`: would be out but for
    the floor of its group. `tried`: traffic has tried it since it went down,
    and failed.
    """

    __slots__ = (
        "count",
        "falls",
        "faults",
        "held",
        "last",
        "reason",
        "rules",
        "since",
        "source",
        "stage",
        "streak",
        "tried",
        "until",
    )

    def __init__(self, now: float, rules: Rules) -> None:
        self.rules = rules
        self.stage = Stage.UP
        self.count = 0
        self.since = self.until = self.last = now
        self.reason = ""
        self.source = Source.NONE
        self.faults = self.falls = self.streak = 0
        self.held = self.tried = False

    @property
    def up(self) -> bool:
        """Whether traffic may go to it."""
        return self.stage in _SERVING

    def flapping(self, now: float) -> bool:
        """Whether it goes up and down too often; no longer once its falls are forgiven."""
        return self.streak >= FLAPPING and not (self.up and now - self.since >= CALM)

    def progress(self) -> str:
        """The stage in words: `going down 2/3`."""
        if self.stage is Stage.FALLING:
            return f"{self.stage.value} {min(self.count, self.rules.fall)}/{self.rules.fall}"
        if self.stage is Stage.RISING:
            return f"{self.stage.value} {min(self.count, self.rules.rise)}/{self.rules.rise}"
        return str(self.stage.value)

    def hear(self, now: float, word: Word, source: Source, cause: str = "", *, may_fall: bool = True) -> bool:
        """Take a report. True if the host went up or down by it. `may_fall`: whether its group can spare it."""
        was_up = self.up
        stage = NEXT[self.stage][word]
        alone = not self.rules.checked and source is Source.TRAFFIC and now - self.last > _RESETS_WITHIN
        if alone and stage is Stage.FALLING and not self.held:
            self.count = 0
        self.last = now
        self.count = self.count + 1 if stage is self.stage else 1
        if word is not Word.GOOD:
            self.faults += 1
            self.reason, self.source = cause, source
        if word is Word.DEAD:
            self.tried = True
        if stage is Stage.FALLING and self.count >= self.rules.fall:
            stage = Stage.DOWN
        self.held = was_up and stage is Stage.DOWN and not may_fall
        if self.held:
            stage, self.count = Stage.FALLING, self.rules.fall
        if stage is Stage.RISING and self.count >= self.rules.rise and now >= self.until:
            stage = Stage.UP
        self.stage = stage
        if stage is Stage.UP:
            self.count, self.reason, self.source = 0, "", Source.NONE
        if self.up is was_up:
            return False
        self._turned(now, word, source)
        return True

    def interrupt(self) -> None:
        """Connections went well since the last fault: a reset that follows is none in a row with those before."""
        if not self.rules.checked and self.stage is Stage.FALLING:
            self.count = 0

    def _turned(self, now: float, word: Word, source: Source) -> None:
        if self.up:
            self.faults = 0
        else:
            self.streak = self.streak + 1 if self.falls and now - self.since < CALM else 1
            self.falls += 1
            # Without a check the pause until the test is all there is to wait for.
            self.until = now + (self.rules.ejection(self.streak, source) if self.rules.checked else 0.0)
            self.tried = word is Word.DEAD
        self.since = now

    def pardon(self, now: float) -> None:
        """It is to be tried whatever was said of it: one good test brings it back."""
        self.until = now
        self.streak = 0
        if not self.up:
            self.stage, self.count = Stage.RISING, self.rules.rise

    def pardoned(self, now: float) -> bool:
        """Whether one good test is all that it lacks."""
        return self.stage is Stage.RISING and self.count >= self.rules.rise and now >= self.until

    def pause(self, nobody: bool) -> float | None:
        """Seconds from one test to the next; None: none is wanted. `nobody`: its group has nobody up."""
        rules = self.rules
        if not rules.checked:
            wait = self._unchecked_pause()
        elif self.stage is Stage.UP:
            wait = rules.interval
        else:
            wait = rules.downinterval if self.stage is Stage.DOWN else rules.fastinterval
        return min(HURRY, wait) if nobody and wait is not None and not self.up else wait

    def _unchecked_pause(self) -> float | None:
        if self.stage is Stage.UP:
            return None
        if self.stage is Stage.FALLING and not self.held:
            return _RESETS_WITHIN
        return self.rules.ejection(max(1, self.streak), self.source)

    @classmethod
    def fallen(cls, now: float, rules: Rules, reason: str, source: str, falls: int, tried: bool) -> Self:
        """Down, as it was when nobody looked for a while: one good test brings it back."""
        health = cls(now, rules)
        health.stage, health.reason, health.source = Stage.DOWN, reason, Source(source)
        health.falls, health.tried = falls, tried
        health.pardon(now)
        return health

    # -- as plain values -------------------------------------------------------------

    def dump(self) -> list[Any]:
        """Everything but the rules; times by the clock that `now` is of."""
        return [
            self.stage.value,
            self.count,
            self.since,
            self.until,
            self.reason,
            self.source.value,
            self.faults,
            self.falls,
            self.streak,
            self.held,
            self.tried,
        ]

    @classmethod
    def restored(cls, now: float, rules: Rules, value: list[Any]) -> Self:
        """What was dumped, to go on with."""
        health = cls(now, rules)
        stage, health.count, health.since, health.until, health.reason, source, *rest = value
        health.stage, health.source = Stage(stage), Source(source)
        health.faults, health.falls, health.streak, health.held, health.tried = rest[:5]
        return health
