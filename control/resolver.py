"""Where hosts are: names become addresses, in the hub only, and never in anybody's way.

Addresses and unix paths are known at once. Names are asked for in gevent's
thread pool, at the start, when the config changes, and every 30 seconds; a name
that can't be resolved keeps its last good answer.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

import gevent
from gevent.threadpool import ThreadPool

from director import logs
from director.addresses import Addresses, literal
from director.config.model import Endpoint
from director.events import Event

_AGAIN = 30.0  # seconds


class Resolver:
    """Keeps every wanted name resolved. `changed(host number)` is called when an answer differs."""

    def __init__(self, changed: Callable[[int], None]) -> None:
        self.addresses: dict[int, Addresses] = {}  # by host number
        self._changed = changed
        self._names: dict[int, Endpoint] = {}
        self._pool = ThreadPool(4)

    def want(self, hosts: dict[int, Endpoint]) -> None:
        """These are the hosts there are, by number."""
        names = {}
        for number, ip in hosts.items():
            known = literal(ip)
            if known is None:
                names[number] = ip
                if self._names.get(number) != ip:
                    self.addresses[number] = ()
            else:
                self.addresses[number] = known
        for number in self.addresses.keys() - hosts.keys():
            del self.addresses[number]
        fresh = [number for number, ip in names.items() if self._names.get(number) != ip]
        self._names = names
        for number in fresh:
            gevent.spawn(self._resolve, number)

    def start(self) -> None:
        """Ask again from time to time."""
        gevent.spawn(self._repeat)

    def _repeat(self) -> None:
        while True:
            gevent.sleep(_AGAIN)
            for number in list(self._names):
                self._resolve(number)

    def _resolve(self, number: int) -> None:
        ip = self._names.get(number)
        if ip is None:
            return
        try:
            found = self._pool.apply(socket.getaddrinfo, (ip.host, ip.port), {"type": socket.SOCK_STREAM})
        except (OSError, UnicodeError) as error:
            if not self.addresses.get(number):
                logs.warning(Event.HOST_UNRESOLVED, name=ip.host, cause=error)
            return
        addresses = tuple((int(family), tuple(where)) for family, _, _, _, where in found)
        if self._names.get(number) != ip or self.addresses.get(number) == addresses:
            return
        before = self.addresses.get(number, ())
        self.addresses[number] = addresses
        logs.info(Event.HOST_RESOLVED, name=ip.host, old=_words(before), new=_words(addresses))
        self._changed(number)


def _words(addresses: Addresses) -> str:
    return ",".join(str(where[0]) for _, where in addresses) or "none"
