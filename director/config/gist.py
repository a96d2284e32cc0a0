"""A change in three words for the log: what it was about, and what that was before and is now."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from director.config.edits import DOWN, DRAIN
from director.config.schema import ELEMENTS
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
        said |= {"old": _word(edit, edit.old), "new": _word(edit, edit.new)}
    return said


def _is_secret(edit: Edit) -> bool:
    element = ELEMENTS[edit.place[-2] if edit.place else "director"]
    return any(row.field == edit.field and row.value.secret for row in element.attributes)


def _word(edit: Edit, value: Any) -> str:
    if edit.field == DOWN:
        return value.state.value if isinstance(value, AdminDown) else "in use"
    if edit.field == DRAIN:
        return "draining" if value is not None else "not draining"
    if not edit.field:
        return "there" if value is not None else "not there"
    return f"{edit.field}={_plain(value)}"


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
