"""How long something was down, and how often."""

from __future__ import annotations

from control.downtime import Downtime


def test_time_down_is_counted_over_all_times_that_it_was() -> None:
    downtime = Downtime()
    assert [downtime.follow(down, at) for down, at in ((False, 5.0), (True, 10.0), (True, 11.0), (False, 13.0))] == [
        False,
        True,
        False,
        True,
    ]
    assert (downtime.seconds(20.0), downtime.falls) == (3.0, 1)
    downtime.follow(True, 30.0)
    downtime = Downtime(*downtime.dump())
    assert (downtime.seconds(34.0), downtime.falls) == (7.0, 2)
