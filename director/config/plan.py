"""Two Configs -> the steps between them, in words.

Goes by the rows of `schema.py`, as reader and writer do, so that no attribute
can be forgotten: there are no steps if and only if the configs are equal.
What is new comes first and what goes comes last: a listener is opened before
another is closed, a group added before it is enabled. What a step will cost
(connections, capacity) is not known here; `path` says whom to ask about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from director.config.edits import BESIDE, DOWN, DRAIN, KEYS, diff, find, unlike, words
from director.config.model import Config, Group, Service
from director.config.schema import ELEMENTS, Attribute
from director.messages import Draining, Edit, Running
from director.printable import counted

_RESTART = {  # what only a new process can do: each gave up its rights for good when it began
    "director": ("user", "group"),
}


class StepKind(StrEnum):
    """What a step does, in the order in which steps are done."""

    ADD = "add"
    OPEN = "open"  # a listener
    CHANGE = "change"
    MOVE = "move"  # the order in the file is another
    ENABLE = "enable"  # another group
    CLOSE = "close"  # a listener
    REMOVE = "remove"


_ORDER = {kind: position for position, kind in enumerate(StepKind)}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that differs. `restart`: a running daemon can't do it.

    `path` names the service, group and host concerned, as far as it goes;
    empty for what is in no service.
    """

    kind: StepKind
    text: str
    restart: bool = False
    path: tuple[str, ...] = ()


def steps(old: Config, new: Config) -> tuple[Step, ...]:
    """All that must happen to get from `old` to `new`, in an order in which it can be done."""
    found = _changes(_Place("director", "director"), old, new)
    return tuple(sorted(found, key=lambda step: _ORDER[step.kind]))


def described(before: Running, after: Running) -> tuple[Step, ...]:
    """The same between two states of what runs: hosts that operators took down, and drains, are part of that."""
    differs = before.admin != after.admin or before.drains != after.drains
    edits = (edit for edit in diff(before, after) if edit.field in BESIDE) if differs else ()
    flags = (_flagged(edit) for edit in edits if edit.field != DOWN or find(after.config, edit.place) is not None)
    return (*steps(before.config, after.config), *flags)


def _flagged(edit: Edit) -> Step:
    if edit.field == DRAIN:
        verb = "no longer drain" if edit.new is None else "drain"
        return Step(StepKind.CHANGE, f"{verb} {words(edit.place)}{_by(edit.new)}", path=edit.place[1::2])
    verb = "use" if edit.new is None else "give nothing new to"
    again = " again" if edit.new is None else ""
    return Step(StepKind.CHANGE, f"{verb} {words(edit.place)}{again}", path=edit.place[1::2])


def _by(drain: Draining | None) -> str:
    """When connections that are left will be closed, and how."""
    if drain is None or drain.deadline_at is None:
        return ""
    pace = "" if drain.rate is None else f", {drain.rate:g} a second"
    span = drain.deadline_at - drain.since_at
    return f": close its connections{pace}" if not span else f": close those left in {span:g} s{pace}"


@dataclass(frozen=True, slots=True)
class _Place:
    """An element: its tag, what steps call it (`host 'a' in web/main`), whom it concerns."""

    tag: str
    label: str
    path: tuple[str, ...] = ()

    def step(self, kind: StepKind, text: str, restart: bool = False) -> Step:
        return Step(kind, text, restart, self.path)


_VERBS = {"listen": (StepKind.OPEN, StepKind.CLOSE)}
_PREPOSITIONS = {StepKind.ADD: "to", StepKind.REMOVE: "from", StepKind.OPEN: "of", StepKind.CLOSE: "of"}


def _name(tag: str, thing: Any) -> str:
    match tag:
        case "listen":
            return f"listener {thing.ip}"
        case "admin":
            return f"admin {thing.listen}"
        case "control":
            return f"control socket {thing.socket or 'in the run dir'} for {thing.group or 'nobody else'}"
        case "check":
            return f"check of type {thing.type}"
        case _:
            return f"{tag} {thing.name!r}"


def _inside(place: _Place) -> str:
    """How a step calls what a thing is in: web/main, or admin 127.0.0.1:7001."""
    return "/".join(place.path) if place.tag in ("service", "group") else place.label


def _child(parent: _Place, tag: str, thing: Any) -> _Place:
    name = _name(tag, thing)
    if parent.tag == "director":
        return _Place(tag, name, (thing.name,) if tag == "service" else ())
    path = (*parent.path, thing.name) if tag in ("group", "host") else parent.path
    return _Place(tag, f"{name} {'in' if tag == 'host' else 'of'} {_inside(parent)}", path)


def _changes(place: _Place, old: Any, new: Any) -> Iterator[Step]:
    """What differs in one element that is there before and after, and in all it holds."""
    element = ELEMENTS[place.tag]
    for row in element.attributes:
        yield from _attribute(place, row, old, new)
    for tag, field in element.children.items():
        before, after = getattr(old, field), getattr(new, field)
        if before == after:
            continue
        if tag == "enable":
            yield _enabling(place, old, new)
        elif tag in KEYS:
            yield from _collection(place, tag, before, after)
        elif ELEMENTS[tag].kind is None:
            (row,) = ELEMENTS[tag].attributes
            yield place.step(StepKind.CHANGE, f"change {tag}{_values(row, old, new)}")
        elif before is None or after is None:
            yield _whole(place, tag, StepKind.ADD if before is None else StepKind.REMOVE, after or before)
        else:
            label = tag if place.tag == "director" else f"{tag} of {place.label}"
            yield from _changes(_Place(tag, label, place.path), before, after)


def _attribute(place: _Place, row: Attribute, old: Any, new: Any) -> Iterator[Step]:
    if getattr(old, row.field) != getattr(new, row.field):
        restart = row.name in _RESTART.get(place.tag, ())
        yield place.step(StepKind.CHANGE, f"change {row.name} of {place.label}{_values(row, old, new)}", restart)


def _values(row: Attribute, old: Any, new: Any) -> str:
    before, after = (row.value.show(getattr(thing, row.field)) for thing in (old, new))
    return "" if row.value.secret else f" from {before} to {after}"


def _collection(place: _Place, tag: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Step]:
    """Children that came, went, differ, or stand in another order."""
    key = KEYS[tag]
    if (pairs := unlike(key, old, new)) is not None:
        for other, thing in pairs:
            if other != thing:
                yield from _changes(_child(place, tag, thing), other, thing)
        return
    before = {key(thing): thing for thing in old}
    after = {key(thing): thing for thing in new}
    adding, removing = _VERBS.get(tag, (StepKind.ADD, StepKind.REMOVE))
    for name, thing in after.items():
        if name not in before:
            yield from _wholes(place, tag, adding, thing)
        elif before[name] != thing:
            yield from _changes(_child(place, tag, thing), before[name], thing)
    for name, thing in before.items():
        if name not in after:
            yield from _wholes(place, tag, removing, thing)
    if [name for name in before if name in after] != [name for name in after if name in before]:
        where = "" if place.tag == "director" else f" of {_inside(place)}"
        yield place.step(StepKind.MOVE, f"change order of {tag}s{where}")


def _wholes(place: _Place, tag: str, kind: StepKind, thing: Any) -> Iterator[Step]:
    """A thing that comes or goes as a whole, and the listeners with it."""
    yield _whole(place, tag, kind, thing)
    if isinstance(thing, Service):
        child = _child(place, tag, thing)
        verb = StepKind.OPEN if kind is StepKind.ADD else StepKind.CLOSE
        yield from (_whole(child, "listen", verb, listen) for listen in thing.listens)


def _whole(place: _Place, tag: str, kind: StepKind, thing: Any) -> Step:
    where = "" if place.tag == "director" else f" {_PREPOSITIONS[kind]} {_inside(place)}"
    path = place.path if tag in ("check", "listen", "user") else _child(place, tag, thing).path
    return Step(kind, f"{kind} {_name(tag, thing)}{where}{_contents(kind, thing)}", path=path)


def _contents(kind: StepKind, thing: Any) -> str:
    """How much comes with what is added."""
    if kind is not StepKind.ADD:
        return ""
    if isinstance(thing, Service):
        hosts = sum(len(group.hosts) for group in thing.groups)
        return f" with {counted(len(thing.groups), 'group')} and {counted(hosts, 'host')}"
    if isinstance(thing, Group):
        return f" with {counted(len(thing.hosts), 'host')}"
    return ""


def _enabling(place: _Place, old: Service, new: Service) -> Step:
    instead = f" instead of {old.enabled!r}" if old.enabled else ""
    what = f"group {new.enabled!r}" if new.enabled else "no group"
    return place.step(StepKind.ENABLE, f"enable {what} of {_inside(place)}{instead}")
