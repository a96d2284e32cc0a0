"""What a name stands for, how long that holds, and what it makes of a host.

The last good answer outlives failures for `hold`, so that a name server which
is gone takes no host out. Counterpart of lookup, which asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from director.config.model import Dns, Endpoint, Host
from director.messages import Member

_SOONEST = 0.1  # seconds between two questions for a name, at the least
_PATIENCE = 15.0  # seconds between two questions while there is no answer, at the most
_LEAST_SHARE = 0.01  # of the greatest weight: what a weight of 0 gets beside others (RFC 2782: "very small")


@dataclass(frozen=True, slots=True, order=True)
class Record:
    """One place: an address, and of an SRV record what else it says. Port 0: the host's own."""

    priority: int
    address: str
    port: int = 0
    weight: float = 1.0


class Name:
    """A name that is looked up again and again. Times are monotonic seconds.

    `records`: the last good answer; `cause`: why there was none at the last
    question, "" if there was; `due`: when to ask next.
    """

    def __init__(self, now: float) -> None:
        self.records: tuple[Record, ...] = ()
        self.good_at = now
        self.due = now
        self.cause = ""
        self.failures = 0  # since the last good answer
        self.asking = False

    def found(self, now: float, records: Iterable[Record], ttl: float, dns: Dns) -> bool:
        """An answer came; True if it is another than before."""
        before, self.records = self.records, tuple(sorted(set(records)))
        self.good_at, self.cause, self.failures = now, "", 0
        self.due = now + max(_SOONEST, dns.min_ttl, min(ttl, dns.max_ttl))
        return self.records != before

    def failed(self, now: float, cause: str, dns: Dns) -> bool:
        """No answer came; True if the last good one is too old by now."""
        self.cause = cause
        self.due = now + max(_SOONEST, min(2.0 ** min(self.failures, 10), _PATIENCE, dns.max_ttl))
        self.failures += 1
        if not self.records or dns.hold is None:
            return False
        if now - self.good_at < dns.hold:
            # Ask no later than the moment at which the answer gets too old.
            self.due = min(self.due, self.good_at + dns.hold + _SOONEST)
            return False
        self.records = ()
        return True


def best(records: Iterable[Record], prefer: str, current: Iterable[str]) -> list[str]:
    """The address to use, of each family one: what is in use stays, whatever order answers come in."""
    kept = set(current)
    found: dict[bool, str] = {}
    for record in sorted(records, key=lambda record: (record.address not in kept, record)):
        found.setdefault(":" in record.address, record.address)
    return [found[family] for family in sorted(found, reverse=prefer == "ipv6")]


def members(host: Host, records: tuple[Record, ...], number: Callable[[Endpoint], int]) -> tuple[Member, ...]:
    """The members of a host by an answer. `number`: gives each place its number.

    Of an SRV record those with the lowest priority serve, all others are
    backups; weights are shares of the host's own, 1 on the average.
    """
    shares = _shares(records) if host.ip.srv else {}
    first = min((record.priority for record in records), default=0)
    found = {}
    for record in records:
        ip = Endpoint(record.address, record.port or host.ip.port)
        if ip not in found:
            weight = round(host.weight * shares.get(record, 1.0), 4)
            backup = host.backup or record.priority > first
            found[ip] = Member(number(ip), f"{host.name}:{ip}", ip, weight, backup)
    return tuple(found.values())


def _shares(records: tuple[Record, ...]) -> dict[Record, float]:
    shares = {}
    for priority in {record.priority for record in records}:
        peers = [record for record in records if record.priority == priority]
        most = max(record.weight for record in peers)
        weights = {record: max(record.weight, _LEAST_SHARE * most) if most else 1.0 for record in peers}
        mean = sum(weights.values()) / len(peers)
        shares.update({record: weight / mean for record, weight in weights.items()})
    return shares
