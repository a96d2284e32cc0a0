"""What went well between two faults of a host."""

from __future__ import annotations

from director.messages import Fault
from director.tally import HostTallies
from workers.streaks import Streaks


def test_what_ended_without_a_reset_since_the_last_fault_went_well() -> None:
    tallies = HostTallies()
    streaks = Streaks(tallies)
    assert streaks.fault(3) == 0
    tallies[3].ended += 5
    tallies.take()  # the hub is told
    tallies[3].ended += 1
    tallies[3].fault(Fault.RESET)
    assert streaks.fault(3) == 5
    tallies[3].ended += 1
    tallies[3].fault(Fault.RESET)
    tallies[3].fault(Fault.CONNECT_REFUSED)  # had no connection that could end
    assert streaks.fault(3) == 0
    tallies[3].ended += 1
    assert streaks.fault(3) == 1
