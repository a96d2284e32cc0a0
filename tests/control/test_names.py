"""What a name stands for, and for how long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from control.names import Name, Record, best, members
from director.config.model import Dns, Endpoint, Host

ONE, TWO = Record(0, "10.0.0.1"), Record(0, "10.0.0.2")


def test_a_ttl_is_brought_between_its_bounds() -> None:
    name = Name(100.0)
    for ttl, due in ((0, 102), (2, 102), (30, 130), (1e9, 160)):
        name.found(100.0, [ONE], ttl, Dns(min_ttl=2, max_ttl=60))
        assert name.due == due


def test_the_same_records_in_another_order_are_no_change() -> None:
    name = Name(0.0)
    assert name.found(0.0, [ONE, TWO], 1, Dns())
    assert not name.found(1.0, [TWO, ONE, TWO], 1, Dns())
    assert name.found(2.0, [TWO], 1, Dns())


def test_failures_are_followed_by_questions_ever_further_apart() -> None:
    name, now, waits = Name(0.0), 0.0, []
    for _ in range(7):
        assert not name.failed(now, "no answer", Dns())
        waits.append(name.due - now)
        now = name.due
    assert waits == [1, 2, 4, 8, 15, 15, 15]


def test_the_last_good_answer_is_held() -> None:
    name = Name(0.0)
    name.found(0.0, [ONE], 1, Dns())
    assert not name.failed(1e6, "gone", Dns())
    assert name.records == (ONE,)
    assert not name.failed(9.0, "gone", Dns(hold=10))
    assert 10 <= name.due < 11
    assert name.failed(name.due, "gone", Dns(hold=10))
    assert not name.records
    assert not name.failed(20.0, "gone", Dns(hold=10))


def test_the_best_address_is_the_one_in_use() -> None:
    six = Record(0, "fd00::1")
    assert best([TWO, ONE, six], "ipv4", []) == ["10.0.0.1", "fd00::1"]
    assert best([ONE, TWO, six], "ipv6", ["10.0.0.2"]) == ["fd00::1", "10.0.0.2"]
    assert best([], "ipv4", ["10.0.0.2"]) == []


HOST = Host(name="app", ip=Endpoint(srv="_http._tcp.app.test"), weight=2.0)


def test_only_the_first_priority_serves_and_the_others_stand_by() -> None:
    records = (Record(5, "10.0.0.1", 80, 1), Record(5, "10.0.0.2", 80, 3), Record(9, "10.0.0.3", 81, 0))
    found = members(HOST, records, lambda ip: -ip.port)
    assert [(str(one.ip), one.weight, one.backup, one.number) for one in found] == [
        ("10.0.0.1:80", 1.0, False, -80),
        ("10.0.0.2:80", 3.0, False, -80),
        ("10.0.0.3:81", 2.0, True, -81),
    ]


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=20))
def test_weights_of_a_record_average_to_the_hosts_own_and_none_is_nothing(weights: list[int]) -> None:
    records = tuple(Record(0, f"10.0.0.{place}", 80, weight) for place, weight in enumerate(weights))
    found = members(HOST, records, lambda ip: -1)
    assert all(one.weight > 0 for one in found)
    assert abs(sum(one.weight for one in found) / len(found) - 2.0) < 0.01
