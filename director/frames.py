"""Bytes <-> frames, whatever is in them.

A frame is a 4-byte big-endian length and that many bytes, a msgpack value.
What the value means is said by `director.framing` for links and by
`control.server` for the control socket.

Pure, and quick to import: `directorctl` does so at every call.
"""

from __future__ import annotations

import struct
from typing import Any

import msgpack

from director.errors import LocalProtocolError, RemoteProtocolError

LENGTH = struct.Struct(">I")
MAX_FRAME = 64 * 1024 * 1024  # bytes; a config of 100 000 hosts is a tenth of it


def pack(value: Any) -> bytes:
    """One frame that holds `value`, anything msgpack can."""
    body: bytes = msgpack.packb(value)
    if len(body) > MAX_FRAME:
        raise LocalProtocolError(f"can't frame a message: {len(body)} bytes are over {MAX_FRAME}")
    return LENGTH.pack(len(body)) + body


def unpack(body: bytes) -> Any:
    """The value in a frame's body. Raises RemoteProtocolError."""
    try:
        return msgpack.unpackb(body, strict_map_key=False)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        # TypeError: a map whose key is a map or a list.
        raise RemoteProtocolError(f"can't read a frame: {error}") from None


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
