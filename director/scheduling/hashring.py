"""Consistent hashing: which host a client's address belongs to.

A ring of points, many for each host, placed by its name alone. Adding or
removing one of n hosts moves only the clients of its own points. With 512
points a host its share varies by 4 %, so that at most about 1.15/n moves, for
a thousand hosts too.

The ring is kept as a table of cells, each with the host whose point comes
next, so a look-up is one step for every number of hosts. Who can't have its
host looks again from somewhere else (`look`): so the clients of a host that is
down spread over all others, and no other client moves.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b, shake_128
from itertools import pairwise
from math import floor, log, log2
from struct import unpack
from sys import byteorder
from zlib import crc32

POINTS = 512  # of a host whose weight is a power of two and the highest; of the heaviest, 512 to 1023
CELL_BITS = 20  # the same for every ring, or clients would move when it changes
CELLS = 1 << CELL_BITS


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
    points = _first_points(hosts)
    cells = [*points]
    codes = [index.to_bytes(4, byteorder) for index in range(len(hosts))]
    # Cells up to the first point, and behind the last, belong to the first point: it is a ring.
    runs = [codes[points[cells[0]]] * (cells[0] + 1)]
    runs += [codes[points[right]] * (right - left) for left, right in pairwise(cells)]
    runs.append(codes[points[cells[0]]] * (CELLS - 1 - cells[-1]))
    return array("I", b"".join(runs))


def _first_points(hosts: Sequence[tuple[str, float]]) -> dict[int, int]:
    """{cell: index of the host with the first point in it}, of cells that have any, in their order."""
    # The scale changes only by powers of two, since every change of it moves clients.
    scale = POINTS / 2.0 ** floor(log2(max(weight for _, weight in hosts)))
    order = sorted(range(len(hosts)), key=lambda index: hosts[index][0])
    marks: list[float] = []  # a double holds 32 bits of point and 20 of rank exactly, and sorts fastest
    for rank, index in enumerate(order):
        name, weight = hosts[index]
        count = max(1, round(weight * scale))
        points = unpack(f"<{count}I", shake_128(name.encode()).digest(count * 4))
        marks += [point * 1048576.0 + rank for point in points]
    marks.sort(reverse=True)
    shift = 52 - CELL_BITS
    first = {mark >> shift: order[mark & 0xFFFFF] for mark in map(int, marks)}  # the last one said wins: the first
    return dict(reversed(first.items()))
