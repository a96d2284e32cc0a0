"""Which sessions a worker offers for closing, and that closing them ends them as ordered."""

from __future__ import annotations

import time
from collections.abc import Iterator

import gevent
import pytest

from director.addresses import place
from tests.waiting import until
from tests.workers.plant import Plant, accepted, listening, read
from workers.closings import Closings


@pytest.fixture
def plant() -> Iterator[Plant]:
    with listening() as host:
        plant = Plant([host.getsockname()])
        plant.host = host  # type: ignore[attr-defined]
        yield plant
        plant.close()


def test_idle_sessions_of_the_hosts_are_offered_first_and_closed(plant: Plant) -> None:
    closings = Closings(plant.sessions, plant.connector)
    with plant.connect() as one, plant.connect() as other:
        ends = [accepted(plant.host), accepted(plant.host)]  # type: ignore[attr-defined]
        until(lambda: [session for session in plant.sessions.all.values() if session.connected][1:])
        plant.sessions.all[1].active -= 60
        offers = closings.offer({"hosts": [3], "most": 10, "places": [], "before": None})["offers"]
        assert [(busy, number) for busy, _, number in offers] == [(False, 1), (True, 2)]
        assert closings.offer({"hosts": [3], "most": 1, "places": [], "before": None})["offers"] == offers[:1]
        assert closings.offer({"hosts": [3], "most": 9, "places": [], "before": time.monotonic() - 60})["offers"] == []
        assert closings.offer({"hosts": [4], "most": 9, "places": [], "before": None})["offers"] == []
        there = [place(plant.host.getsockname())]  # type: ignore[attr-defined]
        assert closings.offer({"hosts": [3], "most": 1, "places": there, "before": None})["count"] == 2
        elsewhere = {"hosts": [3], "most": 9, "places": ["127.0.0.2:80"], "before": None}
        assert closings.offer(elsewhere) == {"offers": [], "count": 0}
        assert closings.close({"sessions": [1, 99], "end": "KD"}) == {"closed": 1}
        assert plant.ended == ["KD"] and list(plant.sessions.all) == [2]
        assert plant.services.hosts_tally[3].closed == 1
        assert read(one, 1) == b""
        other.sendall(b"x")
        for end in ends:
            end.close()


def test_one_that_has_no_host_yet_is_not_offered_and_one_on_its_way_is_given_up(plant: Plant) -> None:
    closings = Closings(plant.sessions, plant.connector)
    with plant.connect():
        until(lambda: plant.sessions.all)
        session = next(iter(plant.sessions.all.values()))
        assert closings.close({"sessions": [session.id], "end": "DD"}) == {"closed": 1}
        gevent.sleep(0.05)
        assert plant.ended == ["DD"] and plant.board.whole() == {}
