"""The life of the master, as a table."""

from __future__ import annotations

from director.master.stage import TRANSITIONS, Stage, Turn


def test_every_stage_but_the_last_leads_to_the_end() -> None:
    for stage in Stage:
        reached = {stage}
        while more := {after for one in reached for after in TRANSITIONS[one].values()} - reached:
            reached |= more
        assert Stage.EXIT in reached


def test_a_stop_is_heard_wherever_the_daemon_is_ours_alone() -> None:
    alone = {Stage.STARTING, Stage.SERVING, Stage.STOPPING}
    assert {stage for stage in Stage if Turn.STOP in TRANSITIONS[stage]} == alone


def test_an_upgrade_can_be_taken_back_until_it_is_committed() -> None:
    old = {stage for stage in Stage if TRANSITIONS[stage].get(Turn.ROLLBACK) is Stage.SERVING}
    new = {stage for stage in Stage if TRANSITIONS[stage].get(Turn.ROLLBACK) is Stage.RETIRING}
    assert old == {Stage.UPGRADING, Stage.PROBATION}
    assert new == {Stage.CANDIDATE, Stage.READY, Stage.PROBATION_NEW}
