"""What this worker works by: services, groups and hosts, as config, verdicts and addresses say.

Fed by the link (config and operators' changes) and the bus (verdicts and
addresses from the hub). A host that just failed is left alone for a moment
even before the hub has said anything: `suspect`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from director.addresses import Addresses, literal
from director.admission import Admission, admission
from director.config import model
from director.config.turnover import groups_of, hosts_of, turnover
from director.members import Expansion
from director.messages import HostState, Member, Running, Target
from director.scheduling.scheduler import GroupScheduler
from director.scheduling.scoreboard import HostLoad, Scoreboard
from director.scheduling.slowstart import SlowStarts
from director.scheduling.sticky import Stickies
from director.tally import HostTallies, ServiceTally
from workers.precision import of_idleness, of_waits
from workers.schedulings import Schedulings
from workers.sockopts import Option, of_service

SUSPICION = 2.0  # seconds that a host which failed stays out if the hub says nothing


class Service:
    """One service as the data path needs it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = ""
        self.connect_timeout = 5.0
        self.idle_timeout = 0.0
        self.retries: int | None = None
        self.observe_window = 1.0  # of the enabled group
        self.scheduler: GroupScheduler | None = None  # of the enabled group
        self.options: tuple[Option, ...] = ()  # socket options
        self.admission: Admission | None = None  # who may connect; None: everybody
        self.labels: dict[int, tuple[str, str]] = {}  # group and host by host number, of all services
        self.group = 0  # the number of the enabled group
        self.queue = 1000  # clients that may wait for a permit, in all workers
        self.queue_timeout = 5.0
        self.abort_on_close = False  # whether who waits and says that no more comes is let go
        self.nobody = ("", "")  # the label of a connection that got no host
        self.unlogged = False  # some of its connections, or all, are not in the connection log
        self.log_errors = False  # ... but those that did not end well are
        self.log_every = 0  # ... or every so many-th one
        self._unsampled = 0  # connections that ended since the last one in the connection log
        self.open = 0
        self.silence = 0  # clients to come that are not asked whether they have spoken already
        self.reticence = 0  # how many that were after the last one that had not
        self.distance = 0  # calls of hosts to come that are not expected to be taken at once
        self.farness = 0  # how many that were after the last one that was not
        self.tally = ServiceTally()
        self.hosts_tally = HostTallies()

    def is_sample(self) -> bool:
        """Whether the connection that ends now is the one in `log_every` that is logged."""
        self._unsampled += 1
        if self._unsampled < self.log_every:
            return False
        self._unsampled = 0
        return True


class Services:
    """All services by number, and all hosts' addresses."""

    def __init__(self, board: Scoreboard, random: Random, incarnation: int | None = None) -> None:
        self.by_number: dict[int, Service] = {}
        self.addresses: dict[int, tuple[tuple[int, Any], ...]] = {}  # by host number
        self._literals: dict[int, Addresses] = {}  # those of them that need no looking up
        self.hosts_tally = HostTallies()
        self.labels: dict[int, tuple[str, str]] = {}  # by host number
        self.sources: dict[int, tuple[bool, str | None]] = {}  # {host number: (fast open, source address)}
        self.running: Running | None = None
        self.stickies = Stickies()
        self.schedulings = Schedulings(board, random, incarnation)
        self._slowstarts = SlowStarts()
        self._arranged = Running(0, model.Config())  # as names make it
        self._expansion = Expansion()
        self._members: dict[int, tuple[Member, ...]] = {}  # by host number
        self.waits_every = of_waits(())
        self.idleness_every = of_idleness(())
        self._board = board
        self._schedulers: dict[int, GroupScheduler] = {}  # by group number
        self._up: dict[int, bool] = {}  # the hub's verdicts, by host number
        self._suspects: dict[int, float] = {}  # {host number: until}

    def configure(self, running: Running) -> None:
        """Work by this. Connections in progress are not touched."""
        self.running = running
        self._arrange()

    def _arrange(self) -> None:
        """Work by the config and by the members that names have now."""
        assert self.running is not None
        before = self._arranged
        running = self._arranged = self._expansion.expand(self.running, self._members)
        self._board.configure(running.config)
        self.stickies.configure(running.config)
        self._slowstarts.configure(running.config)
        self.waits_every = of_waits(running.config.services)
        self.idleness_every = of_idleness(running.config.services)
        warmed = self._warm_up()
        gone, came = turnover(before.config.services, running.config.services)
        # A removed service lives on in its sessions; its totals stay with the hub.
        leaving = {service.number: self.by_number.pop(service.number) for service in gone}
        for host in hosts_of(gone):
            self._literals.pop(host.number, None)
        schedulers = {group.number: self._schedulers.pop(group.number) for group in groups_of(gone)}
        for service in came:
            ours = self.by_number[service.number] = leaving.get(service.number) or self._new(service.number)
            _update(ours, service)
            for group in service.groups:
                scheduler = self._scheduler(service, group, schedulers.get(group.number))
                self._schedulers[group.number] = scheduler
                if group.name == service.enabled:
                    ours.scheduler = scheduler
                    ours.observe_window = group.observe_window
                    ours.group = group.number
        for number in leaving.keys() - self.by_number.keys():
            leaving[number].scheduler = None  # who waits there gets no host any more
        self.schedulings.failing -= schedulers.keys() - self._schedulers.keys()
        self._refresh(before.admin.keys() ^ running.admin.keys(), warmed)

    def _new(self, number: int) -> Service:
        service = Service(number)
        service.hosts_tally, service.labels = self.hosts_tally, self.labels
        return service

    def _scheduler(self, service: model.Service, group: model.Group, before: GroupScheduler | None) -> GroupScheduler:
        for host in group.hosts:
            known = literal(host.ip)
            if known is not None:
                # The hub will say the same, but a moment later than it is needed.
                self.addresses[host.number] = self._literals[host.number] = known
            self.labels[host.number] = group.name, host.name
            source = host.source or service.source
            if (host.fast_open or source) and not host.ip.path:
                self.sources[host.number] = (host.fast_open, source)
            else:
                self.sources.pop(host.number, None)
        hosts = self._board.group(group.number)
        for load in hosts:
            load.usable = self._usable(load.number)
        if before is None or before.scheduler != group.scheduler:
            return self.schedulings.make(group, hosts, self.stickies.tables.get(group.number), before)
        before.refresh(hosts)
        return before

    def group_scheduler(self, number: int) -> GroupScheduler | None:
        """The scheduler of a group."""
        return self._schedulers.get(number)

    def _usable(self, number: int) -> bool:
        return (
            number not in self._arranged.admin
            and self._up.get(number, True)
            and number not in self._suspects
            and bool(self.addresses.get(number))
        )

    def verdicts(self) -> dict[int, bool]:
        """Which hosts are up, as the hub says."""
        return {number: self._up.get(number, True) for number in self._board.hosts}

    def learn(self, targets: Sequence[Target], complete: bool = False) -> None:
        """Verdicts and addresses from the hub; `complete` if all others are as the config says, and up."""
        if complete:
            self.addresses.clear()
            self.addresses.update(self._literals)
            self._up.clear()
            for number in self._board.hosts:
                self._slowstarts.returned(number, 0.0)
        touched = set()
        for target in targets:
            self.addresses[target.host] = tuple((family, _sockaddr(where)) for family, where in target.addresses)
            self._up[target.host] = target.up
            self._slowstarts.returned(target.host, target.returned_at)
            self._suspects.pop(target.host, None)  # the hub has had its say
            touched.add(target.host)
        warmed = self._warm_up()
        if self._regroup(targets, complete):
            self._arrange()  # looks at the hosts of services that are others by it, and only at those
        self._refresh(self._board.hosts if complete else touched, warmed)

    def warm_up(self) -> None:
        """A few times a second: hosts that returned get more of their weight."""
        self._refresh((), self._warm_up())

    def _warm_up(self) -> set[int]:
        """Give returning hosts their weights; the groups where that changed one."""
        groups = set()
        for number, weight in self._slowstarts.weights(time.time()).items():
            host = self._board.hosts.get(number)
            if host is not None and host.weight != weight:
                host.weight = weight
                groups.add(host.group)
        return groups

    def fall_back(self, failed: Mapping[int, list[str]]) -> None:
        """What the hub says of schedulers that failed, anywhere, all of them: all workers go on by the same."""
        failing = self.schedulings.failing
        for number, scheduler in self._schedulers.items():
            if number in failed:
                name, fallback, reason = failed[number]
                if name == scheduler.scheduler:
                    self.schedulings.follow(number, scheduler, fallback, reason)
            elif scheduler.fault and number not in failing:
                scheduler.try_again()

    def _regroup(self, targets: Sequence[Target], complete: bool) -> bool:
        """Whether some hosts have other members now."""
        before = self._members
        self._members = {} if complete else dict(before)
        for target in targets:
            if target.members:
                self._members[target.host] = target.members
            else:
                self._members.pop(target.host, None)
        return self.running is not None and self._members != before

    def suspect(self, host: HostLoad, now: float) -> None:
        """A connect to it failed: nobody else gets it until the hub has decided, or a moment passed."""
        self._suspects[host.number] = now + SUSPICION
        self._refresh((host.number,))

    def sweep(self, now: float) -> None:
        """Forget suspicions that are over, and clients not seen for long."""
        self.stickies.sweep(now)
        over = [number for number, until in self._suspects.items() if until <= now]
        for number in over:
            del self._suspects[number]
        self._refresh(over)

    def _refresh(self, numbers: Iterable[int], groups: set[int] | None = None) -> None:
        """Look at these hosts again, and have schedulers know, and those of `groups` anyway."""
        groups = set() if groups is None else groups
        for number in numbers:
            host = self._board.hosts.get(number)
            if host is not None and host.usable != (usable := self._usable(number)):
                host.usable = usable
                groups.add(host.group)
        for group in groups:
            self._schedulers[group].refresh()

    def state(self, number: int) -> HostState:
        """A host's state, as this worker sees it."""
        if number in self._arranged.admin:
            return self._arranged.admin[number].state
        if not self.addresses.get(number):
            return HostState.UNRESOLVED
        return HostState.UP if self._usable(number) else HostState.DOWN


def _update(ours: Service, service: model.Service) -> None:
    """Have a service be as the config says; no group is enabled yet."""
    ours.name = service.name
    ours.connect_timeout = service.connect_timeout
    ours.idle_timeout = service.idle_timeout
    ours.retries = service.retries
    ours.observe_window = 0.0
    ours.options = of_service(service)
    ours.admission = admission(service.allow, service.deny)
    ours.nobody = service.enabled or "<NOGROUP>", "<NOSRV>"
    ours.unlogged = service.log != "all"
    ours.log_errors = service.log == "errors"
    ours.log_every = int(service.log.partition(":")[2] or 0)
    ours.queue = service.queue
    ours.queue_timeout = service.queue_timeout
    ours.abort_on_close = service.abort_on_close
    ours.scheduler, ours.group = None, 0


def _sockaddr(where: Any) -> Any:
    """An address as `connect` takes it: a path, or (host, port, ...) as a tuple."""
    return where if isinstance(where, str) else tuple(where)
