"""Frames <-> messages.

Between our own processes the value in a frame is `[name of the message's
class, {field: value}]`; unknown fields are ignored and missing ones take their
defaults, so that two versions of director understand each other during an
upgrade. Frames themselves are in `director.frames`.

Pure: reads and writes nothing but bytes in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from operator import eq
from types import UnionType
from typing import Any, TypeVar, get_args, get_type_hints

import msgpack
from cattrs.errors import BaseValidationError
from cattrs.preconf.msgpack import make_converter

from director import messages
from director.config.edits import DOWN, DRAIN, child_tag, tag_of
from director.config.schema import ELEMENTS
from director.errors import RemoteProtocolError
from director.frames import pack, unpack

T = TypeVar("T")


def _members(union: UnionType) -> Iterator[type]:
    for member in get_args(union):
        if isinstance(member, UnionType):
            yield from _members(member)
        else:
            yield member


_CONVERTER = make_converter(prefer_attrib_converters=True)
_CLASSES = {cls.__name__: cls for cls in _members(messages.Message)}
_ORDERS = {cls.__name__: cls for cls in _members(messages.Order)}


def _unstructure_order(order: Any) -> list[Any]:
    return [type(order).__name__, _CONVERTER.unstructure(order)]


def _structure_order(pair: Any, _: Any) -> Any:
    return _CONVERTER.structure(pair[1], _ORDERS[pair[0]])


def _structure_row(value: Any, _: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} is no row")
    return value


# Rows are thousands of numbers each few milliseconds: they are what msgpack makes of them, not looked at one by one.
for _row in (dict[int, int], dict[int, dict[int, int]], dict[int, list[Any]]):
    _CONVERTER.register_structure_hook_func(partial(eq, _row), _structure_row)
    _CONVERTER.register_unstructure_hook_func(partial(eq, _row), lambda row: row)

for _union in (messages.Change, messages.Order):
    _CONVERTER.register_unstructure_hook(_union, _unstructure_order)
    _CONVERTER.register_structure_hook(_union, _structure_order)


@cache
def _kind(tag: str, field: str) -> Any:
    """What the values of an edit are, by the element and field that it is of."""
    kind: Any = ELEMENTS[tag].kind
    if not field:
        return kind | None
    if field in _BESIDE:
        return _BESIDE[field]
    # Of things with places of their own an edit tells the order, by their names.
    return get_type_hints(kind)[field] if child_tag(tag, field) is None else tuple[str, ...]


_BESIDE: dict[str, Any] = {DOWN: messages.AdminDown | None, DRAIN: messages.Draining | None}  # in no config


def _unstructure_edit(edit: messages.Edit) -> list[Any]:
    return [list(edit.place), edit.field, _CONVERTER.unstructure(edit.old), _CONVERTER.unstructure(edit.new)]


def _structure_edit(parts: Any, _: Any) -> messages.Edit:
    place, field, old, new = parts
    kind = _kind(tag_of(place), field)
    return messages.Edit(
        tuple(place), field, _CONVERTER.structure(old, kind | None), _CONVERTER.structure(new, kind | None)
    )


def _unstructure_target(target: messages.Target) -> list[Any]:
    members = [_CONVERTER.unstructure(member) for member in target.members] if target.members else ()
    return [target.host, target.up, target.addresses, target.since_at, target.returned_at, members]


def _structure_target(parts: Any, _: Any) -> messages.Target:
    host, up, addresses, since_at, returned_at, members = parts[:6]
    known = tuple((family, where) for family, where in addresses)
    found = tuple(_CONVERTER.structure(member, messages.Member) for member in members)
    return messages.Target(host, up, known, since_at, returned_at, found)


# Of thousands of hosts, too: without their names.
_CONVERTER.register_unstructure_hook(messages.Target, _unstructure_target)
_CONVERTER.register_structure_hook(messages.Target, _structure_target)

# It may list thousands of sessions: the document is what msgpack knows already, not walked through.
_CONVERTER.register_unstructure_hook(messages.Reply, lambda reply: {"id": reply.id, "document": reply.document})

_CONVERTER.register_unstructure_hook(messages.Edit, _unstructure_edit)
_CONVERTER.register_structure_hook(messages.Edit, _structure_edit)


def plainly(value: Any) -> Any:
    """A dataclass as what JSON and msgpack know."""
    return _CONVERTER.unstructure(value)


def understood(value: Any, kind: type[T]) -> T:
    """Counterpart of `plainly`. Raises RemoteProtocolError."""
    try:
        return _CONVERTER.structure(value, kind)
    except (TypeError, ValueError, KeyError, BaseValidationError) as error:
        raise RemoteProtocolError(f"can't understand a {kind.__name__}: {error!r}") from None


def encode_body(message: messages.Message) -> bytes:
    """A message without a length, for channels that keep borders themselves."""
    body: bytes = msgpack.packb([type(message).__name__, _CONVERTER.unstructure(message)])
    return body


def encode(message: messages.Message) -> bytes:
    """One frame that holds `message`."""
    return pack([type(message).__name__, _CONVERTER.unstructure(message)])


def decode(body: bytes) -> messages.Message:
    """The message in a frame's body. Raises RemoteProtocolError."""
    value = unpack(body)
    try:
        name, fields = value
        message: messages.Message = _CONVERTER.structure(fields, _CLASSES[name])
    except (TypeError, ValueError, KeyError, BaseValidationError) as error:
        raise RemoteProtocolError(f"can't understand a message: {error!r}") from None
    return message
