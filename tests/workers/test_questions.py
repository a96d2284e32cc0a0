"""What a worker tells of its schedulers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from director.messages import Question, Slot
from director.scheduling.permits import DIRECTOR
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


@pytest.mark.parametrize(("limit", "number"), [("director", DIRECTOR), ("service", SERVICE), ("group", 2)])
def test_a_limit_above_the_hosts_leaves_them_out(plant: Plant, limit: str, number: int) -> None:
    plant.board.limit([number])
    document = ask(plant, "explain", service=SERVICE, client="10.0.0.1")
    assert (document["limit"], document["chosen"], document["one_of"]) == (limit, None, [])
    assert [host["verdict"] for host in document["hosts"]] == ["limit", "limit"]
    plant.board.granted({number: (1, 1)})
    document = ask(plant, "explain", service=SERVICE, client="10.0.0.1")
    assert document["limit"] == ""
    assert "limit" not in [host["verdict"] for host in document["hosts"]]
