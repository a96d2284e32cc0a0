"""A change in three words for the log: what it was about, and what that was before and is now."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from director.config.edits import DOWN, DRAIN, KEYS, tag_of
from director.config.schema import ELEMENTS, Element
from director.messages import AdminDown, Edit


def gist(edits: Sequence[Edit]) -> dict[str, str]:
    """`subject` by its names, and `old` and `new` if it is one thing that changed, and no secret."""
    if not edits:
        return {}
    levels = zip(*(edit.place for edit in edits), strict=False)
    place = [level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels)]
    said = {"subject": "/".join(place[1::2]) or "director"}
    # That a host which gets nothing new is drained, too, is no other thing.
    things = [edit for edit in edits if edit.field != DRAIN] or edits
    if len(things) == 1 and not _is_secret(things[0]):
        (edit,) = things
        said |= dict(zip(("old", "new"), _words(edit), strict=True))
    return said


def _element(edit: Edit) -> Element:
    return ELEMENTS[tag_of(edit.place)]


def _is_secret(edit: Edit) -> bool:
    return any(row.field == edit.field and row.value.secret for row in _element(edit).attributes)


def _words(edit: Edit) -> list[str]:
    """What it was, and what it is."""
    both = edit.old, edit.new
    if edit.field == DOWN:
        return [value.state.value if isinstance(value, AdminDown) else "in use" for value in both]
    if edit.field == DRAIN:
        return ["draining" if value is not None else "not draining" for value in both]
    if not edit.field:
        return [_presence(value) for value in both]
    element = _element(edit)
    for tag, field in element.children.items():
        if field == edit.field:
            return _of_child(tag, field, both)
    row = next(row for row in element.attributes if row.field == edit.field)
    return [f"{row.name}={row.value.show(value)}" for value in both]


def _of_child(tag: str, field: str, both: tuple[Any, Any]) -> list[str]:
    """Of an element in the one that the place names, which has no place of its own."""
    element = ELEMENTS[tag]
    if tag in KEYS:  # what is another is the order of those
        return [f"{field}={','.join(value)}" for value in both]
    if element.kind is None:
        return [f"{tag}={element.attributes[0].value.show(value)}" for value in both]
    if None in both:
        return [f"{tag} {_presence(value)}" for value in both]
    differing = [row for row in element.attributes if len({getattr(value, row.field) for value in both}) > 1]
    return [
        " ".join([tag, *(f"{row.name}={row.value.show(getattr(value, row.field))}" for row in differing)])
        for value in both
    ]


def _presence(value: Any) -> str:
    return "there" if value is not None else "not there"
