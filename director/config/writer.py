"""Config -> config.xml that reads back as the same Config.

What equals its default is left out. What to write is said by the rows of
`schema.py`. Counterpart of `reader.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from director.config.model import Config
from director.config.schema import ELEMENTS, Element
from director.config.values import is_hash

_INDENT = "  "
# A line break or tab that stands in an attribute as it is, is read back as a blank.
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)


def write(config: Config) -> bytes:
    """The text, in UTF-8, with the root <director>.

    A config with names or passwords that only an ancestor's file may have gets the
    root <config> instead, under which they are a warning and all else is the same.
    """
    return ("\n".join(lines(config)) + "\n").encode()


def lines(config: Config) -> Iterator[str]:
    """The same line by line, for whoever has other things to do meanwhile."""
    element = ELEMENTS["director"]
    hashed = all(is_hash(user.password) for admin in config.admins for user in admin.users)
    tag = element.tag if hashed and _has_plain_names(element, config) else "config"
    yield from _lines(element, config, tag)


def element_lines(tag: str, thing: Any) -> Iterator[str]:
    """The lines of one element that is not the whole."""
    yield from _lines(ELEMENTS[tag], thing, tag)


def escaped(text: str) -> str:
    """As it stands between the quotes of an attribute."""
    return text.translate(_ESCAPES)


def _has_plain_names(element: Element, thing: Any) -> bool:
    if element.names is not None and element.names.misfit(thing.name):
        return False
    return all(_has_plain_names(child, value) for child, value in _children(element, thing))


def _lines(element: Element, thing: Any, tag: str) -> Iterator[str]:
    """The lines of one element and all in it."""
    parts = [tag]
    for row in element.attributes:
        value = getattr(thing, row.field)
        if row.required or value != row.default:
            parts.append(f'{row.name}="{escaped(row.value.show(value))}"')
    inner = (
        f"{_INDENT}{line}" for child, value in _children(element, thing) for line in _lines(child, value, child.tag)
    )
    start, first = " ".join(parts), next(inner, None)
    if first is None:
        yield f"<{start}/>"
        return
    yield f"<{start}>"
    yield first
    yield from inner
    yield f"</{tag}>"


def _children(element: Element, thing: Any) -> Iterator[tuple[Element, Any]]:
    """Its children that are not as they would be anyway, with what they say.

    One that is only a field of its parent's says something about the parent.
    """
    for tag, field in element.children.items():
        child = ELEMENTS[tag]
        value = getattr(thing, field)
        if value == _default(thing, field):
            continue
        if isinstance(value, tuple):
            yield from ((child, each) for each in value)
        else:
            yield child, thing if child.kind is None else value


def _default(thing: Any, field: str) -> Any:
    if field == "enabled":
        return thing.groups[0].name if thing.groups else ""
    return type(thing).__dataclass_fields__[field].default
