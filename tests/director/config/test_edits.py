"""What differs, as data."""

from __future__ import annotations

import pytest
from hypothesis import given

from director import framing
from director.config.edits import Misfit, apply, by_place, diff, inverse, renumbered, words
from director.messages import Amend, Edit, Running
from tests.director.config.configs import RUNNING, host, runnings


def same(one: Running, other: Running) -> bool:
    return one.config == other.config and by_place(one) == by_place(other)


@given(runnings(), runnings())
def test_what_differs_is_done_exactly_and_taken_back_exactly(old: Running, new: Running) -> None:
    new, _ = renumbered(new, old.config, 1000)
    edits = diff(old, new)
    assert (edits == ()) == same(old, new)
    after = apply(old, edits)
    assert same(after, new)
    assert same(apply(after, inverse(edits)), old)


@given(runnings(), runnings())
def test_edits_travel_between_processes(old: Running, new: Running) -> None:
    amend = Amend(2, diff(old, new))
    assert framing.decode(framing.encode_body(amend)) == amend


def test_an_edit_of_what_is_not_there_is_told() -> None:
    with pytest.raises(Misfit, match="there is no host 'zzz' of web/main"):
        apply(RUNNING, [Edit(("service", "web", "group", "main", "host", "zzz"), "weight", 1.0, 2.0)])


def test_what_is_new_gets_a_number_that_nobody_had() -> None:
    place = ("service", "web", "group", "main", "host", "new")
    after, last = renumbered(apply(RUNNING, [Edit(place, "", None, host("new"))]), RUNNING.config, 50)
    assert last == 51
    assert [one.number for one in after.config.services[0].groups[0].hosts][-1] == 51


def test_a_place_is_told_as_people_say_it() -> None:
    assert words(("service", "web", "group", "main", "host", "a")) == "host 'a' of web/main"
    assert words(()) == "director"
