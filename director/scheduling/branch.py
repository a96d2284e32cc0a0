"""A ledger under a ledger: how an old generation lives on under the limits of a new one. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from director.scheduling.ledger import Ledger
from director.scheduling.permits import Allotment, Grant, Permits, Row


class Branch:
    """A ledger whose limits are what another one allots to it: all of its peers are one peer there.

    So the workers of an old generation live on under the ledger of a new one.
    What they may use is booked for all of them above.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.permits = Permits()
        self.permits.configure(ledger.limits, ledger.booked)
        self._settled: dict[int, int] = {}  # {limit: the version by which all here live}
        # Until the ledger above speaks, nobody gets more than he has.
        ledger.relimit({number: ledger.booked(number) for number in ledger.limits})

    def redirect(self) -> None:
        """Another ledger is above from now on. It has booked what we have, and counts its versions anew."""
        for limit in self.permits.limits.values():
            limit.version = 0
        self._settled.clear()

    def granted(self, grants: Mapping[int, Grant]) -> None:
        """What the ledger above says."""
        self.permits.granted(grants)
        limits = self.permits.limits
        allotted = {number: limits[number].allotted for number in grants if number in limits}
        self.ledger.relimit({number: it for number, it in allotted.items() if self.ledger.limits[number] != it})

    def rows(self) -> dict[int, Row]:
        """What to tell the ledger above: what is in use, so that others can have the rest.

        An allotment counts as seen only when everybody here has let go of what is beyond it. Nothing
        is told of a limit while somebody here has not said what he uses of it: others know as much.
        """
        known = self.ledger.is_known
        return {number: self._row(number, limit) for number, limit in self.permits.limits.items() if known(number)}

    def _row(self, number: int, limit: Allotment) -> Row:
        booked, needed = self.ledger.booked(number), self.ledger.needed(number)
        if booked <= max(limit.allotted, needed):
            self._settled[number] = limit.version
        settled = self._settled.get(number, limit.version)
        used = booked if settled == limit.version and booked > limit.allotted else needed
        return settled, used, self.ledger.wanted(number)
