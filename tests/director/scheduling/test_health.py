"""When a host is down, and when it is tried again."""

from __future__ import annotations

from director.scheduling.health import Health


def test_a_host_starts_up_and_is_not_tested() -> None:
    health = Health(100.0, checktime=120.0)
    assert health.up
    assert health.next_test(group_all_down=True) is None
    assert not health.due(1000.0, group_all_down=True)


def test_one_fault_takes_it_down() -> None:
    health = Health(100.0, checktime=120.0)
    assert health.fault(150.0, "connection refused")
    assert not health.up
    assert (health.since, health.reason, health.faults, health.ejections) == (150.0, "connection refused", 1, 1)


def test_more_faults_change_nothing_but_the_count() -> None:
    health = Health(100.0, checktime=120.0)
    health.fault(150.0, "connection refused")
    assert not health.fault(151.0, "no route")
    assert (health.since, health.reason, health.faults, health.ejections) == (150.0, "no route", 2, 1)


def test_it_is_tested_after_checktime() -> None:
    health = Health(100.0, checktime=120.0)
    health.fault(150.0, "connection refused")
    assert not health.due(269.9, group_all_down=False)
    assert health.due(270.0, group_all_down=False)
    health.testing(270.0)
    assert not health.due(271.0, group_all_down=False)
    assert health.due(390.0, group_all_down=False)


def test_it_is_tested_each_second_while_the_group_has_nothing_else() -> None:
    health = Health(100.0, checktime=120.0)
    health.fault(150.0, "connection refused")
    assert health.due(151.0, group_all_down=True)
    health.testing(151.0)
    assert not health.due(151.9, group_all_down=True)


def test_a_good_test_brings_it_back() -> None:
    health = Health(100.0, checktime=120.0)
    health.fault(150.0, "connection refused")
    assert health.good(200.0)
    assert health.up
    assert (health.since, health.reason, health.faults, health.ejections) == (200.0, "", 0, 1)
    assert not health.good(201.0)
