"""Who may connect to a service, as its `allow` and `deny` say.

    neither         everybody
    allow           whom it names; nobody else
    deny            everybody but whom it names
    allow and deny  whom `allow` names and `deny` does not

A client of IPv6 that is one of IPv4 in disguise (`::ffff:10.0.0.7`, from a
socket that takes both) is one of IPv4: `::/0` does not name it, `10.0.0.0/8` does.
Clients of unix sockets have no address, so that nothing is asked about them.

Made once for each pair of lists: all addresses are numbers in one row, of which
those where the answer changes are kept. So a client costs a look-up in them,
whether they come from one network or from thousands.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton

_IPV4 = 1 << 128  # addresses of IPv4 lie behind those of IPv6
_END = _IPV4 + (1 << 32)
_DISGUISE = 0xFFFF << 32  # what stands before an address of IPv4 in one of IPv6

Networks = tuple[str, ...]


class Admission:
    """The answer for every address."""

    def __init__(self, allow: Networks | None, deny: Networks | None) -> None:
        self._allow, self._deny = allow, deny
        allowed = [0, _END] if allow is None else _edges(allow)
        denied = _edges(deny or ())
        self._turns: list[int] = []  # where clients that may begin, and end, in turns
        for place in sorted({*allowed, *denied}):
            if (_within(allowed, place) and not _within(denied, place)) != bool(len(self._turns) % 2):
                self._turns.append(place)

    def admits(self, address: str) -> bool:
        """Whether a client of that address may connect; one that `accept` gave, or any IP address."""
        return _within(self._turns, _place(address))

    def refusal(self, address: str) -> str:
        """Why a client may not connect, in words; empty if it may. Takes its time."""
        if self.admits(address):
            return ""
        place = _place(address)
        network = next((one for one in self._deny or () if _within(_edges((one,)), place)), None)
        return f"deny names {network}" if network else "allow does not name it"


@lru_cache(maxsize=256)
def admission(allow: Networks | None, deny: Networks | None) -> Admission | None:
    """What a service's lists come to; None if everybody may."""
    return None if allow is None and deny is None else Admission(allow, deny)


def _place(address: str) -> int:
    if ":" not in address:
        return _IPV4 + int.from_bytes(inet_pton(AF_INET, address), "big")
    place = int.from_bytes(inet_pton(AF_INET6, address.partition("%")[0]), "big")
    return place ^ _DISGUISE | _IPV4 if place >> 32 == 0xFFFF else place


def _edges(networks: Iterable[str]) -> list[int]:
    """Where being in any of them begins, and ends, in turns."""
    edges: list[int] = []
    for first, end in sorted(map(_span, networks)):
        if edges and first <= edges[-1]:
            edges[-1] = max(edges[-1], end)
        else:
            edges += first, end
    return edges


def _span(text: str) -> tuple[int, int]:
    """The first place of a network, and the one behind its last."""
    network = ipaddress.ip_network(text)
    first = _place(str(network.network_address))
    return first, first + network.num_addresses


def _within(edges: list[int], place: int) -> bool:
    return bisect_right(edges, place) % 2 == 1
