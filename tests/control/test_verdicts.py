"""Who is up, as workers and commands are told."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import replace
from random import Random

from hypothesis import given

from control.dialogues import Outcome
from control.verdicts import ELSEWHERE, Verdicts
from director import logs
from director.addresses import literal
from director.config.model import Check, Config, Endpoint, Group, Host, Service
from director.messages import AdminDown, Fault, Happened, HostState, Running, Target
from tests.director.config.configs import histories

HOSTS = tuple(Host(name=name, ip=Endpoint("127.0.0.1", 1), number=number) for name, number in (("a", 3), ("b", 4)))
CHECK = Check(rise=1, fall=1, timeout=0.5)
GOOD, BAD = Outcome(True, "L4OK"), Outcome(False, "L7STS", "status 500", 500)


def config(check: Check | None = None, **attributes: float) -> Config:
    group = Group(name="main", hosts=HOSTS, check=check, number=2, **attributes)  # type: ignore[arg-type]
    return Config(services=(Service(name="web", groups=(group,), enabled="main", number=1),))


class Told:
    """What workers and the prober are told."""

    def __init__(self) -> None:
        self.targets: dict[int, Target] = {}
        self.booked: dict[int, float] = {}
        self.cancelled: list[int] = []
        self.flushes = 0
        self.addresses = {3: literal(HOSTS[0].ip) or (), 4: literal(HOSTS[1].ip) or ()}
        self.verdicts = Verdicts(lambda number: self.addresses.get(number, ()), self.take, self.flush, Random(1))
        self.verdicts.agenda = self

    def take(self, target: Target) -> None:
        self.targets[target.host] = target

    def flush(self) -> None:
        self.flushes += 1

    def book(self, number: int, at: float) -> None:
        self.booked[number] = at

    def cancel(self, number: int) -> None:
        self.cancelled.append(number)
        self.booked.pop(number, None)

    def due(self, number: int) -> float | None:
        return self.booked.get(number)

    def up(self) -> dict[int, bool]:
        return {number: target.up for number, target in self.targets.items()}


def told(check: Check | None = None, **attributes: float) -> Told:
    found = Told()
    found.verdicts.configure(Running(1, config(check, **attributes)))
    return found


def test_all_hosts_are_up_at_first_and_workers_are_told() -> None:
    bare = told()
    assert bare.up() == {3: True, 4: True}
    assert bare.verdicts.state(3) is HostState.UP
    assert bare.verdicts.next_check(3) is None
    assert bare.verdicts.targets() == ()  # to a new worker, that needs no saying


def test_a_new_worker_is_told_of_hosts_that_are_not_as_the_config_says() -> None:
    bare = told()
    bare.verdicts.fault(3, Fault.CONNECT_REFUSED, "")
    bare.addresses[4] = ()
    assert {target.host: (target.up, target.addresses) for target in bare.verdicts.targets()} == {
        3: (False, literal(HOSTS[0].ip)),
        4: (True, ()),
    }


def test_hosts_with_a_check_are_booked_within_the_first_interval() -> None:
    checked = told(CHECK)
    assert set(checked.booked) == {3, 4}
    assert all(0 <= at - time.monotonic() + 0.1 < CHECK.interval + 0.1 for at in checked.booked.values())


def test_a_fault_is_told_at_once_and_a_good_test_takes_it_back() -> None:
    bare = told()
    bare.verdicts.fault(3, Fault.CONNECT_REFUSED, "Connection refused")
    assert bare.flushes == 1
    assert not bare.targets[3].up
    assert bare.verdicts.state(3) is HostState.DOWN
    assert bare.verdicts.reason(3) == ("connect refused: Connection refused", "traffic")
    assert bare.verdicts.document(3)["errno"] == "ECONNREFUSED"
    assert 110 < bare.booked[3] - time.monotonic() < 121
    bare.verdicts.outcome(3, time.monotonic(), GOOD, 0.0)
    assert bare.flushes == 2
    assert bare.targets[3].up
    assert bare.targets[3].returned_at > 0
    (outage,) = bare.verdicts.past
    assert (outage["name"], outage["by"], outage["errno"]) == ("a", "traffic", "ECONNREFUSED")


def test_a_drain_that_becomes_a_maintenance_is_another_state_and_begins_then() -> None:
    bare = told()
    bare.verdicts.configure(Running(2, config(), {3: AdminDown(HostState.DRAIN, "root", 1.0)}))
    draining = bare.verdicts.since(3)
    bare.verdicts.configure(Running(3, config(), {3: AdminDown(HostState.DRAIN, "root", 2.0, until_at=9.0)}))
    assert bare.verdicts.since(3) == draining  # it goes on
    returned = bare.targets[3].returned_at
    bare.verdicts.configure(Running(4, config(), {3: AdminDown(HostState.MAINT, "root", 3.0)}))
    assert bare.verdicts.since(3) > draining
    assert bare.targets[3].returned_at == returned  # it is not back


def test_a_host_that_was_taken_out_before_a_restart_is_out_since_then() -> None:
    found = Told()
    found.verdicts.configure(Running(1, config(), {3: AdminDown(HostState.MAINT, "root", 1000.0)}))
    assert found.verdicts.since(3) == 1000.0


def test_how_long_a_host_was_out_is_counted_whoever_took_it_out() -> None:
    bare = told(slowstart=60.0)

    def out() -> bool:
        return bool(bare.verdicts._patients[3].chart.out.since)

    assert not out() and bare.verdicts.document(3)["down_seconds"] == 0
    bare.verdicts.fault(3, Fault.CONNECT_REFUSED, "Connection refused")
    assert out()
    bare.verdicts.outcome(3, time.monotonic(), GOOD, 0.0)
    assert not out() and bare.verdicts.document(3)["down_seconds"] >= 0
    assert bare.verdicts.document(3)["slowstart_percent"] == 10
    assert bare.verdicts.document(4)["slowstart_percent"] is None
    maint = AdminDown(HostState.MAINT, "root", time.time())
    bare.verdicts.configure(Running(2, config(slowstart=60.0), {3: maint}))
    assert out()
    drain = AdminDown(HostState.DRAIN, "root", time.time())
    bare.verdicts.configure(Running(3, config(slowstart=60.0), {3: drain}))
    assert not out()  # its connections go on
    bare.verdicts.configure(Running(4, config(slowstart=60.0), {3: maint}))
    assert out()
    bare.verdicts.configure(Running(5, config(slowstart=60.0)))
    assert not out()
    bare.addresses[3] = ()
    bare.verdicts.announce(3)
    assert out()
    assert bare.verdicts.document(3)["outages"] == 4 and bare.verdicts.document(3)["falls"] == 1


def test_a_host_has_not_gone_that_never_was_in_use() -> None:
    found = Told()
    found.addresses = {3: ()}
    maint = AdminDown(HostState.MAINT, "root", time.time())
    found.verdicts.configure(Running(1, config(), {4: maint}))
    assert [found.verdicts.document(number)["outages"] for number in (3, 4)] == [0, 0]
    assert all(found.verdicts._patients[number].chart.out.since for number in (3, 4))


def test_how_long_a_group_had_nobody_is_counted_over_hubs() -> None:
    first, second = told(), Told()
    for number in (3, 4):
        assert first.verdicts.group_document(2) == {"panic": False, "falls": 0, "down_seconds": 0.0}
        first.verdicts.fault(number, Fault.CONNECT_REFUSED, "")
    assert first.verdicts.group_document(2)["falls"] == 1
    second.verdicts.restore(first.verdicts.dump())
    second.verdicts.configure(Running(1, config()))
    assert second.verdicts._downtimes[2].since == first.verdicts._downtimes[2].since
    second.verdicts.outcome(3, 0.0, GOOD, 0.01)
    assert not second.verdicts._downtimes[2].since
    maint = AdminDown(HostState.MAINT, "root", time.time())
    second.verdicts.configure(Running(2, config(), {3: maint}))
    assert second.verdicts.group_document(2)["falls"] == 2
    second.verdicts.configure(Running(3, Config()))
    assert not second.verdicts._downtimes


def test_a_group_has_not_fallen_that_waits_for_its_first_host() -> None:
    found = Told()
    found.addresses = {3: (), 4: ()}
    found.verdicts.configure(Running(1, config()))
    assert found.verdicts._downtimes[2].since
    assert found.verdicts.group_document(2)["falls"] == 0
    empty = Group(name="main", number=2)
    found.addresses = {3: literal(HOSTS[0].ip) or ()}
    found.verdicts.announce(3)
    found.verdicts.configure(Running(2, Config(services=(Service(name="web", groups=(empty,), number=1),))))
    assert found.verdicts.group_document(2)["falls"] == 1


def test_a_bad_check_is_counted_and_the_next_one_booked() -> None:
    checked = told(CHECK)
    checked.verdicts.outcome(3, time.monotonic(), BAD, 0.0)
    document = checked.verdicts.document(3)
    assert document["checks"] == {"ok": 0, "failed": 1}
    assert (document["check_status"], document["check_code"], document["health"]) == ("L7STS", 500, "down")
    assert (document["check_rise"], document["check_fall"]) == (CHECK.rise, CHECK.fall)
    assert checked.verdicts.reason(3) == ("tcp check: status 500", "check")
    assert 1.5 < checked.booked[3] - time.monotonic() < 2.1


def test_when_all_are_down_by_checks_traffic_may_still_try_them_once() -> None:
    checked = told(CHECK)
    for number in (3, 4):
        checked.verdicts.outcome(number, time.monotonic(), BAD, 0.0)
    assert checked.verdicts.panicking(2)
    assert checked.up() == {3: True, 4: True}
    assert checked.verdicts.state(3) is HostState.DOWN
    checked.verdicts.fault(3, Fault.CONNECT_REFUSED, "Connection refused")
    assert checked.up() == {3: False, 4: True}
    checked.verdicts.outcome(4, time.monotonic(), GOOD, 0.0)
    assert not checked.verdicts.panicking(2)
    assert checked.up() == {3: False, 4: True}


def test_min_up_keeps_the_last_host() -> None:
    checked = told(CHECK, min_up=1)
    for number in (3, 4):
        checked.verdicts.outcome(number, time.monotonic(), BAD, 0.0)
    assert checked.up() == {3: False, 4: True}
    assert checked.verdicts.reason(4)[0].startswith("kept up by min-up")


def test_a_host_that_returns_starts_slowly() -> None:
    checked = told(CHECK, slowstart=30.0)
    assert checked.verdicts.state(3) is HostState.UP
    checked.verdicts.outcome(3, time.monotonic(), BAD, 0.0)
    checked.verdicts.outcome(3, time.monotonic(), GOOD, 0.0)
    assert checked.verdicts.state(3) is HostState.SLOWSTART


def test_an_operators_word_and_a_missing_address_come_first() -> None:
    found = Told()
    found.verdicts.configure(Running(1, config(), {3: AdminDown(HostState.MAINT, "me", 1.0, "disk")}))
    assert found.verdicts.state(3) is HostState.MAINT
    assert found.verdicts.reason(3) == ("disk", "me")
    del found.addresses[4]
    found.verdicts.announce(4)
    assert found.verdicts.state(4) is HostState.UNRESOLVED


def test_a_check_may_go_elsewhere() -> None:
    def where(check: Check, of_check: Endpoint | None = None) -> object:
        found = told(check)
        found.addresses[ELSEWHERE + 3] = literal(of_check) or () if of_check else ()
        job = found.verdicts.job(3)
        return job and job.addresses[0][1]

    assert where(Check(port=99)) == ("127.0.0.1", 99)
    assert where(Check(address="127.0.0.9", port=99), Endpoint("127.0.0.9", 99)) == ("127.0.0.9", 99)
    assert where(Check(address="::1"), Endpoint("::1", 1)) == ("::1", 1)
    assert where(Check(address="checks.test")) is None
    (web,) = config(Check(address="checks.test", port=99)).services
    assert Verdicts.names(web)[ELSEWHERE + 3] == Endpoint("checks.test", 99)


def test_a_check_that_goes_nowhere_is_said_whatever_the_host_is() -> None:
    found = told(Check(address="checks.test"))
    assert found.verdicts.reason(3) == ("can't be checked: checks.test, where its check goes, has no address", "")
    found.verdicts.fault(3, Fault.CONNECT_REFUSED, "refused")
    reason, by = found.verdicts.reason(3)
    assert reason.startswith("connect refused: refused; can't be checked: checks.test") and by == "traffic"
    assert found.verdicts.next_check(3) is None
    address, found.addresses[3] = found.addresses[3], ()
    assert "checked" not in found.verdicts.reason(3)[0]  # that it has no address itself says more
    found.addresses[3] = address
    found.addresses[ELSEWHERE + 3] = literal(Endpoint("127.0.0.9", 99)) or ()
    assert found.verdicts.reason(3) == ("connect refused: refused", "traffic")
    assert found.verdicts.next_check(3) is not None


def test_members_are_checked_under_the_name_and_at_the_address_that_the_config_has() -> None:
    origin = Host(name="pool", ip=Endpoint("pool.test", 80), number=9)
    member = Host(name="pool:10.0.0.7:80", ip=Endpoint("10.0.0.7", 80), number=-5)
    for check, where in ((Check(), ("10.0.0.7", 80)), (Check(address="checks.test"), ("10.0.0.9", 80))):
        found = Told()
        found.verdicts = Verdicts(found.addresses.__getitem__, found.take, found.flush, Random(1), lambda host: origin)
        found.verdicts.agenda = found
        found.addresses |= {-5: literal(member.ip) or (), ELSEWHERE + 9: literal(Endpoint("10.0.0.9", 80)) or ()}
        group = Group(name="main", hosts=(member,), check=check, number=2)
        found.verdicts.configure(Running(1, Config(services=(Service(name="web", groups=(group,), number=1),))))
        job = found.verdicts.job(-5)
        assert job is not None
        assert (job.name, job.addresses[0][1]) == ("pool.test:80", where)


def test_what_was_asked_by_an_earlier_config_is_no_answer_to_this_one() -> None:
    found = told(CHECK)
    found.cancelled.clear()
    found.verdicts.configure(Running(2, config(Check(type="http"))))
    assert found.cancelled == [3, 4]
    assert set(found.booked) == {3, 4}


def test_a_retry_is_booked_at_once_and_one_good_test_is_enough() -> None:
    checked = told(Check(rise=5, fall=1))
    checked.verdicts.outcome(3, time.monotonic(), BAD, 0.0)
    heard: list[Outcome] = []
    checked.verdicts.retry(3, heard.append)
    assert checked.booked[3] <= time.monotonic()
    checked.verdicts.outcome(3, time.monotonic(), GOOD, 0.0)
    assert heard == [GOOD]
    assert checked.targets[3].up


def test_who_is_down_is_tested_at_once_where_it_went() -> None:
    bare = told()
    bare.verdicts.fault(3, Fault.CONNECT_REFUSED, "")
    for number in (3, 4):
        bare.addresses[number] = literal(Endpoint("127.0.0.2", 1)) or ()
        bare.verdicts.moved(number)
        assert bare.targets[number].addresses == bare.addresses[number]
    assert bare.booked.keys() == {3}
    assert bare.booked[3] <= time.monotonic()
    hosts = tuple(replace(host, ip=Endpoint("127.0.0.2", 1)) for host in HOSTS)
    group = Group(name="main", hosts=hosts, number=2)
    service = Service(name="web", groups=(group,), enabled="main", number=1)
    bare.verdicts.configure(Running(2, Config(services=(service,))))
    assert bare.booked.keys() == {3}
    assert bare.booked[3] <= time.monotonic()
    bare.verdicts.outcome(3, time.monotonic(), GOOD, 0.0)
    assert bare.targets[3].up


def test_a_check_that_is_on_its_way_when_a_host_moves_says_nothing_of_it() -> None:
    checked = told(CHECK)
    checked.cancelled.clear()
    checked.addresses[3] = literal(Endpoint("127.0.0.2", 1)) or ()
    checked.verdicts.moved(3)
    assert checked.cancelled == [3]
    assert checked.booked[3] - time.monotonic() <= CHECK.interval


def test_what_is_unknown_is_ignored() -> None:
    found = Told()
    found.verdicts.fault(9, Fault.RESET, "?")
    found.verdicts.outcome(9, 0.0, GOOD, 0.0)
    found.verdicts.announce(9)
    assert found.verdicts.job(9) is None
    assert found.targets == {}


def test_a_successor_goes_on_with_what_was_dumped() -> None:
    first, second = told(), Told()
    first.verdicts.fault(3, Fault.CONNECT_REFUSED, "Connection refused")
    assert first.verdicts.dirty
    assert second.verdicts.restore(first.verdicts.dump()) == 1
    second.verdicts.configure(Running(1, config()))
    assert second.up() == {3: False, 4: True}
    assert second.verdicts.since(3) == first.verdicts.since(3)
    assert 3 in second.booked


def test_a_member_that_comes_back_is_the_same_host_as_before_also_for_the_next_hub() -> None:
    both, one = config(CHECK), replace(config(CHECK), services=(replace(config(CHECK).services[0], groups=()),))
    places = {3}
    first, second = told(CHECK), Told()
    for found in (first, second):
        found.verdicts._places = lambda: places
    first.verdicts.outcome(3, 0.0, BAD, 0.01)
    first.verdicts.outcome(4, 0.0, BAD, 0.01)
    first.verdicts.configure(Running(2, one))
    second.verdicts.restore(first.verdicts.dump())
    second.verdicts.configure(Running(2, one))
    for found in (first, second):
        found.verdicts.configure(Running(3, both))
        assert found.up() == {3: False, 4: True}
        assert found.verdicts.document(3)["checks"] == {"ok": 0, "failed": 1}
        assert found.verdicts.document(4)["checks"] == {"ok": 0, "failed": 0}
    places.clear()
    first.verdicts.configure(Running(4, one))
    first.verdicts.configure(Running(5, both))
    assert first.verdicts.document(3)["checks"] == {"ok": 0, "failed": 0}


def test_who_was_down_when_the_daemon_ended_is_not_used_before_one_good_test() -> None:
    first, second = told(CHECK), Told()
    first.verdicts.outcome(3, 0.0, BAD, 0.01)
    second.verdicts.expect(first.verdicts.down())
    second.verdicts.configure(Running(1, config(replace(CHECK, rise=5))))
    assert second.up() == {3: False, 4: True}
    assert second.verdicts.reason(3) == first.verdicts.reason(3)
    assert second.verdicts.since(3) == first.verdicts.since(3)
    assert second.booked[3] <= time.monotonic()
    second.verdicts.outcome(3, 0.0, GOOD, 0.01)
    assert second.up() == {3: True, 4: True}
    assert second.verdicts.down() == []


def test_the_test_of_who_is_down_stays_due_when_it_was() -> None:
    first, second = told(), Told()
    first.verdicts.fault(3, Fault.CONNECT_REFUSED, "")
    fell = time.monotonic()
    first.verdicts._patients[3].health.since = fell - 50.0
    second.verdicts.restore(first.verdicts.dump())
    second.verdicts.configure(Running(1, config()))
    assert 60.0 < second.booked[3] - fell < 71.0
    first.verdicts.outcome(3, 0.0, BAD, 0.01)  # was tested meanwhile
    assert first.verdicts.dirty
    second = Told()
    second.verdicts.restore(first.verdicts.dump())
    second.verdicts.configure(Running(1, config()))
    assert 110.0 < second.booked[3] - fell < 121.0


def test_who_is_down_is_tested_by_another_checktime_as_soon_as_there_is_one() -> None:
    bare = told()
    bare.verdicts.fault(3, Fault.CONNECT_REFUSED, "")
    fell = time.monotonic()
    bare.verdicts.configure(Running(2, replace(config(), checktime=10.0)))
    assert bare.booked[3] - fell < 11.0
    assert 4 not in bare.booked


def test_a_panic_that_goes_on_is_told_once() -> None:
    said: list[Happened] = []
    first, second = told(), Told()
    for number in (3, 4):
        first.verdicts.fault(number, Fault.CONNECT_REFUSED, "")
    logs.listen(said.append)
    try:
        second.verdicts.restore(first.verdicts.dump())
        second.verdicts.configure(Running(1, config()))
        assert said == []
        assert second.verdicts.panicking(2)
        assert max(second.booked.values()) < time.monotonic() + 1.1  # everybody is tested every second
        second.verdicts.outcome(3, 0.0, GOOD, 0.01)
        assert [one.event for one in said] == ["host up", "group calm"]
    finally:
        logs.listen(None)


@given(histories())
def test_change_by_change_the_hub_gets_where_it_would_begin_anew(history: list[Running]) -> None:
    changed, anew = Told(), Told()
    where = literal(Endpoint("10.0.0.1", 80)) or ()
    for one in (changed, anew):
        one.addresses = defaultdict(lambda: where)
        one.verdicts = Verdicts(lambda number: where, one.take, one.flush, Random(1))
        one.verdicts.agenda = one
    for running in history:
        changed.verdicts.configure(running)
    anew.verdicts.configure(history[-1])
    pictures = [
        {
            number: (one.label, one.host.weight, one.ward.barred, one.ward.up, told.verdicts.state(number))
            for number, one in told.verdicts._patients.items()
        }
        for told in (changed, anew)
    ]
    assert pictures[0] == pictures[1]
    # Workers know of all hosts there are what a hub that begins anew would tell them.
    assert anew.up().items() <= changed.up().items()


def test_who_is_down_or_without_an_address_serves_nobody_unless_there_is_a_panic() -> None:
    checked = told(CHECK)
    assert checked.verdicts.serves(3) and checked.verdicts.serves(4)
    assert not checked.verdicts.serves(99)
    checked.verdicts.outcome(3, time.monotonic(), BAD, 0.0)
    assert not checked.verdicts.serves(3)
    checked.addresses[4] = ()
    assert not checked.verdicts.serves(4)
    checked.verdicts.announce(4)
    assert checked.verdicts.serves(3)  # in a panic
    (web,) = config(CHECK).services
    checked.verdicts.configure(Running(2, Config(services=(replace(web, enabled="next"),))))
    assert not checked.verdicts.serves(3)  # it gets nothing, as nobody in its group does


def test_without_a_check_a_reset_is_forgotten_when_none_has_followed() -> None:
    bare = told()
    bare.verdicts.fault(3, Fault.RESET, "at once")
    first = bare.booked[3]
    assert 9.0 < first - time.monotonic() < 10.1
    bare.verdicts.fault(3, Fault.RESET, "at once")
    assert bare.booked[3] != first
    assert bare.verdicts.document(3)["health"] == "going down 2/3"
    del bare.booked[3]
    bare.verdicts.outcome(3, time.monotonic(), GOOD, 0.0)
    assert bare.verdicts.document(3)["health"] == "up"
    assert bare.verdicts.reason(3) == ("", "")
    assert 3 not in bare.booked


def test_without_a_check_who_is_held_is_well_again_or_falls_once_it_may() -> None:
    bare = told(min_up=1)
    for number in (3, 4):
        bare.verdicts.fault(number, Fault.CONNECT_REFUSED, "refused")
    assert "min-up" in bare.verdicts.reason(4)[0]
    assert 110 < bare.booked[4] - time.monotonic() < 121
    bare.verdicts.outcome(4, time.monotonic(), BAD, 0.0)
    assert bare.verdicts.state(4) is HostState.UP
    bare.verdicts.outcome(3, time.monotonic(), GOOD, 0.0)
    bare.verdicts.outcome(4, time.monotonic(), BAD, 0.0)
    assert bare.verdicts.state(4) is HostState.DOWN
    bare.verdicts.outcome(4, time.monotonic(), GOOD, 0.0)
    assert bare.verdicts.reason(4) == ("", "")


def test_what_a_check_said_is_forgotten_when_there_is_none_any_more() -> None:
    checked = told(replace(CHECK, fall=3))
    checked.verdicts.outcome(3, time.monotonic(), BAD, 0.0)
    checked.verdicts.configure(Running(2, config()))
    assert checked.booked[3] - time.monotonic() < 10.1
    checked.verdicts.outcome(3, time.monotonic(), GOOD, 0.0)
    assert checked.verdicts.document(3)["health"] == "up"


def test_who_a_check_took_out_is_tested_at_once_when_there_is_none_any_more() -> None:
    checked = told(CHECK)
    checked.verdicts.outcome(3, time.monotonic(), BAD, 0.0)
    checked.verdicts.configure(Running(2, config()))
    assert checked.booked.keys() == {3}
    assert checked.booked[3] <= time.monotonic()
    checked.verdicts.outcome(3, time.monotonic(), GOOD, 0.0)
    assert checked.targets[3].up


def test_the_end_of_a_certificate_is_told_while_a_check_sees_it() -> None:
    seen = told(Check(type="tls"))
    seen.verdicts.outcome(3, time.monotonic(), GOOD._replace(expires_at=time.time() + 86400.0), 0.0)
    for check, days in ((Check(type="https"), 1.0), (CHECK, None), (Check(type="tls"), None)):
        seen.verdicts.configure(Running(2, config(check)))
        assert seen.verdicts.document(3)["tls_expiry_days"] == days


def test_without_a_check_resets_after_connections_that_went_well_are_not_in_a_row() -> None:
    bare = told()
    for _ in range(4):
        bare.verdicts.fault(3, Fault.RESET, "at once", well=19)
    assert bare.verdicts.state(3) is HostState.UP
    for _ in range(2):
        bare.verdicts.fault(3, Fault.RESET, "at once")
    assert bare.verdicts.state(3) is HostState.DOWN


def test_a_host_is_unresolved_since_it_lost_its_address_and_then_remembered_for_it() -> None:
    bare = told()
    bare.verdicts.document(3)
    began = bare.verdicts.since(3)
    address, bare.addresses[3] = bare.addresses[3], ()
    bare.verdicts.announce(3)
    lost = bare.verdicts.since(3)
    assert lost > began and bare.verdicts.state(3) is HostState.UNRESOLVED
    bare.verdicts.announce(3)
    assert bare.verdicts.since(3) == lost and not bare.verdicts.past
    bare.addresses[3] = address
    bare.verdicts.announce(3)
    (outage,) = bare.verdicts.past
    assert (outage["from"], outage["name"], outage["by"]) == (lost, "a", "")
    assert "no address" in outage["reason"] and outage["to"] <= bare.verdicts.since(3) != lost


def test_a_host_that_is_down_when_it_loses_its_address_has_two_outages() -> None:
    bare = told()
    bare.verdicts.fault(3, Fault.CONNECT_REFUSED, "refused")
    address, bare.addresses[3] = bare.addresses[3], ()
    bare.verdicts.announce(3)
    bare.addresses[3] = address
    bare.verdicts.announce(3)
    assert [outage["by"] for outage in bare.verdicts.past] == ["traffic", ""]
    assert bare.verdicts.state(3) is HostState.DOWN


def test_a_host_that_waits_for_its_first_answer_has_no_outage_behind_it() -> None:
    bare = Told()
    address, bare.addresses[3] = bare.addresses[3], ()
    bare.verdicts.configure(Running(1, config()))
    began = bare.verdicts.since(3)
    bare.addresses[3] = address
    bare.verdicts.announce(3)
    assert not bare.verdicts.past and bare.verdicts.since(3) > began


def test_a_host_without_members_is_unresolved_since_they_went() -> None:
    bare = Told()
    bare.verdicts._origin = lambda host: HOSTS[0] if host.number < 0 else host
    web = config().services[0]

    def become(version: int, *hosts: Host) -> None:
        group = replace(web.groups[0], hosts=hosts)
        bare.verdicts.configure(Running(version, Config(services=(replace(web, groups=(group,)),))))

    pool, bare.addresses[3] = HOSTS[0], ()
    members = tuple(replace(pool, name=f"a:{number}", number=-number) for number in (1, 2))
    bare.addresses.update({-1: literal(pool.ip) or (), -2: literal(pool.ip) or ()})
    become(1, pool)
    become(2, *members)
    assert not bare.verdicts.past
    between = time.time()
    become(3, pool)
    assert bare.verdicts.since(3) >= between
    become(4, *members)
    (outage,) = bare.verdicts.past
    assert outage["name"] == "a" and outage["from"] >= between
