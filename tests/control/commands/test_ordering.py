"""What became of an order."""

from __future__ import annotations

import pytest

from control.commands.command import CommandError, ErrorKind
from director.errors import Exit, Problem, RefusedError, Severity
from director.messages import Answer
from tests.control.commands.running import WHERE, run
from tests.control.hubs import FakeHub


def test_a_worker_that_has_not_answered_is_a_warning(hub: FakeHub) -> None:
    hub.answer = Answer(1, Exit.DONE, ("done",), applied=3, workers=4)
    (warning,) = run(hub, "host-up", **WHERE)["warnings"]
    assert warning.startswith("1 of 4 workers has not answered")


def test_a_refusal_carries_the_masters_words(hub: FakeHub) -> None:
    hub.answer = Answer(1, Exit.FAILED, ("can't take a down: it is the last",))
    with pytest.raises(CommandError, match="it is the last") as failed:
        run(hub, "host-down", **WHERE)
    assert (failed.value.kind, failed.value.exit) == (ErrorKind.REFUSED, Exit.FAILED)


def test_a_rejected_config_carries_its_problems(hub: FakeHub) -> None:
    problem = Problem(Severity.ERROR, "c.xml", 3, "no such group", "say main")
    hub.answer = Answer(1, Exit.BAD_CONFIG, (), problems=(problem,))
    with pytest.raises(CommandError) as failed:
        run(hub, "reload")
    assert (failed.value.kind, failed.value.exit) == (ErrorKind.CONFIG, Exit.BAD_CONFIG)
    assert failed.value.lines == ("c.xml:3: no such group; say main",)
    assert str(failed.value).startswith("c.xml:3: no such group")


def test_warnings_of_an_accepted_config_are_told(hub: FakeHub) -> None:
    problem = Problem(Severity.WARNING, "c.xml", 3, "empty group")
    hub.answer = Answer(1, Exit.DONE, ("x",), problems=(problem,), applied=1, workers=1)
    assert run(hub, "reload")["warnings"] == ["c.xml:3: warning: empty group"]


def test_what_the_master_warns_of_stands_beside_what_the_hub_finds(hub: FakeHub) -> None:
    data = {"change": 1, "warnings": ["changes are not remembered"]}
    hub.answer = Answer(1, Exit.DONE, ("x",), applied=0, workers=1, data=data)
    document = run(hub, "host-up", **WHERE)
    assert document["change"] == 1
    assert [warning.split(";")[0] for warning in document["warnings"]] == [
        "changes are not remembered",
        "1 of 1 workers has not answered",
    ]


def test_a_silent_master_is_told_as_it_is(hub: FakeHub) -> None:
    hub.answer = RefusedError("can't reach the master")
    with pytest.raises(RefusedError):
        run(hub, "host-up", **WHERE)
