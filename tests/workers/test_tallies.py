"""Only what changed is sent, unless all is asked for."""

from __future__ import annotations

import random

from director.messages import Slot
from director.scheduling.scoreboard import Scoreboard
from workers.services import Service, Services
from workers.tallies import Tallies


def test_rows_are_sent_when_they_change_and_whole_when_asked() -> None:
    services = Services(Scoreboard(), random.Random(1))
    services.by_number = {1: Service(1), 2: Service(2)}
    tallies = Tallies(Slot(0), 1, services)
    assert (tallies.message(True, {}).hosts, tallies.message(False, {}).services) == ({}, {})
    services.hosts_tally[3].total += 1
    services.hosts_tally[4].retries += 1
    services.by_number[1].tally.total += 1
    changed = tallies.message(False, {"open": 1.0})
    assert (set(changed.hosts), set(changed.services), changed.gauges) == ({3, 4}, {1}, {"open": 1.0})
    services.hosts_tally[3].total += 1
    assert services.hosts_tally[4].retries == 1  # looked at only
    again = tallies.message(False, {})
    assert (set(again.hosts), set(again.services)) == ({3}, set())
    assert again.hosts[3][0] == 2
    whole = tallies.message(True, {})
    assert whole.whole and set(whole.hosts) == {3, 4} and set(whole.services) == {1}
