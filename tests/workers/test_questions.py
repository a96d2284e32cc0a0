"""What a worker tells of its schedulers and sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import workers.questions
from director.messages import Question, Slot
from tests.workers.plant import SERVICE, Plant, accepted, listening, refusing, until
from workers.closings import Closings
from workers.questions import Questions


@pytest.fixture
def plant() -> Iterator[Plant]:
    with listening() as host:
        plant = Plant([refusing(), host.getsockname()])
        plant.host = host  # type: ignore[attr-defined]
        yield plant
        plant.close()


def ask(plant: Plant, topic: str, **args: Any) -> Any:
    closings = Closings(plant.sessions, plant.connector)
    return (
        Questions(Slot(3), plant.services, plant.sessions, plant.board, closings)
        .answer(Question(7, topic, args))
        .document
    )


def test_a_choice_is_explained_from_its_own_state(plant: Plant) -> None:
    document = ask(plant, "explain", service=SERVICE, client="10.0.0.1")
    assert (document["worker"], document["age_ms"], document["scheduler"]) == (3, None, "roundrobin")
    assert {host["host"] for host in document["hosts"]} == {"h0", "h1"}
    plant.board.heard = 1.0
    assert ask(plant, "explain", service=SERVICE, client="10.0.0.1")["age_ms"] > 0
    assert ask(plant, "explain", service=99, client="10.0.0.1") is None
    assert ask(plant, "nonsense") is None


def test_a_session_is_told_with_host_tries_and_bytes(plant: Plant) -> None:
    with plant.connect() as one, plant.connect() as other:
        ends = [accepted(plant.host), accepted(plant.host)]  # type: ignore[attr-defined]
        until(lambda: [session for session in plant.sessions.all.values() if session.connected][1:])
        one.sendall(b"12345")
        until(lambda: sum(session.client.received for session in plant.sessions.all.values()) == 5)
        listed = ask(plant, "sessions", older=0.0, client="", service="", host="")
        assert listed["more"] is False
        assert [session["session"] for session in listed["sessions"]] == ["3-1", "3-2"]
        told = ask(plant, "session", session=1)
        assert (told["service"], told["group"], told["host"], told["state"]) == ("web", "main", "h1", "connected")
        assert told["scheduler"] == "roundrobin" and told["sticky"] is False
        assert told["tries"] == 1 + len(told["failed"])
        assert sum(session["tries"] for session in listed["sessions"]) == 3
        assert told["client"] == "127.0.0.1" and told["port"] in (one.getsockname()[1], other.getsockname()[1])
        for end in ends:
            end.close()
    assert ask(plant, "session", session=99) is None


def test_sessions_are_picked_by_service_host_client_and_age(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = {"older": 0.0, "client": "", "service": "", "host": ""}
    with plant.connect(), plant.connect():
        ends = [accepted(plant.host), accepted(plant.host)]  # type: ignore[attr-defined]
        until(lambda: [session for session in plant.sessions.all.values() if session.connected][1:])

        def count(**picked: Any) -> int:
            return len(ask(plant, "sessions", **{**everything, **picked})["sessions"])

        assert count() == count(service="web") == count(host="h1") == count(client="127.0.0.1") == 2
        assert count(service="db") == count(host="h0") == count(client="10.0.0.1") == count(older=60.0) == 0
        monkeypatch.setattr(workers.questions, "MOST", 1)
        assert count() == 1
        assert ask(plant, "sessions", **everything)["more"] is True
        for end in ends:
            end.close()
