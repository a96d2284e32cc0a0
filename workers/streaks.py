"""What went well at a host between two faults, whoever saw them: else resets would be taken to be in a row.

Nothing is done for a connection: what ended, and how, is counted anyway.
"""

from __future__ import annotations

from director.messages import Fault
from director.tally import FAULT_INDEX, HostTallies

_RESET = FAULT_INDEX[Fault.RESET]


class Streaks:
    """Of all hosts that had a fault, by their tallies."""

    def __init__(self, tallies: HostTallies) -> None:
        self._tallies = tallies
        self._marks: dict[int, int] = {}  # what had gone well at the last fault, by host number

    def fault(self, number: int) -> int:
        """A host had one. How many of this worker's connections to it ended without a reset since the one before."""
        tally = self._tallies.kept.get(number)
        if tally is None:
            return 0
        before, now = self._marks.get(number, 0), tally.ended - tally.faults[_RESET]
        self._marks[number] = now
        return now - before
