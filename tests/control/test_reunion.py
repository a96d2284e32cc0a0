"""A newcomer is told by a new hub what the others know, not less."""

from __future__ import annotations

from control.reunion import PATIENCE, TELLING, Reunion


def reunion() -> Reunion:
    found = Reunion()
    found.expect([3, 4], 100.0)
    return found


def test_a_newcomer_waits_until_all_that_lived_have_told() -> None:
    one = reunion()
    assert one.must_wait(5, 100.0)
    assert not one.must_wait(3, 100.0)
    one.seen(3, 100.1)
    one.seen(5, 100.1)
    assert one.must_wait(5, 100.5)
    one.seen(4, 100.5)
    assert one.must_wait(5, 100.5 + TELLING / 2)
    assert not one.must_wait(5, 100.5 + TELLING)


def test_nobody_waits_for_long_for_one_that_does_not_come() -> None:
    one = reunion()
    one.seen(3, 100.0)
    assert one.must_wait(5, 100.0 + PATIENCE * 0.9)
    assert not one.must_wait(5, 100.0 + PATIENCE)
    one.seen(4, 100.0 + PATIENCE * 2)
    assert not one.must_wait(5, 100.0 + PATIENCE * 2)


def test_the_first_hub_expects_nobody() -> None:
    assert not Reunion().must_wait(1, 0.0)
    one = Reunion()
    one.expect([], 100.0)
    assert not one.must_wait(1, 100.0)
