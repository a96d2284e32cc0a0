"""Bytes <-> frames <-> messages.

A frame is a 4-byte big-endian length and that many bytes, a msgpack value.
Between our own processes that value is `[name of the message's class, {field:
value}]`; unknown fields are ignored and missing ones take their defaults, so
that two versions of director understand each other during an upgrade. On the
control socket it is a map, see `control.server`.

Pure: reads and writes nothing but bytes in memory.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from types import UnionType
from typing import Any, get_args

import msgpack
from cattrs.errors import BaseValidationError
from cattrs.preconf.msgpack import make_converter

from director import messages
from director.errors import LocalProtocolError, RemoteProtocolError

LENGTH = struct.Struct(">I")
MAX_FRAME = 64 * 1024 * 1024  # bytes; a config of 100 000 hosts is a tenth of it


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


for _union in (messages.Change, messages.Order):
    _CONVERTER.register_unstructure_hook(_union, _unstructure_order)
    _CONVERTER.register_structure_hook(_union, _structure_order)


def pack(value: Any) -> bytes:
    """One frame that holds `value`, anything msgpack can."""
    body: bytes = msgpack.packb(value)
    if len(body) > MAX_FRAME:
        raise LocalProtocolError(
            f"can't frame a message: {len(body)} bytes are over {MAX_FRAME}"
        )
    return LENGTH.pack(len(body)) + body


def unpack(body: bytes) -> Any:
    """The value in a frame's body. Raises RemoteProtocolError."""
    try:
        return msgpack.unpackb(body, strict_map_key=False)
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise RemoteProtocolError(f"can't read a frame: {error}") from None


def encode_body(message: messages.Message) -> bytes:
    """A message without a length, for channels that keep borders themselves."""
    body: bytes = msgpack.packb(
        [type(message).__name__, _CONVERTER.unstructure(message)]
    )
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


class FrameReader:
    """Collects bytes as they come and gives back whole frames.

    `limit` is the largest body accepted, in bytes.
    """

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self.limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the bodies completed by them. Raises RemoteProtocolError."""
        buffer = self._buffer
        buffer += data
        bodies = []
        start = 0
        while len(buffer) - start >= LENGTH.size:
            (length,) = LENGTH.unpack_from(buffer, start)
            if length > self.limit:
                raise RemoteProtocolError(
                    f"can't take a frame of {length} bytes: the limit is {self.limit}"
                )
            end = start + LENGTH.size + length
            if len(buffer) < end:
                break
            bodies.append(bytes(buffer[start + LENGTH.size : end]))
            start = end
        del buffer[:start]
        return bodies

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._buffer)
