"""Consistent hashing: which host a client's address belongs to.

A ring of points, many for each host, placed by its name alone. Adding or
removing one of n hosts moves only the clients of its own points. With 512
points a host its share varies by 4 %, so that at most about 1.15/n moves, for
a thousand hosts too.

A client is a 32-bit position. An index by its upper bits leaves a handful of
points to search, so a look-up costs the same for every size of ring.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from hashlib import blake2b, shake_128
from math import floor, log, log2
from struct import unpack
from zlib import crc32

POINTS = 512  # of the heaviest host at most, of one at half that weight or more at least half of it
SPAN = 1 << 32


def position(client: str) -> int:
    """Where a client stands on every ring: 0 <= position < 2**32, the same on every machine."""
    # crc32 is linear, so neighbours' addresses would stay neighbours in a way; the multiplication ends that.
    mixed = crc32(client.encode()) * 0x9E3779B97F4A7C15
    return (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93 >> 24 & 0xFFFFFFFF


def rendezvous(client: str, name: str, weight: float) -> float:
    """How much this client belongs to that host; the highest wins, whoever else competes."""
    digest = blake2b(f"{client}\0{name}".encode(), digest_size=8).digest()
    share = (int.from_bytes(digest) + 1) / ((1 << 64) + 1)
    return -weight / log(share)


class HashRing:
    """`owners[place(client)]` is the index of the client's host in `hosts`; the next places follow on the ring.

    hosts: (name, weight > 0) each, in any order: the same set gives the same
    ring but for the indexes.
    """

    def __init__(self, hosts: Sequence[tuple[str, float]] = ()) -> None:
        # A double holds 32 bits of position and 20 of index exactly, and sorts fast.
        marks: list[float] = []
        for index, (name, points) in enumerate(_points(hosts)):
            places = unpack(f"<{points}I", shake_128(name.encode()).digest(points * 4))
            marks += [at * 1048576.0 + index for at in places]
        marks.sort()
        self.points = array("I", [int(mark) >> 20 for mark in marks])
        self.owners = array("I", [int(mark) & 0xFFFFF for mark in marks])
        self._shift = 32 - max(len(marks) - 1, 1).bit_length()
        self._index = self._indexed()

    def _indexed(self) -> array[int]:
        starts = array("I", [0])
        place = 0
        points = self.points
        for cell in range(1, (1 << 32 - self._shift) + 1):
            border = cell << self._shift
            while place < len(points) and points[place] < border:
                place += 1
            starts.append(place)
        return starts

    def place(self, client: str) -> int:
        """The index in `owners` of the first point at or after the client's position."""
        at = position(client)
        cell = at >> self._shift
        place = bisect_left(self.points, at, self._index[cell], self._index[cell + 1])
        return place if place < len(self.points) else 0


def _points(hosts: Sequence[tuple[str, float]]) -> list[tuple[str, int]]:
    """How many points each host gets: by weight, in a scale that changes only by powers of two."""
    if not hosts:
        return []
    scale = POINTS / 2.0 ** floor(log2(max(weight for _, weight in hosts)))
    return [(name, max(1, round(weight * scale))) for name, weight in hosts]
