"""When a host is down, when it is tested, and when it is back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.config.model import Check
from director.scheduling.health import FLAPPING, Health, Rules, Source, Stage, Word

CHECKED = Rules.of(Check(interval=2.0, fastinterval=0.5, downinterval=5.0, rise=2, fall=3), 120.0)
BARE = Rules.of(None, 120.0)


def check(health: Health, now: float, good: bool) -> bool:
    return health.hear(now, Word.GOOD if good else Word.BAD, Source.CHECK, "" if good else "tcp check: refused")


def refused(health: Health, now: float) -> bool:
    return health.hear(now, Word.DEAD, Source.TRAFFIC, "connect refused: Connection refused")


def test_a_host_starts_up_and_without_a_check_is_not_tested() -> None:
    health = Health(100.0, BARE)
    assert health.up
    assert health.pause(nobody=True) is None


def test_without_a_check_one_failed_connect_takes_it_out() -> None:
    health = Health(100.0, BARE)
    assert refused(health, 150.0)
    assert not health.up
    assert (health.since, health.reason, health.faults, health.falls) == (
        150.0,
        "connect refused: Connection refused",
        1,
        1,
    )
    assert health.source is Source.TRAFFIC
    assert health.pause(nobody=False) == 120.0
    assert health.pause(nobody=True) == 1.0


def test_more_faults_change_nothing_but_the_count() -> None:
    health = Health(100.0, BARE)
    refused(health, 150.0)
    assert not health.hear(151.0, Word.DEAD, Source.TRAFFIC, "no route")
    assert (health.since, health.reason, health.faults, health.falls) == (150.0, "no route", 2, 1)


def test_without_a_check_a_good_test_after_checktime_brings_it_back() -> None:
    health = Health(100.0, BARE)
    refused(health, 150.0)
    assert check(health, 270.0, good=True)
    assert health.up
    assert (health.since, health.reason, health.faults, health.falls) == (270.0, "", 0, 1)


def test_without_a_check_resets_count_only_close_together() -> None:
    health = Health(0.0, BARE)
    for now in (0.0, 20.0, 40.0, 60.0):
        assert not health.hear(now, Word.BAD, Source.TRAFFIC, "reset")
    assert not health.hear(61.0, Word.BAD, Source.TRAFFIC, "reset")
    assert health.hear(62.0, Word.BAD, Source.TRAFFIC, "reset")


def test_without_a_check_a_good_test_ends_the_count_of_resets_that_have_stopped() -> None:
    health = Health(0.0, BARE)
    health.hear(1.0, Word.BAD, Source.TRAFFIC, "reset")
    assert (health.progress(), health.pause(nobody=False)) == ("going down 1/3", 10.0)
    assert not check(health, 11.0, good=True)
    assert (health.progress(), health.reason, health.pause(nobody=False)) == ("up", "", None)


def test_without_a_check_who_is_held_is_tested_after_checktime() -> None:
    health = Health(0.0, BARE)
    health.hear(1.0, Word.DEAD, Source.TRAFFIC, "refused", may_fall=False)
    assert health.held and health.pause(nobody=False) == 120.0
    health.hear(121.0, Word.BAD, Source.CHECK, "test connect", may_fall=False)
    assert health.held and health.pause(nobody=False) == 120.0
    again = Health.restored(0.0, BARE, health.dump())
    assert check(again, 241.0, good=False) and not again.up  # another is back
    assert not check(health, 241.0, good=True)
    assert (health.held, health.reason, health.progress()) == (False, "", "up")


def test_without_a_check_resets_count_only_in_a_row() -> None:
    health = Health(0.0, BARE)
    for now in range(5):
        health.interrupt()
        assert not health.hear(now, Word.BAD, Source.TRAFFIC, "reset")
        assert health.progress() == "going down 1/3"
    assert not health.hear(6.0, Word.BAD, Source.TRAFFIC, "reset")
    assert health.hear(6.1, Word.BAD, Source.TRAFFIC, "reset")
    health.interrupt()
    assert not health.up
    checked = Health(0.0, CHECKED)
    check(checked, 1.0, good=False)
    checked.interrupt()  # it is checks that must go well
    check(checked, 2.0, good=False)
    assert checked.progress() == "going down 2/3"


def test_checks_take_it_down_by_fall_and_up_by_rise() -> None:
    health = Health(0.0, CHECKED)
    stages = [
        (check(health, now, bool(good)), health.progress()) for now, good in enumerate([0, 0, 1, 0, 0, 0, 1, 0, 1, 1])
    ]
    assert stages == [
        (False, "going down 1/3"),
        (False, "going down 2/3"),
        (False, "up"),
        (False, "going down 1/3"),
        (False, "going down 2/3"),
        (True, "down"),
        (False, "going up 1/2"),
        (False, "down"),
        (False, "going up 1/2"),
        (True, "up"),
    ]


def test_intervals_are_those_of_the_stage() -> None:
    health = Health(0.0, CHECKED)
    assert health.pause(nobody=False) == 2.0
    check(health, 1.0, good=False)
    assert health.pause(nobody=False) == 0.5
    check(health, 2.0, good=False)
    check(health, 3.0, good=False)
    assert health.pause(nobody=False) == 5.0
    assert health.pause(nobody=True) == 1.0
    check(health, 4.0, good=True)
    assert health.pause(nobody=False) == 0.5


def test_a_host_that_traffic_ejects_stays_out_longer_each_time_although_checks_like_it() -> None:
    health, now, out = Health(0.0, CHECKED), 0.0, []
    for _ in range(4):
        assert refused(health, now)
        fell = now
        while not health.up:
            now += 0.1
            check(health, now, good=True)
        out.append(now - fell)
    assert out == pytest.approx([1.0, 2.0, 4.0, 8.0], abs=0.15)
    assert health.flapping(now)
    assert health.flapping(now + 59.0)
    assert not health.flapping(now + 60.1)  # its falls are forgiven
    refused(health, now + 61.0)
    assert not health.flapping(now + 61.0)


def test_a_long_time_up_forgives_earlier_falls() -> None:
    health = Health(0.0, CHECKED)
    refused(health, 0.0)
    check(health, 2.0, good=True)
    assert check(health, 3.0, good=True)
    refused(health, 100.0)
    assert health.streak == 1


def test_falls_by_checks_are_damped_only_when_it_flaps() -> None:
    health, now = Health(0.0, CHECKED), 0.0
    ejections = []
    for _ in range(FLAPPING + 2):
        while health.up:
            now += 0.1
            check(health, now, good=False)
        ejections.append(round(health.until - now, 3))
        while not health.up:
            now += 0.1
            check(health, now, good=True)
    assert ejections == [0.0, 0.0, 1.0, 2.0, 4.0]


def test_who_may_not_fall_is_held_and_falls_when_it_may() -> None:
    health = Health(0.0, CHECKED)
    assert not health.hear(1.0, Word.DEAD, Source.TRAFFIC, "refused", may_fall=False)
    assert health.up
    assert health.held
    assert health.progress() == "going down 3/3"
    assert check(health, 2.0, good=False)
    assert not health.up


def test_a_pardon_lets_one_good_test_bring_it_back() -> None:
    health = Health(0.0, CHECKED)
    refused(health, 1.0)
    health.pardon(1.1)
    assert check(health, 1.2, good=True)


def test_a_dump_goes_on_where_it_was() -> None:
    health = Health(0.0, CHECKED)
    refused(health, 1.0)
    check(health, 2.0, good=True)
    again = Health.restored(50.0, CHECKED, health.dump())
    assert again.dump() == health.dump()
    assert again.stage is Stage.RISING


WORDS = st.lists(st.tuples(st.sampled_from(list(Word)), st.floats(0.0, 5.0)), max_size=60)


@given(WORDS, st.integers(1, 5), st.integers(1, 5))
def test_it_turns_at_most_once_in_rise_or_fall_checks(words: list[tuple[Word, float]], rise: int, fall: int) -> None:
    health, now = Health(0.0, Rules(True, rise, fall, 1.0, 1.0, 1.0)), 0.0
    since = 0
    for word, pause in words:
        now += pause
        if word is Word.DEAD:
            word = Word.BAD
        since += 1
        if health.hear(now, word, Source.CHECK):
            assert since >= (rise if health.up else fall)
            since = 0


@given(WORDS)
def test_who_is_ejected_is_never_back_before_its_time_and_always_has_a_next_test(
    words: list[tuple[Word, float]],
) -> None:
    for rules in (CHECKED, BARE):
        health, now = Health(0.0, rules), 0.0
        for word, pause in words:
            now += pause
            until = health.until
            if health.hear(now, word, Source.CHECK) and health.up and rules.checked:
                assert now >= until
            if not health.up:
                assert health.pause(nobody=False) is not None
