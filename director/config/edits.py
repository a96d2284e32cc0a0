"""What differs between two states of what runs, as data: to send, write down, take back, merge.

An Edit speaks of one thing, named by its place: tags and names from the top,
("service", "web", "group", "main", "host", "a"). Goes by the rows of
`schema.py`, so that no attribute can be forgotten: what `diff` finds, `apply`
does, exactly. Counterpart of `plan.py`, which says the same in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from operator import is_
from typing import Any

from director.config.model import Config, Service
from director.config.numbering import assign
from director.config.schema import ELEMENTS
from director.config.turnover import hosts_of
from director.errors import RefusedError
from director.messages import AdminDown, Draining, Edit, Running

Place = tuple[str, ...]

DOWN = "down"  # the field of a host for an operator's AdminDown, which is in no config
DRAIN = "drain"  # the field of what is being drained, be it there or gone, for its Draining
BESIDE = (DOWN, DRAIN)
KEYS: dict[str, Callable[[Any], str]] = {  # what tells the children of one element apart
    "service": lambda service: str(service.name),
    "group": lambda group: str(group.name),
    "host": lambda host: str(host.name),
    "user": lambda user: str(user.name),
    "listen": lambda listen: str(listen.ip),
    "admin": lambda admin: str(admin.listen),
    "control": lambda control: f"{control.socket or ''} {control.group or ''}",
}


def place_of(*names: str) -> Place:
    """The place of a service, of a group in it, of a host in that."""
    return tuple(word for pair in zip(("service", "group", "host"), names, strict=False) for word in pair)


def tag_of(place: Place) -> str:
    """The tag of what is at a place."""
    return place[-2] if place else "director"


def child_tag(tag: str, field: str) -> str | None:
    """The tag of those that a field of an element holds, each with a place of its own; None if it holds none."""
    return next((child for child, name in ELEMENTS[tag].children.items() if name == field and child in KEYS), None)


def within(place: Place, outer: Place) -> bool:
    """Whether one place is, or is in, another."""
    return place[: len(outer)] == outer


def diff(old: Running, new: Running) -> tuple[Edit, ...]:
    """What must be done to `old` to get what `new` says."""
    found = _differences((), "director", old.config, new.config)
    flags = tuple(_flags(old, new)) if old.admin or new.admin else ()
    # A flag goes before its host and comes after it, whichever way one does them.
    gone = (edit for edit in flags if edit.new is None)
    return (*gone, *found, *(edit for edit in flags if edit.new is not None), *_drained(old, new))


def _differences(place: Place, tag: str, old: Any, new: Any) -> Iterator[Edit]:
    element = ELEMENTS[tag]
    for row in element.attributes:
        yield from _field(place, row.field, old, new)
    for child, field in element.children.items():
        before, after = getattr(old, field), getattr(new, field)
        if before is after:
            continue
        if child in KEYS:
            yield from _collection(place, child, field, before, after)
        else:
            yield from _field(place, field, old, new)


def _field(place: Place, field: str, old: Any, new: Any) -> Iterator[Edit]:
    before, after = getattr(old, field), getattr(new, field)
    if before != after:
        yield Edit(place, field, before, after)


def _collection(place: Place, tag: str, field: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Edit]:
    key = KEYS[tag]
    if (pairs := unlike(key, old, new)) is not None:
        for other, thing in pairs:
            if other != thing:
                yield from _differences((*place, tag, key(thing)), tag, other, thing)
        return
    before = {key(thing): thing for thing in old}
    after = {key(thing): thing for thing in new}
    for name, thing in after.items():
        other = before.get(name)
        if other is None:
            yield Edit((*place, tag, name), "", None, thing)
        elif other is not thing and other != thing:
            yield from _differences((*place, tag, name), tag, other, thing)
    for name, thing in before.items():
        if name not in after:
            yield Edit((*place, tag, name), "", thing, None)
    order = [name for name in before if name in after] + [name for name in after if name not in before]
    back = [name for name in after if name in before] + [name for name in before if name not in after]
    if order != list(after) or back != list(before):
        yield Edit(place, field, tuple(before), tuple(after))


def unlike(key: Callable[[Any], Any], old: Sequence[Any], new: Sequence[Any]) -> list[tuple[Any, Any]] | None:
    """The members that are other objects now, with what they were; None if any came, went or moved.

    Most often that is one of thousands, and nobody has to look at the others.
    """
    if len(old) != len(new):
        return None
    pairs = [(before, after) for before, after in zip(old, new, strict=True) if before is not after]
    return pairs if all(key(before) == key(after) for before, after in pairs) else None


def _flags(old: Running, new: Running) -> Iterator[Edit]:
    before, after = by_place(old), by_place(new)
    for place in {**before, **after}:
        if before.get(place) != after.get(place):
            yield Edit(place, DOWN, before.get(place), after.get(place))


def _drained(old: Running, new: Running) -> Iterator[Edit]:
    before, after = ({drain.path: drain for drain in running.drains} for running in (old, new))
    for path in {**before, **after}:
        if before.get(path) != after.get(path):
            yield Edit(place_of(*path), DRAIN, before.get(path), after.get(path))


def by_place(running: Running) -> dict[Place, AdminDown]:
    """What operators took down, by place."""
    admin = running.admin
    if not admin:
        return {}
    return {
        place_of(service.name, group.name, host.name): admin[host.number]
        for service in running.config.services
        for group in service.groups
        for host in group.hosts
        if host.number in admin
    }


# -- doing it ------------------------------------------------------------------------


class Misfit(RefusedError):
    """An edit of something that is not there."""


def apply(running: Running, edits: Iterable[Edit]) -> Running:
    """What runs after these. Raises Misfit."""
    config, admin, drains = running.config, dict(running.admin), {drain.path: drain for drain in running.drains}
    services = {service.name: service for service in config.services}  # of thousands each may have its edits
    removed = False
    for edit in edits:
        if edit.field == DRAIN:
            _drain(drains, edit)
        elif edit.field == DOWN:
            _flag(services, admin, edit)
        elif edit.place[:1] == ("service",):
            _amend(services, edit)
            removed = removed or (not edit.field and edit.new is None)
        elif not edit.place and edit.field == "services":
            services = {service.name: service for service in _ordered(services.values(), "service", edit)}
        else:
            config = _updated(config, "director", edit.place, edit)
    if len(services) != len(config.services) or not all(map(is_, services.values(), config.services)):
        config = replace(config, services=tuple(services.values()))
    if removed and admin:
        known = {host.number for host in hosts_of(config.services)}
        admin = {number: down for number, down in admin.items() if number in known}
    return replace(running, config=config, admin=admin, drains=tuple(drains.values()))


def _drain(drains: dict[Place, Draining], edit: Edit) -> None:
    if edit.new is None:
        drains.pop(edit.place[1::2], None)
    else:
        drains[edit.place[1::2]] = edit.new


def _amend(services: dict[str, Service], edit: Edit) -> None:
    """Do an edit of a service, or of something in it."""
    name, inside = edit.place[1], edit.place[2:]
    if not inside and not edit.field:
        if edit.new is None:
            services.pop(name, None)
        else:
            services[name] = edit.new
    elif name in services:
        services[name] = _updated(services[name], "service", inside, edit)
    else:
        raise Misfit(f"there is no {words(edit.place)}")


def _flag(services: dict[str, Service], admin: dict[int, AdminDown], edit: Edit) -> None:
    service = services.get(edit.place[1])
    host = None if service is None else _inside(service, "service", edit.place[2:])
    if host is None:
        if edit.new is None:
            return  # gone, and the flag with it
        raise Misfit(f"there is no {words(edit.place)}")
    if edit.new is None:
        admin.pop(host.number, None)
    else:
        admin[host.number] = edit.new


def find(config: Config, place: Place) -> Any:
    """The thing at a place; None if there is none."""
    return _inside(config, "director", place)


def _inside(thing: Any, tag: str, place: Place) -> Any:
    for child, name in zip(place[::2], place[1::2], strict=True):
        members = getattr(thing, ELEMENTS[tag].children[child])
        thing = next((member for member in members if KEYS[child](member) == name), None)
        if thing is None:
            return None
        tag = child
    return thing


def value(running: Running, edit: Edit) -> Any:
    """What an edit's field, or its thing, is now."""
    thing = find(running.config, edit.place)
    if thing is None or not edit.field:
        return thing
    if edit.field == DOWN:
        return running.admin.get(thing.number)
    found = getattr(thing, edit.field)
    child = child_tag(tag_of(edit.place), edit.field)
    return found if child is None else tuple(KEYS[child](member) for member in found)


def _updated(thing: Any, tag: str, place: Place, edit: Edit) -> Any:
    if not place:
        return _edited(thing, tag, edit)
    child, name = place[:2]
    field = ELEMENTS[tag].children[child]
    members = getattr(thing, field)
    at = next((at for at, member in enumerate(members) if KEYS[child](member) == name), -1)
    if len(place) == 2 and not edit.field:
        if edit.new is None:
            members = (*members[:at], *members[at + 1 :]) if at >= 0 else members
        elif at >= 0:
            members = (*members[:at], edit.new, *members[at + 1 :])
        else:
            members = (*members, edit.new)
    elif at < 0:
        raise Misfit(f"there is no {words(edit.place)}")
    else:
        members = (*members[:at], _updated(members[at], child, place[2:], edit), *members[at + 1 :])
    return replace(thing, **{field: members})


def _edited(thing: Any, tag: str, edit: Edit) -> Any:
    child = child_tag(tag, edit.field)
    new = edit.new if child is None else tuple(_ordered(getattr(thing, edit.field), child, edit))
    return replace(thing, **{edit.field: new})


def _ordered(members: Iterable[Any], tag: str, edit: Edit) -> list[Any]:
    key = KEYS[tag]
    ranks = {name: rank for rank, name in enumerate(edit.new)}
    return sorted(members, key=lambda member: ranks.get(key(member), len(ranks)))


def is_order(edit: Edit) -> bool:
    """Whether it says only in which order things stand."""
    return child_tag(tag_of(edit.place), edit.field) is not None


def inverse(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """What takes them back."""
    back = [Edit(edit.place, edit.field, edit.new, edit.old) for edit in edits]
    # All that is to stand in some order must be there first.
    return tuple(sorted(back, key=lambda edit: is_order(edit) or edit.field in BESIDE))


def words(place: Place) -> str:
    """A place, for people: host 'a' of web/main."""
    if not place:
        return "director"
    inside = "/".join(place[1:-2:2])
    return f"{place[-2]} {place[-1]!r}" + (f" of {inside}" if inside else "")


def enabled_or_first(service: Service) -> Service:
    """The same service; if the group that it enables is gone, with its first one enabled."""
    names = [group.name for group in service.groups]
    return service if service.enabled in names else replace(service, enabled=names[0] if names else "")


def renumbered(after: Running, before: Config, last: int) -> tuple[Running, int]:
    """The same with numbers for what is new since `before`, and the last number given. See `numbering`."""
    config, last = assign(after.config, before, last)
    if config is after.config:
        return after, last
    flags = by_place(after)
    admin = {}
    for service in config.services if flags else ():
        for group in service.groups:
            for host in group.hosts:
                if down := flags.get(place_of(service.name, group.name, host.name)):
                    admin[host.number] = down
    return replace(after, config=config, admin=admin), last
