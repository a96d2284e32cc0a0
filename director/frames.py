"""Bytes <-> frames, whatever is in them.

A frame is a 4-byte big-endian length and that many bytes, a msgpack value.
What the value means is said by `director.framing` for links and by
`control.server` for the control socket.

Pure, and quick to import: `directorctl` does so at every call.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import msgpack

from director.errors import LocalProtocolError, RemoteProtocolError

LENGTH = struct.Struct(">I")
PIECE = 50  # entries of a list; of services with ten hosts each it is half a megabyte and 4 ms
_NESTED = (dict, list)
_ENOUGH = 256 * 1024  # bytes of a piece
_MUCH = 4096  # bytes of a list's entries that are worth a pause
DEPTH = 7  # a reply's result's services, each with its groups, each with its hosts, which are not looked into
_PACKER = msgpack.Packer()
MAX_FRAME = 64 * 1024 * 1024  # bytes; a config of 100 000 hosts is a tenth of it


def pack(value: Any) -> bytes:
    """One frame that holds `value`, anything msgpack can."""
    body: bytes = msgpack.packb(value)
    if len(body) > MAX_FRAME:
        raise LocalProtocolError(f"can't frame a message: {len(body)} bytes are over {MAX_FRAME}")
    return LENGTH.pack(len(body)) + body


def is_long(value: Any, size: int = PIECE, depth: int = DEPTH) -> bool:
    """Whether some list in it, so many levels down at the most, has more entries than `size`."""
    if type(value) is list:
        if len(value) > size or depth == 1:
            return len(value) > size
        return any(is_long(one, size, depth - 1) for one in value if type(one) in _NESTED)
    if type(value) is not dict or depth == 1:
        return False
    return any(is_long(one, size, depth - 1) for one in value.values() if type(one) in _NESTED)


def pack_slowly(value: Any, size: int = PIECE) -> Iterator[bytes]:
    """The body of a frame in pieces; who makes it need not stop everything.

    Between them are empty ones: each stands for about `size` entries of a list.
    """
    piece = bytearray()
    for part in _parts(value, size, DEPTH):
        piece += part
        if len(piece) >= _ENOUGH:
            yield bytes(piece)
            piece = bytearray()
        elif len(part) > _MUCH:
            yield b""
    yield bytes(piece)


def enclose(head: dict[str, Any], name: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The frame of `head` with one entry more, whose value is packed already; begins when it is whole."""
    found = [_PACKER.pack_map_header(len(head) + 1)]
    found += [msgpack.packb(one) for pair in head.items() for one in pair]
    found.append(msgpack.packb(name))
    for piece in pieces:
        if piece:
            found.append(piece)
        else:
            yield piece
    length = sum(map(len, found))
    if length > MAX_FRAME:
        raise LocalProtocolError(f"can't frame a message: {length} bytes are over {MAX_FRAME}")
    yield LENGTH.pack(length) + b"".join(found[: 2 * len(head) + 3])
    yield from found[2 * len(head) + 3 :]


def _parts(value: Any, size: int, depth: int) -> Iterator[bytes]:
    if not is_long(value, size, depth):
        yield msgpack.packb(value)
    elif type(value) is dict:
        yield _PACKER.pack_map_header(len(value))
        for key, one in value.items():
            yield msgpack.packb(key)
            yield from _parts(one, size, depth - 1)
    else:
        yield _PACKER.pack_array_header(len(value))
        for begin in range(0, len(value), size):
            some = value[begin : begin + size]
            if is_long(some, size, depth):
                for one in some:
                    yield from _parts(one, size, depth - 1)
            else:
                yield b"".join(map(msgpack.packb, some))


def unpack(body: bytes) -> Any:
    """The value in a frame's body. Raises RemoteProtocolError."""
    try:
        return msgpack.unpackb(body, strict_map_key=False)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        # TypeError: a map whose key is a map or a list. FormatError and StackError have no words.
        cause = str(error) or "it is no msgpack, or nested too deep"
        raise RemoteProtocolError(f"can't read a frame: {cause}") from None


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
                raise RemoteProtocolError(f"can't take a frame of {length} bytes: the limit is {self.limit}")
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
