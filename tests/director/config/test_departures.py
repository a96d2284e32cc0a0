"""Which connections are to end, by which change, and until when they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from director import framing
from director.config.changes import amend
from director.config.departures import HOST_WENT_DOWN, KILLED, settled
from director.config.edits import apply, diff, inverse, renumbered
from director.config.merge import merge
from director.config.plan import described
from director.errors import RefusedError
from director.messages import (
    Amend,
    Change,
    Draining,
    Grace,
    GroupAdd,
    GroupDelete,
    GroupEnable,
    HostAdd,
    HostDelete,
    HostDeleteAll,
    HostDown,
    HostDrain,
    HostState,
    HostUp,
    Running,
    ServiceDelete,
)
from tests.director.config.configs import ANN, RUNNING, host, runnings

AT = 1_700_000_000.0
A = ("web", "main", "a")
NUMBERS = {
    (service.name, group.name, one.name): one.number
    for service in RUNNING.config.services
    for group in service.groups
    for one in group.hosts
}


def after(*changes: Change, running: Running = RUNNING, force: bool = True) -> Running:
    for change in changes:
        changed, _ = amend(running, change, ANN, AT, force=force)
        numbered, _ = renumbered(changed, running.config, 100)
        running = settled(numbered)
    return running


@pytest.mark.parametrize(
    ("change", "path", "hosts"),
    [
        (HostDrain(*A, grace=Grace(60.0, 5.0)), A, ["a"]),
        (HostDelete(*A, Grace(60.0, 5.0)), A, ["a"]),
        (HostDeleteAll("web", "main", Grace(60.0, 5.0)), ("web", "main"), ["a", "b"]),
        (GroupDelete("web", "next", Grace(60.0, 5.0)), ("web", "next"), ["c"]),
        (GroupEnable("web", "next", Grace(60.0, 5.0)), ("web", "main"), ["a", "b"]),
        (ServiceDelete("web", 3, Grace(60.0, 5.0)), ("web",), ["a", "b", "c"]),
    ],
)
def test_a_change_with_a_grace_leaves_a_drain(change: Change, path: tuple[str, ...], hosts: list[str]) -> None:
    running, said = amend(RUNNING, change, ANN, AT, force=True)
    numbers = tuple(sorted(number for where, number in NUMBERS.items() if where[0] == "web" and where[2] in hosts))
    assert running.drains == (Draining(path, numbers, "ann", AT, AT + 60, 5.0, KILLED),)
    assert said.endswith("connections left in 60 s are closed, 5 a second")
    without: Change = replace(change, grace=Grace() if type(change) is HostDrain else None)  # type: ignore[arg-type]
    running, _ = amend(RUNNING, without, ANN, AT, force=True)
    assert [drain.deadline_at for drain in running.drains] == ([None] if type(change) is HostDrain else [])


def test_a_rate_alone_begins_at_once() -> None:
    (drain,) = after(HostDrain(*A, grace=Grace(None, 2.0))).drains
    assert (drain.deadline_at, drain.rate) == (AT, 2.0)


def test_a_host_drains_until_it_is_up_again() -> None:
    running = after(HostDrain(*A))
    assert running.admin[NUMBERS[A]].state is HostState.DRAIN
    same, said = amend(running, HostDrain(*A), ANN, AT + 5)
    assert same is running and "is draining already" in said
    sooner, said = amend(running, HostDrain(*A, grace=Grace(1.0)), ANN, AT + 5)
    assert [drain.deadline_at for drain in sooner.drains] == [AT + 6]
    assert after(HostUp(*A), running=sooner).drains == ()
    assert after(HostDown(*A), running=sooner).drains == sooner.drains  # its connections are to end all the same


def test_the_last_usable_host_is_not_drained_unless_forced() -> None:
    running = after(HostDown("web", "main", "b"))
    with pytest.raises(RefusedError, match="can't drain host 'a' of web/main: it is the last usable host"):
        amend(running, HostDrain(*A), ANN, AT)
    assert amend(running, HostDrain(*A), ANN, AT, force=True)[0].drains


def test_down_and_close_cuts_what_is_there_also_if_it_was_down_already() -> None:
    down = after(HostDown(*A))
    assert down.drains == ()
    running, said = amend(down, HostDown(*A, grace=Grace(0.0)), ANN, AT)
    assert said == "host 'a' of web/main is in maint already; connections are closed"
    assert running.drains == (Draining(A, (NUMBERS[A],), "ann", AT, AT, None, HOST_WENT_DOWN),)


def test_a_group_that_is_enabled_again_drains_no_more() -> None:
    running = after(GroupEnable("web", "next", Grace(60.0)))
    assert after(GroupEnable("web", "main"), running=running).drains == ()
    assert amend(running, GroupEnable("web", "next", Grace(0.0)), ANN, AT)[0] is running


def test_what_is_gone_goes_on_draining_whoever_takes_its_name() -> None:
    running = after(HostDelete(*A, Grace(60.0)), HostAdd("web", "main", host("a")))
    assert [drain.hosts for drain in running.drains] == [(NUMBERS[A],)]
    again = after(HostDelete(*A, Grace(5.0)), running=running)
    (drain,) = again.drains
    assert NUMBERS[A] in drain.hosts and len(drain.hosts) == 2 and drain.deadline_at == AT + 5
    whole = after(
        GroupDelete("web", "main", Grace(60.0)), GroupAdd("web", next(iter(RUNNING.config.services[0].groups)))
    )
    assert [drain.path for drain in whole.drains] == [("web", "main")]


def test_a_reload_keeps_drains_and_a_file_that_enables_the_group_ends_them() -> None:
    running = after(HostDelete("web", "main", "b", Grace(60.0)), HostDrain("db", "main", "a"))
    merged = merge(RUNNING.config, RUNNING, running)
    assert merged.running.drains == running.drains
    assert not any(edit.field == "drain" for edit in merged.stays)
    left = after(GroupEnable("web", "next", Grace(60.0)))
    forward = merge(RUNNING.config, replace(RUNNING, version=9), replace(left, config=RUNNING.config))
    assert forward.running.drains == ()


@given(runnings())
def test_drains_travel_and_are_taken_back(running: Running) -> None:
    drain = Draining(("gone", "g", "h"), (-5, 999), "ann", AT, AT + 5, 0.5)
    drained = replace(running, drains=(drain,))
    edits = diff(running, drained)
    assert framing.decode(framing.encode_body(Amend(2, edits))) == Amend(2, edits)
    assert apply(running, edits).drains == (drain,)
    assert apply(drained, inverse(edits)).drains == ()
    assert settled(drained).drains == (drain,)


def test_a_plan_tells_of_drains() -> None:
    texts = [step.text for step in described(RUNNING, after(HostDrain(*A, grace=Grace(600.0, 5.0))))]
    assert texts == [
        "give nothing new to host 'a' of web/main",
        "drain host 'a' of web/main: close those left in 600 s, 5 a second",
    ]
    assert [step.text for step in described(after(HostDrain(*A)), RUNNING)] == [
        "use host 'a' of web/main again",
        "no longer drain host 'a' of web/main",
    ]
