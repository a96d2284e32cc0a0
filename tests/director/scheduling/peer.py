"""A peer of a ledger, played: what a worker does with its permits."""

from __future__ import annotations

from director.scheduling.ledger import Ledger
from director.scheduling.permits import Permits

LIMIT = 7  # its number


class Peer:
    """A worker: its side of the limit, and the rows it has sent."""

    def __init__(self, number: int, limits: list[int]) -> None:
        self.number = number
        self.permits = Permits()
        self.permits.configure(limits, lambda _: 0)
        self.sent = 0

    @property
    def used(self) -> int:
        return self.permits.limits[LIMIT].used

    @property
    def waiting(self) -> int:
        return self.permits.limits[LIMIT].wanted

    def does(self, step: str) -> None:
        """A client comes, and gets a permit or waits for one; or one leaves."""
        if step == "end":
            self.permits.give(LIMIT)
        elif self.permits.room(LIMIT):
            self.permits.take(LIMIT)
        else:
            self.permits.want({LIMIT: 2})


def talk(ledger: Ledger, peers: list[Peer]) -> None:
    """A row of each to the ledger, and what it says back."""
    for peer in peers:
        peer.sent += 1
        ledger.heard(peer.number, peer.sent, peer.permits.rows(whole=True))
        peer.permits.granted(ledger.grants(peer.number))


def fill(ledger: Ledger, peers: list[Peer]) -> None:
    """Talk until all is quiet; each takes all that it gets."""
    for _ in range(8):
        talk(ledger, peers)
        for peer in peers:
            while peer.permits.room(LIMIT):
                peer.permits.take(LIMIT)
