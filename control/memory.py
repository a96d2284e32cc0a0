"""The hub's memory file: what must not be lost when a hub dies.

A file in memory that the master made and every hub of the generation inherits.
It holds one value, written alternately to two places, each with a number and a
checksum: a hub killed in the middle of a write leaves the other one whole, and
so does a kernel that has no memory for it.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import Any

import msgpack

from director import logs
from director.events import Event

_HEADER = struct.Struct(">QII")  # number of the write, length, checksum
_APART = 1 << 34  # bytes between the two places: the file has holes, and only what is written takes memory
LEDGER = 1 << 36  # where the ledger of permits begins, which is saved at other times than the rest
EVENTS = 1 << 37  # where what has happened begins
HISTORY = 1 << 38  # where the last hour begins
OFFSPRING = 1 << 39  # where the programs that run now begin
COUNTS = 1 << 40  # where it begins what was counted since another hub decides


class Memory:
    """One value in a file descriptor, `base` bytes from its start."""

    def __init__(self, fd: int, base: int = 0, apart: int = _APART) -> None:
        self._fd = fd
        self._places = (base, base + apart)
        self._number = 0
        self._failed = False

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

    def save(self, value: Any) -> bool:
        """Write a value; anything msgpack can. False if that can't be done, and the one before is the last one still.

        It is said once, until it succeeds again: who saves does so several times a second.
        """
        data: bytes = msgpack.packb(value)
        number = self._number + 1
        place = self._places[number % 2]
        try:
            self._write(data, place + _HEADER.size)
            self._write(_HEADER.pack(number, len(data), zlib.crc32(data)), place)
        except OSError as error:
            if not self._failed:
                logs.error(Event.PROCESS_FAILED, reason=f"can't save what must not be lost: {error.strerror}")
            self._failed = True
            return False
        self._number = number  # not before: the other place has what is to be kept
        self._failed = False
        return True

    def _write(self, data: bytes, at: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._fd, view, at)
            view, at = view[written:], at + written
