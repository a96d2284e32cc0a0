"""What stays of run-time changes when the file is read again.

Three states meet: the file as it was loaded, the file now, and what runs.
Attribute by attribute: where the file did not change a thing, the operator's
change of it stays; where it did, the file wins, and the operator is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from director.config.addresses import same_place
from director.config.checking import deserted
from director.config.departures import settled
from director.config.edits import Misfit, apply, diff, enabled_or_first, is_order, words
from director.config.model import Config
from director.messages import Edit, Running


@dataclass(frozen=True, slots=True)
class Merged:
    """What is to run, which run-time changes stay in it, and which the file overruled."""

    running: Running
    stays: tuple[Edit, ...]
    overruled: tuple[Edit, ...]

    @property
    def kept(self) -> int:
        """How many run-time changes stay; the order of things does not count."""
        return sum(not is_order(edit) for edit in self.stays)

    @property
    def conflicts(self) -> tuple[str, ...]:
        """What the file overruled, in words."""
        return tuple(f"the file changed {words(edit.place)}{_field(edit)}: the file wins" for edit in self.overruled)


def _follows(edit: Edit) -> bool:
    """Whether that order comes about by itself, when things come and go."""
    old, new = edit.old, edit.new
    return [name for name in old if name in new] + [name for name in new if name not in old] == list(new)


def _field(edit: Edit) -> str:
    return f", {edit.field.replace('_', '-')}" if edit.field else ""


def merge(before: Config, now: Running, runs: Running) -> Merged:
    """The file now, `now`, with the run-time changes that stay. `before`: the file as it was loaded."""
    base = Running(0, before)
    theirs = _Theirs(diff(base, replace(now, admin={})))
    stays: list[Edit] = []
    overruled: list[Edit] = []
    running = now
    # Of connections that are to end no file says anything.
    for edit in diff(base, replace(runs, drains=())):
        if is_order(edit) and _follows(edit):
            continue
        if theirs.overrule(edit):
            if not theirs.say(edit) and not is_order(edit):
                overruled.append(edit)
            continue
        try:
            candidate = apply(running, (edit,))
        except Misfit:
            overruled.append(edit)
            continue
        if edit.place[-2:-1] in (("listen",), ("service",)) and _doubled(candidate.config):
            overruled.append(edit)
            continue
        if edit.place[-2:-1] == ("user",) and deserted(candidate.config):
            overruled.append(edit)  # the file took the others
            continue
        running = candidate
        stays.append(edit)
    mended = replace(running, config=_mended(running.config))
    stays += diff(running, mended)
    running = settled(replace(mended, drains=runs.drains))
    return Merged(running, tuple(stays), tuple(overruled))


class _Theirs:
    """What the file changed, to be asked about."""

    def __init__(self, edits: Iterable[Edit]) -> None:
        self._new = {(edit.place, edit.field): edit.new for edit in edits}
        self._removed = {edit.place for edit in edits if not edit.field and edit.new is None}
        self._touched = {
            edit.place[:length] for edit in edits if not is_order(edit) for length in range(0, len(edit.place) + 1, 2)
        }

    def overrule(self, edit: Edit) -> bool:
        """Whether the file changed the same thing, took out what it is in, or changed what the operator took out."""
        if (edit.place, edit.field) in self._new:
            return True
        if any(edit.place[:length] in self._removed for length in range(2, len(edit.place) + 1, 2)):
            return True
        return not edit.field and edit.new is None and edit.place in self._touched

    def say(self, edit: Edit) -> bool:
        """Whether the file now says what the operator said."""
        return (edit.place, edit.field) in self._new and self._new[edit.place, edit.field] == edit.new


def _doubled(config: Config) -> bool:
    """Whether two services listen on one address."""
    places = [same_place(listen.ip) for service in config.services for listen in service.listens]
    return len(places) != len(set(places))


def _mended(config: Config) -> Config:
    services = tuple(map(enabled_or_first, config.services))
    if all(old is new for old, new in zip(config.services, services, strict=True)):
        return config
    return replace(config, services=services)
