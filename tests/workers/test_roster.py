"""The sessions of a worker as rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import workers.roster
from director.messages import Slot
from tests.waiting import until
from tests.workers.plant import Plant, accepted, listening, refusing
from workers.roster import Roster

ALL = {"after": 0, "service": "", "group": "", "host": "", "client": "", "older": 0.0, "idle": 0.0, "bytes": 0}


@pytest.fixture
def plant() -> Iterator[Plant]:
    """Two clients are connected, after the first host refused one of them; the first of them sent five bytes."""
    with listening() as host:
        plant = Plant([refusing(), host.getsockname()])
        with plant.connect() as one, plant.connect():
            ends = [accepted(host), accepted(host)]
            until(lambda: [session for session in plant.sessions.all.values() if session.connected][1:])
            one.sendall(b"12345")
            until(lambda: sum(session.client.received for session in plant.sessions.all.values()) == 5)
            yield plant
            for end in ends:
                end.close()
        plant.close()


def page(plant: Plant, **picked: Any) -> Any:
    return Roster(Slot(3), plant.services, plant.sessions).page({**ALL, **picked})


def listed(plant: Plant, **picked: Any) -> list[dict[str, Any]]:
    found = page(plant, **picked)
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def test_a_session_is_told_with_host_tries_and_bytes(plant: Plant) -> None:
    both = listed(plant)
    assert [session["session"] for session in both] == ["3-1", "3-2"]
    told = Roster(Slot(3), plant.services, plant.sessions).one(1)
    assert told is not None
    assert (told["service"], told["group"], told["host"], told["state"]) == ("web", "main", "h1", "connected")
    assert told["scheduler"] == "roundrobin" and told["sticky"] is False and told["worker"] == 3
    assert told["tries"] == 1 + len(told["failed"])
    assert sum(session["tries"] for session in both) == 3
    assert told["client"] == "127.0.0.1" and told["bytes_in"] + both[1]["bytes_in"] == 5
    assert Roster(Slot(3), plant.services, plant.sessions).one(99) is None


def test_sessions_are_picked_by_whatever_is_known_of_them(plant: Plant) -> None:
    plant.sessions.all[2].accepted -= 100
    plant.sessions.all[2].active -= 50

    def names(**picked: Any) -> list[str]:
        return [one["session"] for one in listed(plant, **picked)]

    both = ["3-1", "3-2"]
    for fits in ({"service": "web"}, {"group": "main"}, {"host": "h1"}, {"client": "127.0.0.1"}):
        assert names(**fits) == both
    assert names(client="127.0.0.0/8") == both
    plant.services.labels[-9] = "main", "pool:10.0.0.7:80"
    for session in plant.sessions.all.values():
        assert session.host is not None
        session.host.number = -9
    assert names(host="pool") == names(host="pool:10.0.0.7:80") == names(group="main", host="pool") == both
    assert names(host="poo") == names(host="10.0.0.7:80") == []
    for misfit in ({"service": "db"}, {"group": "next"}, {"host": "h0"}, {"client": "10.0.0.0/8"}, {"bytes": 6}):
        assert names(**misfit) == []
    assert names(older=90.0) == names(idle=40.0) == ["3-2"]
    assert len(names(bytes=5)) == 1


def test_a_list_comes_in_pages(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.roster, "PAGE", 1)
    first = page(plant)
    assert [row[0] for row in first["rows"]] == ["3-1"] and first["next"] == 1
    second = page(plant, after=1)
    assert [row[0] for row in second["rows"]] == ["3-2"] and second["next"] is None
    monkeypatch.setattr(workers.roster, "LOOK", 1)
    assert page(plant, service="db") == {"columns": workers.roster.COLUMNS, "rows": [], "next": 1}


def test_rates_are_those_between_the_last_two_sweeps(plant: Plant) -> None:
    plant.sessions.sweep()
    rates = [(one["rate_in"], one["rate_out"]) for one in listed(plant)]
    assert sorted(rates)[0] == (0, 0) and sorted(rates)[1][0] > 0
    plant.sessions.sweep()
    assert all(one["rate_in"] == 0 for one in listed(plant))
