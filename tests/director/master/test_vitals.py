"""What a process had to itself of a while: looks of the kernel, in a table."""

from __future__ import annotations

import pytest

from director.master.vitals import Vitals, own_time


@pytest.mark.parametrize(
    ("before", "now", "own"),
    [
        (None, Vitals("S"), 2.0),
        (None, Vitals("T"), 0.0),
        (Vitals("S"), Vitals("S"), 2.0),  # a deadlock
        (Vitals("S"), Vitals("S", 0.25, 1.75), 1.0),  # an eighth of what it could use: half of what it needs
        (Vitals("S"), Vitals("S", 1.0, 1.0), 2.0),
        (Vitals("R"), Vitals("R", 0.25), 1.0),
        (Vitals("S"), Vitals("D", 0.5), 0.0),
        (Vitals("R"), Vitals("R", 2.0), 2.0),  # an endless loop
        (Vitals("R", 1.0), Vitals("R", 1.0), 0.0),  # it waits for a processor all the time
        (Vitals("R", 1.0), Vitals("S", 1.0, 30.0), 0.0),  # the end of a long wait
        (Vitals("R"), Vitals("R", 2.5), 2.0),  # the clocks differ
    ],
)
def test_time_that_the_machine_kept_is_not_its_own(before: Vitals | None, now: Vitals, own: float) -> None:
    assert own_time(2.0, before, now) == own


def test_who_has_ended_is_dead_reaped_or_not() -> None:
    assert [Vitals(letter).dead for letter in ("Z", "", "S", "R", "T", "D")] == [True, True, *[False] * 4]
