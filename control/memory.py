"""The hub's memory file: what must not be lost when a hub dies.

A file in memory that the master made and every hub of the generation inherits.
It holds one value, written alternately to two places, each with a number and a
checksum: a hub killed in the middle of a write leaves the other one whole.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import Any

import msgpack

_HEADER = struct.Struct(">QII")  # number of the write, length, checksum
_PLACES = (0, 1 << 34)  # the file has holes: only what is written takes memory
LEDGER = 1 << 36  # where the ledger of permits begins, which is saved at other times than the rest
EVENTS = 1 << 37  # where what has happened begins
HISTORY = 1 << 38  # where the last hour begins


class Memory:
    """One value in a file descriptor, `base` bytes from its start."""

    def __init__(self, fd: int, base: int = 0) -> None:
        self._fd = fd
        self._places = tuple(base + place for place in _PLACES)
        self._number = 0

    def load(self) -> Any:
        """The value last written whole; None if there never was one."""
        newest: Any = None
        for place in self._places:
            header = os.pread(self._fd, _HEADER.size, place)
            if len(header) < _HEADER.size:
                continue
            number, length, checksum = _HEADER.unpack(header)
            if number <= self._number:
                continue
            data = os.pread(self._fd, length, place + _HEADER.size)
            if len(data) == length and zlib.crc32(data) == checksum:
                self._number = number
                newest = msgpack.unpackb(data, strict_map_key=False)
        return newest

    def save(self, value: Any) -> None:
        """Write a value; anything msgpack can."""
        data: bytes = msgpack.packb(value)
        self._number += 1
        place = self._places[self._number % 2]
        header = _HEADER.pack(self._number, len(data), zlib.crc32(data))
        os.pwrite(self._fd, data, place + _HEADER.size)
        os.pwrite(self._fd, header, place)
