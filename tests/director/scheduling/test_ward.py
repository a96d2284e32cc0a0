"""What holds for a whole group: the floor, and who is used when all are down."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from director.scheduling.health import Health, Rules, Source, Word
from director.scheduling.ward import Ward

RULES = Rules(True, 1, 2, 1.0, 1.0, 1.0)


def ward(count: int, min_up: int = 0, barred: set[int] | None = None) -> Ward:
    return Ward(min_up, {number: Health(0.0, RULES) for number in range(count)}, barred or set())


def fell(ward: Ward, number: int, word: Word = Word.DEAD) -> None:
    ward.hear(number, 1.0, word, Source.TRAFFIC, "refused")


def test_the_floor_holds_the_last_hosts() -> None:
    group = ward(3, min_up=1)
    for number in range(3):
        fell(group, number)
    assert [health.up for health in group.hosts.values()] == [False, False, True]
    assert group.hosts[2].held
    assert not group.panic


def test_who_is_held_falls_when_another_is_back() -> None:
    group = ward(2, min_up=1)
    fell(group, 0)
    fell(group, 1)
    group.hear(0, 100.0, Word.GOOD, Source.CHECK)
    assert group.up == 2
    assert group.hear(1, 101.0, Word.BAD, Source.CHECK)
    assert [health.up for health in group.hosts.values()] == [True, False]


def test_hosts_in_maintenance_do_not_count_for_the_floor() -> None:
    group = ward(3, min_up=1, barred={0})
    fell(group, 1)
    fell(group, 2)
    assert group.hosts[2].up
    assert not group.usable(0)


def test_in_a_panic_those_are_used_that_traffic_has_not_tried() -> None:
    group = ward(3)
    fell(group, 0)
    for number in (1, 2):
        fell(group, number, Word.BAD)
        fell(group, number, Word.BAD)
    assert group.panic
    assert [group.usable(number) for number in range(3)] == [False, True, True]
    fell(group, 1)
    assert [group.usable(number) for number in range(3)] == [False, False, True]


def test_without_candidates_there_is_no_panic() -> None:
    assert not ward(0).panic
    assert not ward(1, barred={0}).panic


@given(
    st.integers(0, 4),
    st.sets(st.integers(0, 4)),
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(list(Word)), st.floats(0.0, 3.0)), max_size=80),
)
def test_verdicts_never_go_below_the_floor_nor_to_who_is_barred(
    min_up: int, barred: set[int], words: list[tuple[int, Word, float]]
) -> None:
    group, now = ward(5, min_up, barred), 0.0
    floor = min(min_up, 5 - len(barred))
    for number, word, pause in words:
        now += pause
        group.hear(number, now, word, Source.CHECK, "why")
        up = [health.up for other, health in group.hosts.items() if other not in barred]
        assert sum(up) == group.up >= floor
        assert not any(group.usable(other) for other in barred)
        assert group.panic is (bool(up) and not any(up))


@given(st.sets(st.integers(0, 4)), st.lists(st.tuples(st.integers(0, 4), st.booleans())), st.sets(st.integers(0, 4)))
def test_one_by_one_a_ward_gets_where_it_would_by_all_at_once(
    down: set[int], steps: list[tuple[int, bool]], barred: set[int]
) -> None:
    group = ward(5, barred=barred)
    for number in down:
        fell(group, number)
    for number, word in steps:
        group.bar_one(number, word)
    whole = Ward(0, group.hosts, set(group.barred))
    assert (group.up, group.panic) == (whole.up, whole.panic)
    assert group.barred == (barred - {number for number, _ in steps}) | {
        number for number, word in dict(steps).items() if word
    }
