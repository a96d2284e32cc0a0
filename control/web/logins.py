"""Who is logged in, and who has failed too often. Pure: time and tokens come in."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

LONGEST = 12 * 3600.0  # seconds that a login lasts
IDLE = 2 * 3600.0  # ... without a request
MOST = 1000  # logins at a time; the oldest make room
PATIENCE = 5  # failures that are forgiven
PAUSE = 60.0  # seconds in which they count, and that who fails more often must wait
_REMEMBERED = 10_000  # addresses


@dataclass
class Login:
    """Somebody who gave a password. `proof`: the hash it fits; `csrf`: what a form must bring along."""

    user: str
    proof: str
    csrf: str
    since: float
    seen: float
    note: tuple[str, bool] = ("", False)  # what the next page has to say, and whether it is bad news

    def take_note(self) -> tuple[str, bool]:
        """What there is to say, once."""
        note, self.note = self.note, ("", False)
        return note


class Logins:
    """All logins by their tokens."""

    def __init__(self) -> None:
        self._by_token: OrderedDict[str, Login] = OrderedDict()

    def begin(self, token: str, csrf: str, user: str, proof: str, now: float) -> Login:
        """Somebody logged in."""
        while len(self._by_token) >= MOST:
            self._by_token.popitem(last=False)
        login = self._by_token[token] = Login(user, proof, csrf, now, now)
        return login

    def find(self, token: str, now: float) -> Login | None:
        """Who has this token; None if that is over."""
        login = self._by_token.get(token)
        if login is None:
            return None
        if now - login.since > LONGEST or now - login.seen > IDLE:
            del self._by_token[token]
            return None
        login.seen = now
        return login

    def end(self, token: str) -> None:
        """Log out."""
        self._by_token.pop(token, None)


class Failures:
    """Wrong passwords by where they came from; an IPv6 network counts as one address."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, list[float]] = OrderedDict()

    def must_wait(self, address: str, now: float) -> bool:
        """Whether whoever is there has failed too often to be heard now."""
        times = self._times.get(_network(address), [])
        return sum(now - at < PAUSE for at in times) >= PATIENCE

    def failed(self, address: str, now: float) -> None:
        """A wrong password came."""
        key = _network(address)
        self._times[key] = [*self._times.get(key, [])[1 - PATIENCE :], now]
        self._times.move_to_end(key)
        if len(self._times) > _REMEMBERED:
            self._times.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """A right one came."""
        self._times.pop(_network(address), None)


def _network(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False))
