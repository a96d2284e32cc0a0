"""Who is up, for all workers: verdicts on all hosts, who made them and when, and what is told of them.

Holds a Health and a Chart for every host of the config and a Ward for every
group; takes what workers and the prober report, books checks, and has every
change published at once. The decisions are those of health and ward.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Set
from random import Random
from typing import Any, Protocol

import msgpack

from control.attempt import Job
from control.chart import Chart, errno_name
from control.dialogues import OUR_FAULT, TLS, Outcome
from control.downtime import Downtime
from control.patient import Patient, label_of
from director import logs
from director.addresses import Addresses, literal
from director.config.model import Config, Endpoint, Group, Host, Service
from director.config.turnover import groups_of, hosts_of, turnover
from director.events import Event
from director.messages import AdminDown, Fault, HostState, Running, Target
from director.scheduling.health import Health, Rules, Source, Stage, Word
from director.scheduling.slowstart import share
from director.scheduling.ward import Ward

ELSEWHERE = 1 << 48  # no host has so large a number
_PAST = 1000  # outages that are remembered
_EARLY = 0.05  # of an interval that a check may be early, so that many do not stay in step
_NO_ADDRESS = "unresolved: its name had no address"
_OUT = (HostState.DOWN, HostState.MAINT, HostState.UNRESOLVED)
_UNRESOLVED = 1.0  # seconds until a host without an address is looked at again


class Agenda(Protocol):
    """Who runs the checks: see Prober."""

    def book(self, number: int, at: float) -> None: ...
    def cancel(self, number: int) -> None: ...
    def due(self, number: int) -> float | None: ...


class Verdicts:
    """The verdicts on all hosts, by number.

    `addresses`: of a host, none while it is unresolved; of a check's own address
    under the host's number + ELSEWHERE. `publish` gets what workers must know of a
    host; `flush` has it leave at once; `origin` says what the config has in the place
    of a member (see director.members), `places` which members may come back. `agenda` is
    set before `configure`. `when_up` hears of each that gets connections again.
    """

    agenda: Agenda
    when_up: Callable[[str, Group, Host], None] = staticmethod(lambda label, group, host: None)

    def __init__(
        self,
        addresses: Callable[[int], Addresses],
        publish: Callable[[Target], None],
        flush: Callable[[], None],
        random: Random,
        origin: Callable[[Host], Host] = lambda host: host,
        places: Callable[[], Set[int]] = frozenset,
    ) -> None:
        self._addresses, self._publish, self._flush, self._random = addresses, publish, flush, random
        self._origin, self._places = origin, places
        self._running = Running(0, Config())
        self._patients: dict[int, Patient] = {}
        self._panicking: set[int] = set()  # group numbers
        self._downtimes: dict[int, Downtime] = {}  # of groups, by number: while none of its hosts gets connections
        self._absent: dict[int, list[Any]] = {}  # what is remembered of hosts that there are not now, by number
        self._fallen: dict[tuple[str, str], list[Any]] = {}  # who was down when the daemon ended, by label and place
        self.changes = 0  # of who is down
        self._waiting: dict[int, list[Callable[[Outcome], None]]] = {}
        self.past: deque[dict[str, Any]] = deque(maxlen=_PAST)
        self._dumped = b""
        self._pieces: dict[int, bytes] = {}  # of what was dumped last, by host number
        self._stale: set[int] = set()  # hosts of which anything changed since
        self.dirty = False  # a verdict changed since the last dump
        self.counted = False  # a check was counted since

    # -- the config -----------------------------------------------------------------------

    def configure(self, running: Running) -> None:
        """These are the hosts there are, and what operators say of them. Publishes what is new of them."""
        before, self._running = self._running, running
        gone, came = turnover(before.config.services, running.config.services)
        if before.config.checktime != running.config.checktime:  # the rules of all that have no check
            gone, came = before.config.services, running.config.services
        known = {host.number: self._patients.pop(host.number) for host in hosts_of(gone)}
        for service in came:
            for group in service.groups:
                self._admit(service, group, known)
        for number in known.keys() - self._patients.keys():
            self.agenda.cancel(number)
            self._absent[number] = known[number].memory()
        self._forget_absent()
        for number in {group.number for group in groups_of(gone)} - {group.number for group in groups_of(came)}:
            self._downtimes.pop(number, None)
        self._follow_members(known, hosts_of(came))
        said, was = running.admin, before.admin
        told = {number for number in said.keys() | was.keys() if _word(said, number) is not _word(was, number)}
        told &= self._patients.keys()
        for number in told:
            patient = self._patients[number]
            patient.ward.bar_one(number, self._is_barred(patient.host))
            patient.chart.since = said[number].since_at if number in said else time.time()
            if number not in said:
                patient.chart.returned_at = patient.chart.since
                self._up_again(patient)
        new = {host.number for host in hosts_of(came)}
        self.changes += bool(known or new)
        self._stale |= known.keys() | new | told
        self.dirty = self.dirty or bool(known or new or told)
        for number in told | new:
            self.announce(number)

    def _forget_absent(self) -> None:
        """Nothing is remembered but of members whose name may lead to them again."""
        if self._absent:
            forgotten = self._absent.keys() - self._places()
            self._stale |= forgotten
            for number in forgotten:
                del self._absent[number]

    def _admit(self, service: Service, group: Group, known: dict[int, Patient]) -> None:
        ward, others = Ward(group.min_up, {}), []
        for host in group.hosts:
            check = host.check or group.check
            rules = Rules.of(check, self._running.config.checktime)
            old = known.get(host.number)
            label = label_of(service, group, host)
            health, chart = (old.health, old.chart) if old else self._remembered(host, label, rules)
            otherwise = check is None and health.rules.checktime != rules.checktime
            health.rules = rules
            if old is not None and old.check is not None and check is None:
                health.pardon(time.monotonic())  # whoever kept it down has no say any more
            if check is None or check.type not in TLS:
                chart.expires_at = 0.0  # nobody looks at its certificate any more
            if chart.resolved is None and self._addresses(host.number):
                chart.resolved = True
            ward.hosts[host.number] = health
            patient = self._patients[host.number] = Patient(
                service, group, host, check, health, chart, ward, literal(host.ip), self._origin(host)
            )
            if old is None or otherwise or (old.check, old.host.ip) != (check, host.ip):
                others.append(patient)
        ward.bar({host.number for host in group.hosts if self._is_barred(host)})
        if not group.hosts:
            self._follow_group(group, ward)
        for patient in others:
            self.agenda.cancel(patient.host.number)  # what is on its way would be an answer to another question
            self._book_first(patient)

    def _follow_members(self, before: dict[int, Patient], came: Iterable[Host]) -> None:
        """A host whose members went is itself again, and without an address; when they come, that is over."""
        went = {patient.origin.number for patient in before.values()}
        back = {self._patients[host.number].origin.number for host in came} - self._patients.keys()
        for number in (went & self._patients.keys()) - before.keys():
            self._patients[number].chart.resolved = False
        for number in back & before.keys():
            self._outlive(before[number])

    def _remembered(self, host: Host, label: str, rules: Rules) -> tuple[Health, Chart]:
        now = time.monotonic()
        value = self._absent.pop(host.number, None)
        if value is None:
            since, errno_, *word = self._fallen.pop((label, str(host.ip)), (time.time(), ""))
            health = Health.fallen(now, rules, *word) if word else Health(now, rules)
            used = health.up and host.number not in self._running.admin and self._addresses(host.number)
            return health, Chart(since=since, errno=errno_, out=Downtime(0.0 if used else now))
        return Health.restored(now, rules, value[0]), Chart.restored(value[1])

    def _is_barred(self, host: Host) -> bool:
        return host.number in self._running.admin or host.weight <= 0 or not self._addresses(host.number)

    @staticmethod
    def names(service: Service) -> dict[int, Endpoint]:
        """Where checks of a service go that have an address of their own, by host number + ELSEWHERE."""
        found = {}
        for group in service.groups:
            for host in group.hosts:
                check = host.check or group.check
                if check is not None and check.address is not None:
                    found[ELSEWHERE + host.number] = Endpoint(check.address, check.port or host.ip.port)
        return found

    # -- what workers are told ---------------------------------------------------------------

    def targets(self) -> tuple[Target, ...]:
        """What workers don't know by the config: of hosts with a name, and of those that are down or came back."""
        found = []
        for number, patient in self._patients.items():
            if patient.health.up and not patient.chart.returned_at and self._addresses(number) == patient.literal:
                continue  # as nearly all: of thousands none is made in vain
            target = self._target(patient)
            if not target.up or target.returned_at or target.addresses != patient.literal:
                found.append(target)
        return tuple(found)

    def moved(self, number: int) -> None:
        """It is at another place: what kept it down was said of the one before, and one good test brings it back."""
        patient = self._patients.get(number)
        if patient is not None:
            if not patient.health.up:
                patient.health.pardon(time.monotonic())
                self._stale.add(number)
            self.agenda.cancel(number)  # what is on its way would be of the place before
            self._book_first(patient)
        self.announce(number)

    def announce(self, number: int) -> None:
        """Its address may have changed, or a worker wants our word: tell all workers with the next update."""
        patient = self._patients.get(number)
        if patient is not None:
            self._look_up(patient)
            patient.ward.bar_one(number, self._is_barred(patient.host))
            self._look_for_panic(patient)
            self._publish(self._target(patient))
            if patient.chart.out.follow(self.state(number) in _OUT, time.monotonic()):
                self._stale.add(number)
                self.dirty = True
            self._follow_group(patient.group, patient.ward)

    def _follow_group(self, group: Group, ward: Ward) -> None:
        """The last host of a group that gets connections may have gone, or the first one come."""
        now, down = time.monotonic(), not ward.up
        outage = self._downtimes.setdefault(group.number, Downtime(now if down else 0.0))
        self.dirty = outage.follow(down, now) or self.dirty

    def _look_up(self, patient: Patient) -> None:
        """Its addresses may have gone, or come."""
        number, chart = patient.host.number, patient.chart
        resolved = bool(self._addresses(number))
        if resolved is bool(chart.resolved):
            return
        self._outlive(patient)
        chart.resolved = resolved
        chart.since = chart.since if number in self._running.admin else time.time()
        self._stale.add(number)
        self.dirty = True

    def _outlive(self, patient: Patient) -> None:
        """The state that it was in is over: if that was an outage, remember it."""
        health, chart = patient.health, patient.chart
        if patient.host.number in self._running.admin or chart.resolved is None:
            return
        if not chart.resolved:
            self.past.append(patient.outage(chart.since, time.time(), _NO_ADDRESS, Source.NONE))
        elif not health.up:
            self.past.append(patient.outage(chart.since, time.time(), health.reason, health.source))

    def _target(self, patient: Patient) -> Target:
        number, chart = patient.host.number, patient.chart
        # Who is barred is known to workers by other ways; what we say of it counts when it is not any more.
        usable = patient.health.up or patient.ward.usable(number)
        return Target(number, usable, self._addresses(number), chart.since, chart.returned_at)

    # -- what is reported ----------------------------------------------------------------------

    def fault(self, number: int, fault: Fault, cause: str, well: int = 0) -> None:
        """A connection to the host failed in a worker, after so many that went well."""
        patient = self._patients.get(number)
        if patient is None:
            return
        self._stale.add(number)
        patient.chart.errno = errno_name(fault, cause)
        if well:
            patient.health.interrupt()
        word = Word.BAD if fault is Fault.RESET else Word.DEAD
        turned = self._hear(patient, word, Source.TRAFFIC, f"{fault.value.replace('_', ' ')}: {cause}")
        if not turned and patient.health.stage is Stage.FALLING and (patient.health.count == 1 or not patient.check):
            # Sooner than planned, as on its way down; without a check, some time after the last fault.
            self._book(patient, time.monotonic())
        # The worker suspects it by itself; it wants our word.
        self.announce(number)

    def outcome(self, number: int, due: float, outcome: Outcome, seconds: float) -> None:
        """A check that was booked for `due` is over; it took so long."""
        patient = self._patients.get(number)
        if patient is None:
            return
        self.counted = True
        self._stale.add(number)
        self.dirty = self.dirty or patient.check is None  # rare; and when the next test is due must not be lost
        patient.chart.note(outcome, seconds, time.time())
        if outcome.reached:
            patient.health.tried = False
        if (
            not outcome.good or patient.health.stage is not Stage.UP
        ):  # else it is one good word more, and changes nothing
            self._judge(patient, outcome)
        self._book(patient, due)
        for done in self._waiting.pop(number, ()):
            done(outcome)

    def _judge(self, patient: Patient, outcome: Outcome) -> None:
        if outcome.status == OUR_FAULT or (patient.check is None and patient.health.stage is Stage.UP):
            return
        kind = "test connect" if patient.check is None else f"{patient.check.type} check"
        word, cause = (Word.GOOD, "") if outcome.good else (Word.BAD, f"{kind}: {outcome.cause}")
        turned = self._hear(patient, word, Source.CHECK, cause)
        if not turned and outcome.reached and patient.ward.panic:
            self.announce(patient.host.number)

    def _hear(self, patient: Patient, word: Word, source: Source, cause: str) -> bool:
        health = patient.health
        now = time.monotonic()
        held, flapping, went_down = health.held, health.flapping(now), patient.chart.since
        reason, by = health.reason, health.source
        turned = patient.ward.hear(patient.host.number, now, word, source, cause)
        if health.held and not held:
            logs.warning(Event.HOST_HELD, host=patient.label, min_up=patient.ward.min_up, reason=cause)
        if not turned:
            return False
        chart = patient.chart
        chart.since = time.time()
        if health.up:
            chart.returned_at = chart.since
            self.past.append(patient.outage(went_down, chart.since, reason, by))
            logs.info(Event.HOST_UP, host=patient.label, old="down", new="up", by=source, after=_span(went_down))
        else:
            logs.warning(Event.HOST_DOWN, host=patient.label, old="up", new="down", by=source, reason=cause)
            if health.flapping(now) and not flapping:
                stays = max(0.0, health.until - now)
                logs.warning(Event.HOST_FLAPPING, host=patient.label, falls=health.streak, out=f"{stays:.1f}s")
            self._book(patient, time.monotonic())
        self._tell(patient)
        self._up_again(patient)
        return True

    def _up_again(self, patient: Patient) -> None:
        """If it gets connections now: it did not, before."""
        if patient.health.up and patient.host.number not in self._running.admin:
            self.when_up(patient.label, patient.group, patient.host)

    def _tell(self, patient: Patient) -> None:
        self.dirty = True
        self.changes += 1
        self.announce(patient.host.number)
        self._flush()

    def _look_for_panic(self, patient: Patient) -> None:
        group, ward = patient.group, patient.ward
        if ward.panic is (group.number in self._panicking):
            return
        label = f"{patient.service.name}/{group.name}"
        if ward.panic:
            self._panicking.add(group.number)
            logs.warning(Event.GROUP_PANIC, group=label, hosts=len(ward.hosts), usable=_untried(ward))
        else:
            self._panicking.discard(group.number)
            logs.info(Event.GROUP_CALM, group=label, up=ward.up)
        for number in ward.hosts:
            self._publish(self._target(self._patients[number]))
            if ward.panic:
                self._book(self._patients[number], time.monotonic())

    # -- checks ----------------------------------------------------------------------------------

    def _book_first(self, patient: Patient) -> None:
        if patient.health.pardoned(time.monotonic()):
            self.agenda.book(patient.host.number, time.monotonic())
        elif patient.check is None:
            # Who is down is tested when he was to be, whoever has died or taken over meanwhile.
            tested = time.monotonic() - (time.time() - patient.chart.checked_at)
            self._book(patient, max(patient.health.since, tested))
        else:
            pause = patient.health.pause(patient.ward.panic)
            assert pause is not None  # who has a check is always tested
            self.agenda.book(patient.host.number, time.monotonic() + pause * self._random.random())

    def _book(self, patient: Patient, after: float) -> None:
        pause = patient.health.pause(patient.ward.panic)
        if pause is not None:
            early = 1.0 - _EARLY * self._random.random()
            self.agenda.book(patient.host.number, max(time.monotonic(), after + pause * early))

    def job(self, number: int) -> Job | None:
        """What to check of a host whose time has come."""
        patient = self._patients.get(number)
        if patient is None:
            return None
        elsewhere = patient.check is not None and patient.check.address is not None
        known = self._addresses(ELSEWHERE + patient.origin.number if elsewhere else number)
        if not known:
            self.agenda.book(number, time.monotonic() + _UNRESOLVED)
            return None
        return patient.job(known)

    def retry(self, number: int, done: Callable[[Outcome], None]) -> float:
        """An operator wants the host tested now; one good test brings it back. `done` gets the outcome.

        Returns how long that may take, in seconds.
        """
        patient = self._patients[number]
        patient.health.pardon(time.monotonic())
        self._stale.add(number)
        self._waiting.setdefault(number, []).append(done)
        self.agenda.book(number, time.monotonic())
        # A check that is under way is the answer, too.
        return patient.test.timeout

    # -- what is known ------------------------------------------------------------------------------

    def state(self, number: int) -> HostState:
        """A host's state, as the stats name it."""
        return self._state(number, self._running.admin.get(number), time.time())

    def _state(self, number: int, admin: AdminDown | None, wall: float) -> HostState:
        if admin is not None:
            return admin.state
        if not self._addresses(number):
            return HostState.UNRESOLVED
        patient = self._patients[number]
        if not patient.health.up:
            return HostState.DOWN
        slow = wall - patient.chart.returned_at < patient.group.slowstart
        return HostState.SLOWSTART if slow else HostState.UP

    def _slowstart_percent(self, patient: Patient, wall: float) -> int | None:
        """The part of its weight that it has on its way back; None if it is not on it."""
        span = patient.group.slowstart
        if self._state(patient.host.number, None, wall) is not HostState.SLOWSTART:
            return None
        return round(100 * share(wall - patient.chart.returned_at, span))

    def serves(self, number: int) -> bool:
        """Whether a host that operators let have connections would get any; in a panic, if its group is enabled."""
        patient = self._patients.get(number)
        if patient is None or not self._addresses(number):
            return False
        panic = patient.group.name == patient.service.enabled and patient.ward.usable(number)
        return patient.health.up or panic

    def since(self, number: int) -> float:
        """When the host got into its state, on the wall clock."""
        return self._patients[number].chart.since

    def reason(self, number: int) -> tuple[str, str]:
        """Why the host is as it is, and by whose word."""
        return self._reason(number, self._running.admin.get(number))

    def _reason(self, number: int, admin: AdminDown | None) -> tuple[str, str]:
        if admin is not None:
            return admin.reason, admin.by
        health = self._patients[number].health
        reason = f"kept up by min-up: {health.reason}" if health.held else health.reason
        reasons = (reason, self._why_unchecked(self._patients[number]))
        return "; ".join(filter(None, reasons)), health.source.value

    def _why_unchecked(self, patient: Patient) -> str:
        """What keeps the check of a host that has an address from being made; "" if nothing does."""
        check = patient.check
        if check is None or check.address is None or not self._addresses(patient.host.number):
            return ""
        if self._addresses(ELSEWHERE + patient.origin.number):
            return ""
        return f"can't be checked: {check.address}, where its check goes, has no address"

    def next_check(self, number: int) -> float | None:
        """Seconds until the host is tested; None if no test is planned, or none can be made."""
        at = None if self._why_unchecked(self._patients[number]) else self.agenda.due(number)
        return None if at is None else max(0.0, round(at - time.monotonic(), 1))

    def document(self, number: int) -> dict[str, Any]:
        """Its part of the stats: its state and why, what checks found, and how the verdict stands."""
        patient, admin, wall = self._patients[number], self._running.admin.get(number), time.time()
        health, check = patient.health, patient.check
        reason, by = self._reason(number, admin)
        return {
            "state": self._state(number, admin, wall).value,
            "since": patient.chart.since,
            "reason": reason,
            "by": by,
            "next_check_seconds": self.next_check(number),
            **patient.chart.document(wall),
            "check_type": check and check.type,
            "check_rise": check and check.rise,
            "check_fall": check and check.fall,
            "health": health.progress(),
            "down_seconds": round(patient.chart.out.seconds(time.monotonic()), 1),
            "slowstart_percent": self._slowstart_percent(patient, wall),
            "falls": health.falls,
            "outages": patient.chart.out.falls,
            "flapping": health.flapping(time.monotonic()),
            "faults_since_up": health.faults,
        }

    def panicking(self, group: int) -> bool:
        """Whether all hosts of the group are down."""
        return group in self._panicking

    def group_document(self, number: int) -> dict[str, Any]:
        """A group's part of the stats."""
        downtime = self._downtimes.get(number, Downtime())
        return {
            "panic": self.panicking(number),
            "falls": downtime.falls,
            "down_seconds": round(downtime.seconds(time.monotonic()), 1),
        }

    # -- what must not be lost -------------------------------------------------------------------------

    def dump(self, counts: bool = False) -> bytes:
        """All of it, for the memory file and the next generation; monotonic times of this machine.

        Made anew when a verdict changed, or, with `counts`, a check was counted, and
        only of hosts of which anything did: for thousands it takes a while.
        """
        if self.dirty or (counts and self.counted) or not self._dumped:
            self.dirty = self.counted = False
            for number in self._stale:
                patient = self._patients.get(number)
                known = self._absent.get(number) if patient is None else patient.memory()
                if known is None:
                    self._pieces.pop(number, None)
                else:
                    self._pieces[number] = msgpack.packb(known)
            self._stale.clear()
            downtimes = {number: downtime.dump() for number, downtime in self._downtimes.items()}
            rest = {"past": list(self.past), "panicking": list(self._panicking), "groups": downtimes}
            self._dumped = msgpack.packb({"hosts": self._pieces, **rest})
        return self._dumped

    def down(self) -> list[list[Any]]:
        """Who is down, in names and on the wall clock: for a daemon that starts again."""
        return [patient.fallen() for patient in self._patients.values() if not patient.health.up]

    def expect(self, down: list[list[Any]]) -> None:
        """Who was down when the daemon ended, before `configure`: each is tested at once, and not used before."""
        self._fallen = {(label, ip): rest for label, ip, *rest in down}

    def restore(self, dumped: bytes) -> int:
        """What an earlier hub dumped; before `configure`. Returns how many hosts were not up."""
        value = msgpack.unpackb(dumped, strict_map_key=False)
        self._absent = {number: msgpack.unpackb(piece) for number, piece in value["hosts"].items()}
        self._stale |= self._absent.keys()
        self._panicking = set(value.get("panicking", ()))
        self._downtimes = {number: Downtime(*rest) for number, rest in value.get("groups", {}).items()}
        self.past.extend(value["past"])
        return sum(health[0] != Stage.UP.value for health, _ in self._absent.values())

    def adopt(self, dumped: bytes) -> None:
        """What another hub dumped, for hosts that are known already: its word counts. Publishes all."""
        self.past.clear()
        self.restore(dumped)
        self._patients = {}
        for service in self._running.config.services:
            for group in service.groups:
                self._admit(service, group, {})
        self._stale |= self._patients.keys()
        self.dirty = True
        for number in self._patients:
            self.announce(number)


def _word(admin: Mapping[int, AdminDown], number: int) -> HostState | None:
    return admin[number].state if number in admin else None


def _span(since: float) -> str:
    return f"{time.time() - since:.1f}s"


def _untried(ward: Ward) -> int:
    return sum(map(ward.usable, ward.hosts))
