"""Where hosts are: names become addresses, in the hub only, and never in anybody's way.

Addresses and unix paths are known at once. A name is looked up when it comes
and whenever its last answer has run out, once for all hosts that have it. What
an answer means is names' to say, how it is had lookup's.
"""

from __future__ import annotations

import heapq
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gevent
from gevent.pool import Pool

from control.lookup import Lookup, NoAnswerError
from control.names import Name, Record, best, members
from control.resolvconf import ResolvConf, parse_hosts, parse_resolv_conf
from director import logs
from director.addresses import Addresses, literal
from director.config.model import Config, Dns, Endpoint, Host, Service
from director.config.turnover import hosts_of, turnover
from director.events import Event
from director.members import has_members
from director.messages import Member, Running

_AT_ONCE = 64  # names looked up at the same time
_LOOK = 0.05  # seconds between looks at what is due
_LAST_MEMBER = -(1 << 32)  # members are numbered down from here, away from all else
_PATIENCE = 2.0  # seconds that others wait at the most to be told of members
_FILES = 1.0  # seconds between looks at the files


@dataclass(frozen=True)
class Files:
    """Where this machine says something of names."""

    hosts: str = "/etc/hosts"
    resolv_conf: str = "/etc/resolv.conf"


class Resolver:
    """Keeps the name of every host resolved.

    `changed(number, before)`: a host has other addresses; `regrouped()`: some
    have other members. Both are called from greenlets of the resolver.
    """

    def __init__(
        self, changed: Callable[[int, Addresses], None], regrouped: Callable[[], None], files: Files | None = None
    ) -> None:
        self.addresses: dict[int, Addresses] = {}  # by the number of a host or member
        self.members: dict[int, tuple[Member, ...]] = {}  # by the number of the host; another one when it changed
        self.dirty = False  # something changed since the last dump
        self._changed, self._regrouped = changed, regrouped
        self._files = files or Files()
        self._stamps: tuple[Any, ...] = ()
        self._dns = Dns()
        self._config = Config()
        self._wanted = False  # at all, so far
        self._hosts: dict[int, Host] = {}  # those with a name
        self._origins: dict[int, Host] = {}  # by the number of the member
        self._left: dict[int, list[str]] = {}  # addresses that the hub before us used, by the number of the host
        self._regrouping = False  # members changed, and nobody has been told yet
        self._regroup_after = 0.0
        self._names: dict[str, Name] = {}  # by `_key`
        self._users: dict[str, set[int]] = {}  # numbers of the hosts, by `_key`
        self._queue: list[tuple[float, str]] = []  # when to ask for what; a heap
        self._numbers: dict[int, dict[str, int]] = {}  # {host: {place: number}}
        self._last = _LAST_MEMBER
        self._pool = Pool(_AT_ONCE)
        self._looking: gevent.Greenlet[[], None] | None = None
        self._lookup = self._read_files()

    # -- what is wanted ------------------------------------------------------------

    def want(self, running: Running, others: Callable[[Service], Mapping[int, Endpoint]] = lambda _: {}) -> None:
        """These are the hosts there are. What is known of their names is used at once.

        `others`: what else of a service has an address, by a number that no host has.
        """
        before, self._config = self._config, running.config
        self._dns = running.config.dns
        gone, came = turnover(before.services, running.config.services)
        had = {host.number: self._hosts.pop(host.number, None) for host in self._wanting(gone, others)}
        where = {number: self.addresses.pop(number, ()) for number in had}
        named = any(had.values())
        for host in self._wanting(came, others):
            known = None if host.ip.srv else literal(host.ip)
            if known is not None:
                self.addresses[host.number] = known
                self._numbers.pop(host.number, None)
                if (was := where.get(host.number)) and was != known:
                    self._changed(host.number, was)
                continue
            named = True
            self._hosts[host.number] = host
            self.addresses[host.number] = where.get(host.number, ())
            one_before = had.get(host.number)
            if one_before is not None and _key(one_before) != _key(host):
                self._numbers.pop(host.number, None)
        if named or self._dns != before.dns or not self._wanted:
            self._wanted = True
            self._arrange(self._dns != before.dns)

    def _wanting(
        self, services: Iterable[Service], others: Callable[[Service], Mapping[int, Endpoint]]
    ) -> Iterator[Host]:
        for service in services:
            yield from hosts_of((service,))
            for number, endpoint in others(service).items():
                yield Host(name=str(endpoint), ip=endpoint, number=number)

    def _arrange(self, otherwise: bool) -> None:
        """Look up the names of the hosts that have one, and no others; all of them now if it is done `otherwise`."""
        self._users = {}
        for host in self._hosts.values():
            self._users.setdefault(_key(host), set()).add(host.number)
        now = time.monotonic()
        self._names = {key: self._names.get(key) or Name(now) for key in self._users}
        self._numbers = {number: known for number, known in self._numbers.items() if number in self._hosts}
        if otherwise:
            self._lookup = self._read_files()
            self._all_due(now)
        self._queue = [(name.due, key) for key, name in self._names.items() if not name.asking]
        heapq.heapify(self._queue)
        for number in self._origins:
            self.addresses.pop(number, None)
        self._origins, self.members = {}, {}
        for host in self._hosts.values():
            self._move(host)
        self.dirty = True

    def cause(self, number: int) -> str:
        """Why a host has no address; "" if it has, or nobody has been asked yet."""
        host = self._hosts.get(number)
        return self._names[_key(host)].cause if host is not None else ""

    def origin(self, host: Host) -> Host:
        """What the config has in the place of a member; of any other host itself."""
        return self._origins.get(host.number, host)

    def places(self) -> set[int]:
        """The numbers of all members that there were and that may come back: their hosts have their names still."""
        return {number for places in self._numbers.values() for number in places.values()}

    # -- looking up ----------------------------------------------------------------

    def start(self) -> None:
        """Begin to look up, or go on."""
        if self._looking is None:
            self._queue = [(name.due, key) for key, name in self._names.items()]
            heapq.heapify(self._queue)
            self._looking = gevent.spawn(self._run)

    def pause(self) -> None:
        """Look up nothing until `start`; answers that are on their way are dropped."""
        if self._looking is not None:
            self._looking.kill(block=False)
            self._pool.kill(block=False)
            self._looking = None

    def _run(self) -> None:
        files_due = 0.0
        while True:
            now = time.monotonic()
            if now >= files_due:
                files_due = now + _FILES
                if self._stamps != self._stamp():
                    self._lookup = self._read_files()
                    self._all_due(now)
            while self._queue and self._queue[0][0] <= now:
                _, key = heapq.heappop(self._queue)
                name = self._names.get(key)
                if name is not None and not name.asking and name.due <= now:
                    name.asking = True
                    self._pool.spawn(self._ask, key, name)  # waits while too many are under way
            gevent.sleep(_LOOK)

    def _ask(self, key: str, name: Name) -> None:
        lookup, before, answered = self._lookup, name.records, not name.cause
        try:
            if key.startswith("srv:"):
                answer = lookup.srv(key.removeprefix("srv:"), before)
            else:
                answer = lookup.addresses(key, before)
            # A tenth of chance, or all names of one server would be asked for in the same moment for ever.
            ttl = answer.ttl * random.uniform(0.9, 1.0)
            changed = name.found(time.monotonic(), answer.records, ttl, self._dns)
            self.dirty = self.dirty or self._dns.hold is not None  # how long it holds, for the next hub
            if changed or not answered:
                logs.info(Event.HOST_RESOLVED, name=key, old=_words(before), new=_words(name.records))
        except NoAnswerError as failure:
            changed = name.failed(time.monotonic(), str(failure), self._dns)
            if answered or changed:
                kept = _words(name.records)
                logs.warning(Event.HOST_UNRESOLVED, name=key, cause=failure, kept=kept)
        finally:
            name.asking = False
        if self._names.get(key) is not name:
            return
        if lookup is not self._lookup:
            name.due = time.monotonic()  # others are to be asked meanwhile
        heapq.heappush(self._queue, (name.due, key))
        if changed:
            self._tell(key)

    def is_unresolved(self, number: int) -> bool:
        """Whether a host has a name, and that no address."""
        host = self._hosts.get(number)
        return host is not None and not self._names[_key(host)].records

    def look_up_now(self, number: int) -> str:
        """Ask for a host's name, whenever it is due; blocks. The answer in words. Raises NoAnswerError."""
        key = _key(self._hosts[number])
        name = self._names[key]
        while name.asking:
            gevent.sleep(_LOOK)
        name.asking = True
        self._ask(key, name)
        self._regroup()
        if not name.records:
            raise NoAnswerError(name.cause)
        return _words(name.records)

    def _tell(self, key: str) -> None:
        self.dirty = True
        had_members = False
        for number in self._users[key]:
            before = self.members.get(number)
            self._move(self._hosts[number])
            had_members = had_members or self.members.get(number) != before
        if had_members and not self._regrouping:
            # Whoever is told goes through the whole config: many names that change at once are told at once,
            # and while they go on to, nine tenths of the time are for others.
            self._regrouping = True
            gevent.spawn_later(max(_LOOK, self._regroup_after - time.monotonic()), self._regroup)

    def _regroup(self) -> None:
        if self._regrouping:
            self._regrouping = False
            self.members = dict(self.members)
            began = time.monotonic()
            self._regrouped()
            now = time.monotonic()
            self._regroup_after = now + min(_PATIENCE, 9 * (now - began))

    def _move(self, host: Host) -> None:
        """Have a host be where its name says, and tell if that is elsewhere."""
        before = self.addresses.get(host.number)
        self._place(host)
        if self.addresses[host.number] != before:
            self._changed(host.number, before or ())

    def _place(self, host: Host) -> None:
        """Have a host be where its name says."""
        name = self._names[_key(host)]
        if has_members(host):
            self.addresses[host.number] = ()
            self.members[host.number] = found = members(host, name.records, lambda ip: self._number(host, ip))
            for member in found:
                self.addresses[member.number] = literal(member.ip) or ()
                self._origins[member.number] = host
            return
        left = self._left.pop(host.number, [])
        current = [str(where[0]) for _, where in self.addresses.get(host.number, ())] or left
        ips = best(name.records, self._dns.prefer, current)
        self.addresses[host.number] = tuple(known for ip in ips for known in literal(Endpoint(ip, host.ip.port)) or ())

    def _number(self, host: Host, ip: Endpoint) -> int:
        """A place keeps its number while the host has its name: it may come back while connections to it are open."""
        known = self._numbers.setdefault(host.number, {})
        if str(ip) not in known:
            self._last -= 1
            known[str(ip)] = self._last
        return known[str(ip)]

    def _all_due(self, now: float) -> None:
        for name in self._names.values():
            name.due = now
        self._queue = [(now, key) for key, name in self._names.items() if not name.asking]  # all equal: a heap

    # -- the files -----------------------------------------------------------------

    def _read_files(self) -> Lookup:
        self._stamps = self._stamp()
        conf = parse_resolv_conf(_read(self._files.resolv_conf))
        servers = tuple((server.host, server.port) for server in self._dns.servers) or conf.servers
        conf = ResolvConf(servers, self._dns.search or conf.search, conf.ndots)
        return Lookup(conf, parse_hosts(_read(self._files.hosts)), self._dns.timeout, self._dns.max_ttl)

    def _stamp(self) -> tuple[Any, ...]:
        return tuple(_identity(path) for path in (self._files.hosts, self._files.resolv_conf))

    # -- what must not be lost -------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Last good answers, numbers, and the addresses in use, for the hub after this one."""
        self.dirty = False
        names = {
            key: [name.good_at, [[one.priority, one.address, one.port, one.weight] for one in name.records]]
            for key, name in self._names.items()
            if name.records
        }
        in_use = {number: [where[0] for _, where in self.addresses[number]] for number in self._hosts}
        return {"names": names, "numbers": self._numbers, "last": self._last, "in_use": in_use}

    def restore(self, value: dict[str, Any]) -> None:
        """What an earlier hub dumped; before `want`. Everything is asked for anew, but known meanwhile."""
        now = time.monotonic()
        for key, (good_at, records) in value["names"].items():
            name = self._names[key] = Name(now)
            name.good_at, name.records = good_at, tuple(Record(*record) for record in records)
        self._numbers, self._last = value["numbers"], value["last"]
        self._left = value.get("in_use", {})


def _key(host: Host) -> str:
    return f"srv:{host.ip.srv}" if host.ip.srv else host.ip.host


def _words(records: tuple[Record, ...]) -> str:
    return ",".join(f"{one.address}:{one.port}" if one.port else one.address for one in records) or "none"


def _read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _identity(path: str) -> tuple[int, ...]:
    """What differs once a file was written or replaced."""
    try:
        stat = os.stat(path)
    except OSError:
        return ()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
