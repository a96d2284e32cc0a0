"""Frames <-> messages.

Between our own processes the value in a frame is `[name of the message's
class, {field: value}]`; unknown fields are ignored and missing ones take their
defaults, so that two versions of director understand each other during an
upgrade. Frames themselves are in `director.frames`.

Pure: reads and writes nothing but bytes in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import eq
from types import UnionType
from typing import Any, get_args

import msgpack
from cattrs.errors import BaseValidationError
from cattrs.preconf.msgpack import make_converter

from director import messages
from director.errors import RemoteProtocolError
from director.frames import LENGTH, MAX_FRAME, FrameReader, pack, unpack

__all__ = ["LENGTH", "MAX_FRAME", "FrameReader", "decode", "encode", "encode_body", "pack", "unpack"]


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


# Rows are thousands of numbers each 20 ms: they are what msgpack makes of them, not looked at one by one.
for _row in (dict[int, int], dict[int, dict[int, int]]):
    _CONVERTER.register_structure_hook_func(partial(eq, _row), _structure_row)
    _CONVERTER.register_unstructure_hook_func(partial(eq, _row), lambda row: row)

for _union in (messages.Change, messages.Order):
    _CONVERTER.register_unstructure_hook(_union, _unstructure_order)
    _CONVERTER.register_structure_hook(_union, _structure_order)


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
