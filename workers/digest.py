"""A short text of what a worker knows: the same in all workers, unless one of them missed something."""

from __future__ import annotations

import hashlib

import msgpack

from director.messages import Slot
from director.scheduling.scoreboard import Scoreboard
from workers.services import Services


def digest(slot: Slot, board: Scoreboard, services: Services) -> str:
    """Of the load rows of all workers, of who is up, and of the hosts' addresses."""
    rows = {number: sorted(row.items()) for number, row in board.rows(slot).items() if row}
    addresses = {number: services.addresses.get(number, ()) for number in board.hosts}
    known = [sorted(table.items()) for table in (rows, services.verdicts(), addresses)]
    return hashlib.sha256(msgpack.packb(known)).hexdigest()[:16]
