"""What stands in the journal: records, what follows from them, and how to take one back.

    loaded    a config text was read; `stays`: run-time changes that stay in force over it
    changed   an operator changed something; `edits` say from what to what

What runs is the last loaded text, what stays, and every later change, in this
order. Pure; the file is `journal`'s.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from director.config.edits import DRAIN, Misfit, apply, inverse, is_order, value, within
from director.config.lookup import nearest
from director.config.model import Group, Service
from director.config.values import BadValue, canonical_scheduler
from director.errors import RefusedError, RemoteProtocolError, UsageError
from director.framing import plainly, understood
from director.messages import Actor, Edit, Running


def digest(text: bytes) -> str:
    """What tells one text from another."""
    return hashlib.sha256(text).hexdigest()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config text was read. `text` is as it was, byte by byte, in Latin-1."""

    at: float
    name: str  # of the file
    digest: str
    text: str
    stays: tuple[Edit, ...] = ()

    @classmethod
    def of(cls, at: float, name: str, text: bytes, stays: tuple[Edit, ...] = ()) -> Loaded:
        """The record of a text that is in force from now on."""
        return cls(at, name, digest(text), text.decode("latin-1"), stays)

    @property
    def raw(self) -> bytes:
        """The text."""
        return self.text.encode("latin-1")


@dataclass(frozen=True, slots=True)
class Changed:
    """An operator changed something. `undoes`: the number of the change that this one takes back."""

    number: int
    at: float
    actor: Actor
    said: str
    edits: tuple[Edit, ...]
    reason: str = ""
    undoes: int = 0


Record = Loaded | Changed
_KINDS: dict[str, type[Loaded] | type[Changed]] = {"loaded": Loaded, "changed": Changed}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def line(record: Record) -> bytes:
    """A record as one line: a checksum, and the rest as JSON."""
    body = json.dumps([_NAMES[type(record)], plainly(record)], separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(body), body)


def read(data: bytes) -> tuple[list[Record], int, int]:
    """The records in a journal's bytes, how many bytes are good, and how many lines within these are left out.

    What follows the good bytes was torn off. Left out is what a disk has
    damaged, or another version understands: it costs none of those after it.
    """
    records: list[Record] = []
    good = passed = damaged = strange = 0
    for text in data.splitlines(keepends=True):
        passed += len(text)
        checksum, _, body = text.partition(b" ")
        if not text.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body[:-1]):
            damaged += 1
            continue
        good, strange, damaged = passed, strange + damaged, 0
        record = _record(body)
        if record is None:
            strange += 1
        else:
            records.append(record)
    return records, good, strange


def _record(body: bytes) -> Record | None:
    try:
        kind, value_ = json.loads(body)
        record = understood(value_, _KINDS[kind])
        if isinstance(record, Loaded):
            return replace(record, stays=tuple(map(_by_one_name, record.stays)))
        return replace(record, edits=tuple(map(_by_one_name, record.edits)))
    except (ValueError, KeyError, TypeError, RemoteProtocolError, BadValue):
        return None


def _by_one_name(edit: Edit) -> Edit:
    """Workers know a scheduler by its one name only; an older version wrote down what was typed. Raises BadValue."""
    if edit.field not in ("", "scheduler"):
        return edit
    return replace(edit, old=_renamed(edit.old), new=_renamed(edit.new))


def _renamed(thing: Any) -> Any:
    match thing:
        case str():
            return canonical_scheduler(thing)
        case Group():
            return replace(thing, scheduler=canonical_scheduler(thing.scheduler))
        case Service():
            return replace(thing, groups=tuple(map(_renamed, thing.groups)))
    return thing


def since_load(records: Sequence[Record]) -> tuple[Loaded | None, tuple[Edit, ...]]:
    """The last text that was loaded, and all that was changed since, with what stayed then.

    No text: none was loaded yet, or what was can't be read any more.
    """
    at = max((at for at, record in enumerate(records) if isinstance(record, Loaded)), default=-1)
    loaded = records[at] if at >= 0 else None
    assert not isinstance(loaded, Changed)
    later = (edit for record in records[at + 1 :] if isinstance(record, Changed) for edit in record.edits)
    return loaded, (*(() if loaded is None else loaded.stays), *later)


def replay(base: Running, edits: Iterable[Edit]) -> Running:
    """What runs after the edits; one that fits nothing any more is left out."""
    for edit in edits:
        try:
            base = apply(base, (edit,))
        except Misfit:
            continue
    return base


def fitting(base: Running, edits: Iterable[Edit]) -> tuple[Running, tuple[Edit, ...]]:
    """What runs after those edits that find what they were made over, and those that don't."""
    misfits = []
    for edit in edits:
        if edit.field == DRAIN:
            continue
        found = value(base, edit)
        # Of a thing that came or went only its being there counts: the numbers in it are of another life.
        fits = is_order(edit) or (found == edit.old if edit.field else (found is None) == (edit.old is None))
        if fits:
            base = replay(base, (edit,))
        else:
            misfits.append(edit)
    return base, tuple(misfits)


def undone(records: Iterable[Record]) -> set[int]:
    """The numbers of changes that are taken back; one whose undoing was undone is not."""
    gone: set[int] = set()
    for record in sorted((one for one in records if isinstance(one, Changed)), key=lambda one: -one.number):
        if record.undoes and record.number not in gone:
            gone.add(record.undoes)
    return gone


def taking_back(records: Sequence[Record], number: int, running: Running) -> tuple[Changed, tuple[Edit, ...]]:
    """The change of this number, and the edits that take it back. Raises UsageError, RefusedError.

    No edits: it is taken back already.
    """
    changes = [record for record in records if isinstance(record, Changed)]
    change = next((one for one in changes if one.number == number), None)
    if change is None:
        numbers = [str(one.number) for one in changes]
        raise UsageError(f"unknown change {number}; {nearest(str(number), numbers)}")
    gone = undone(records)
    if number in gone:
        return change, ()
    if all(map(_is_again, change.edits)):
        raise RefusedError(f"can't undo {number}: it put nothing in the place of anything else")
    for later in changes:
        # One that undoes what came after this change leaves nothing of either.
        if later.number > number > later.undoes and later.number not in gone and _depends(later, change):
            raise RefusedError(
                f"can't undo {number}: change {later.number} depends on it ({later.said}); undo that first"
            )
    for edit in change.edits:
        if not is_order(edit) and edit.field != DRAIN and value(running, edit) != edit.new:
            raise RefusedError(f"can't undo {number}: the config file has changed the same since")
    return change, inverse(change.edits)


def _is_again(edit: Edit) -> bool:
    """Whether it only had the same tried again."""
    return bool(edit.old == edit.new)


def _depends(later: Changed, change: Changed) -> bool:
    for one in later.edits:
        for other in change.edits:
            if is_order(one) or is_order(other) or _is_again(one):
                continue
            if one.place == other.place and one.field == other.field:
                return True
            if (not other.field and within(one.place, other.place)) or (
                not one.field and within(other.place, one.place)
            ):
                return True
    return False
