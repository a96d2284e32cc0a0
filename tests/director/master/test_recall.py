"""What runs at a start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from director import logs
from director.config.changes import amend
from director.config.edits import by_place, diff, renumbered
from director.config.model import Config
from director.config.reader import read
from director.config.writer import write
from director.events import Event
from director.master import records
from director.master.journal import Journal
from director.master.recall import recall
from director.master.records import Changed, Loaded
from director.messages import Change, Edit, Happened, HostAdd, HostDown, HostWeight
from tests.director.config.configs import ANN, RUNNING, host
from tests.shortage import no_room

TEXT = write(RUNNING.config)


def check(text: bytes, name: str) -> Config | None:
    return read(text, name)[0]


def journal() -> Journal:
    """One over TEXT, in which a host was added and another taken down."""
    found = Journal()
    found.append(Loaded.of(1.0, "f", TEXT))
    running = RUNNING
    changes: tuple[Change, ...] = (HostAdd("web", "main", host("new")), HostDown("web", "main", "a"))
    for number, change in enumerate(changes, 1):
        after, _ = amend(running, change, ANN, 1.0)
        after, _ = renumbered(after, running.config, 100 + number)
        found.append(Changed(number, 1.0, ANN, "said", diff(running, after)))
        running = after
    return found


def test_without_changes_the_file_runs() -> None:
    found = Journal()
    running, last = recall(found, RUNNING.config, TEXT, "f", check)
    assert running.config == RUNNING.config and last > 0
    assert isinstance(found.records[-1], Loaded)


def test_a_full_disk_keeps_nobody_from_starting(tmp_path: Path) -> None:
    found = Journal(str(tmp_path / "journal"))
    with no_room():
        running, _ = recall(found, RUNNING.config, TEXT, "f", check)
    assert running.config == RUNNING.config
    assert isinstance(found.records[-1], Loaded)


def test_changes_are_there_again_with_numbers_of_their_own() -> None:
    found = journal()
    running, last = recall(found, RUNNING.config, TEXT, "f", check)
    hosts = running.config.services[0].groups[0].hosts
    assert [one.name for one in hosts] == ["a", "b", "new"]
    numbers = [h.number for s in running.config.services for g in s.groups for h in g.hosts]
    assert len(set(numbers)) == len(numbers) and max(numbers) <= last
    assert [place[-1] for place in by_place(running)] == ["a"]
    again, _ = recall(found, RUNNING.config, TEXT, "f", check)
    assert (again.config, by_place(again)) == (running.config, by_place(running))


def test_a_file_that_changed_meanwhile_is_merged() -> None:
    found = journal()
    now, _ = amend(RUNNING, HostWeight("web", "main", "b", 5.0), ANN, 1.0)
    running, _ = recall(found, now.config, write(now.config), "f", check)
    assert [(one.name, one.weight) for one in running.config.services[0].groups[0].hosts] == [
        ("a", 1.0),
        ("b", 5.0),
        ("new", 1.0),
    ]


def test_changes_over_a_text_that_can_not_be_read_any_more_stay() -> None:
    running, _ = recall(journal(), RUNNING.config, TEXT + b"\n", "f", lambda text, name: None)
    assert len(running.config.services[0].groups[0].hosts) == 3


def test_changes_stay_though_the_record_of_the_text_that_they_were_made_over_is_damaged() -> None:
    found = journal()
    del found.records[0]
    running, _ = recall(found, RUNNING.config, TEXT, "f", check)
    assert [one.name for one in running.config.services[0].groups[0].hosts] == ["a", "b", "new"]
    assert [place[-1] for place in by_place(running)] == ["a"]


def test_of_changes_over_a_damaged_record_those_that_do_not_fit_the_file_are_said_to_be_overruled() -> None:
    found = journal()
    weighted, _ = amend(RUNNING, HostWeight("web", "main", "b", 5.0), ANN, 1.0)
    found.append(Changed(3, 1.0, ANN, "said", diff(RUNNING, weighted)))
    del found.records[0]
    now, _ = amend(RUNNING, HostWeight("web", "main", "b", 7.0), ANN, 1.0)
    told: list[Happened] = []
    logs.listen(told.append)
    try:
        running, _ = recall(found, now.config, write(now.config), "f", check)
    finally:
        logs.listen(None)
    hosts = [(one.name, one.weight) for one in running.config.services[0].groups[0].hosts]
    assert hosts == [("a", 1.0), ("b", 7.0), ("new", 1.0)]
    said = [one.fields["change"] for one in told if one.event == Event.CHANGE_OVERRULED]
    assert said == ["the file changed host 'b' of web/main, weight: the file wins"]


def test_a_scheduler_that_an_older_version_wrote_down_as_it_was_typed_runs_by_its_one_name() -> None:
    service = RUNNING.config.services[0]
    typed = replace(service.groups[0], name="typed", scheduler="leastc,sticky")
    edits = (
        Edit(("service", service.name, "group", service.groups[0].name), "scheduler", "roundr", "lweighted"),
        Edit(("service", service.name, "group", "typed"), "", None, typed),
        Edit(("service", "typed"), "", None, replace(service, name="typed", groups=(typed,), listens=())),
    )
    last = Loaded.of(1.0, "f", TEXT, edits[:1])
    found = Journal()
    found.records, _, strange = records.read(records.line(last) + records.line(Changed(1, 1.0, ANN, "said", edits[1:])))
    running, _ = recall(found, RUNNING.config, TEXT, "f", check)
    first, fresh = running.config.services[0], running.config.services[-1]
    assert strange == 0
    assert first.groups[0].scheduler == "leastconns"
    assert first.groups[-1].scheduler == fresh.groups[0].scheduler == "leastconnsrr,sticky"


def test_a_change_to_a_scheduler_of_a_later_version_is_left_out() -> None:
    service = RUNNING.config.services[0]
    edit = Edit(("service", service.name, "group", service.groups[0].name), "scheduler", "roundrobin", "by-the-stars!")
    assert records.read(records.line(Changed(1, 1.0, ANN, "said", (edit,))))[0] == []
