"""What a worker tells of its schedulers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from director.messages import Question, Slot
from tests.workers.plant import SERVICE, Plant, listening, refusing
from workers.closings import Closings
from workers.questions import Questions
from workers.roster import Roster


@pytest.fixture
def plant() -> Iterator[Plant]:
    with listening() as host:
        plant = Plant([refusing(), host.getsockname()])
        plant.host = host  # type: ignore[attr-defined]
        yield plant
        plant.close()


def ask(plant: Plant, topic: str, **args: Any) -> Any:
    closings = Closings(plant.sessions, plant.connector)
    roster = Roster(Slot(3), plant.services, plant.sessions)
    questions = Questions(Slot(3), plant.services, plant.board, roster, closings)
    return questions.answer(Question(7, topic, args)).document


def test_a_choice_is_explained_from_its_own_state(plant: Plant) -> None:
    document = ask(plant, "explain", service=SERVICE, client="10.0.0.1")
    assert (document["worker"], document["age_ms"], document["scheduler"]) == (3, None, "roundrobin")
    assert {host["host"] for host in document["hosts"]} == {"h0", "h1"}
    plant.board.heard = 1.0
    assert ask(plant, "explain", service=SERVICE, client="10.0.0.1")["age_ms"] > 0
    assert ask(plant, "explain", service=99, client="10.0.0.1") is None
    assert ask(plant, "nonsense") is None
