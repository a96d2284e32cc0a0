"""The life of the master, as a table."""

from __future__ import annotations

from director.master.stage import TRANSITIONS, Stage, Turn


def test_every_stage_but_the_last_leads_to_the_end() -> None:
    for stage in Stage:
        reached = {stage}
        while more := {after for one in reached for after in TRANSITIONS[one].values()} - reached:
            reached |= more
        assert Stage.EXIT in reached


def test_a_stop_is_heard_in_every_stage_but_the_last() -> None:
    assert {stage for stage in Stage if Turn.STOP in TRANSITIONS[stage]} == set(Stage) - {Stage.EXIT}
