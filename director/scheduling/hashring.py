"""Consistent hashing: which host a client's address belongs to.

A ring of points, many for each host, placed by its name alone. Adding or
removing one of n hosts moves only the clients of its own points. With 512
points a host its share varies by 4 %, so that at most about 1.15/n moves.

Beyond a thousand hosts all points together stay half a million, since workers
do nothing else while they sort them: with twenty thousand a share varies by
20 %, and a host that comes or goes moves about 2/n, half of it from points
that the others lose or gain.

The ring is kept as a table of cells, each with the host whose point comes
next, so a look-up is one step for every number of hosts. Who can't have its
host looks again from somewhere else (`look`): so the clients of a host that is
down spread over all others, and no other client moves.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b, shake_128
from math import floor, log, log2
from operator import sub
from struct import unpack
from sys import byteorder
from zlib import crc32

POINTS = 512  # of a host whose weight is a power of two and the highest; of the heaviest, 512 to 1023
ALL_POINTS = 1 << 19  # of all hosts together, at the most
CELL_BITS = 20  # the same for every ring, or clients would move when it changes
CELLS = 1 << CELL_BITS
_RANK = (1 << 20) - 1
_HIGH, _LOW = (1, 0) if byteorder == "little" else (0, 1)  # the halves of a double


def cell(client: str, look: int = 0) -> int:
    """Where a client looks on every ring: 0 <= cell < CELLS, the same on every machine."""
    # crc32 is linear: without the multiplications neighbours' addresses would stay neighbours in a way.
    mixed = (crc32(client.encode()) + look) * 0x9E3779B97F4A7C15
    return (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93 >> 40 & CELLS - 1


def rendezvous(client: str, name: str, weight: float) -> float:
    """How much this client belongs to that host; the highest wins, whoever else competes."""
    digest = blake2b(f"{client}\0{name}".encode(), digest_size=8).digest()
    share = (int.from_bytes(digest) + 1) / ((1 << 64) + 1)
    return -weight / log(share)


def ring(hosts: Sequence[tuple[str, float]]) -> Sequence[int]:
    """The table of cells: an index in `hosts` each. Empty without hosts.

    hosts: (name, weight > 0) each, in any order: the same set gives the same
    ring but for the indexes.
    """
    if not hosts:
        return ()
    marks, codes = _marks(hosts)
    halves = array("I", array("d", marks).tobytes())
    cells, lows = halves[_HIGH::2], halves[_LOW::2]
    # Cells up to the first point, and behind the last, belong to the first point: it is a ring. Of points in one
    # cell it is the first one's, as the others have no room.
    first = codes[lows[0] & _RANK]
    runs = [first * ((cells[0] & CELLS - 1) + 1)]
    runs += [codes[low & _RANK] * room for low, room in zip(lows[1:], map(sub, cells[1:], cells), strict=False)]
    runs.append(first * (CELLS - 1 - (cells[-1] & CELLS - 1)))
    return array("I", b"".join(runs))


def _marks(hosts: Sequence[tuple[str, float]]) -> tuple[list[float], list[bytes]]:
    """All points in their order, each with the rank of its host; index of the host by rank, as a cell has it."""
    scale = _scale([weight for _, weight in hosts])
    order = sorted(range(len(hosts)), key=lambda index: hosts[index][0])
    # Doubles sort fastest, and from 2**52 on one is its exponent, 20 bits of cell, and below them 12 of the rest
    # of the point and 20 of the host's rank, which need no loop to be taken apart.
    marks: list[float] = []
    for rank, index in enumerate(order):
        name, weight = hosts[index]
        base = float((1 << 52) + rank)
        marks += [point * 1048576.0 + base for point in _points(name, weight * scale)]
    marks.sort()
    return marks, [index.to_bytes(4, byteorder) for index in order]


def _scale(weights: Sequence[float]) -> float:
    """Points for each unit of weight."""
    # It changes only by powers of two, since every change of it moves clients, unless there are too many.
    return min(POINTS / 2.0 ** floor(log2(max(weights))), ALL_POINTS / sum(weights))


def _points(name: str, number: float) -> Sequence[int]:
    """Of a host, one at least: 0 <= point < 2**32. The first ones are always the same."""
    places = shake_128(name.encode())
    # Where `number` changes a little, few hosts get one more or less: not all of them at once.
    first = int.from_bytes(places.digest(4), "little") / (1 << 32)
    count = max(1, floor(number + first))
    return unpack(f"<{count}I", places.digest(count * 4))
