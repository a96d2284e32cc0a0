"""The closed list of events."""

from __future__ import annotations

import re

from director.events import Event


def test_events_are_a_subject_and_a_verb_and_each_is_there_once() -> None:
    assert len({event.value for event in Event}) == len(Event)
    for event in Event:
        assert re.fullmatch(r"[a-z]+ [a-z]+", event.value), event
        assert event.name == event.value.upper().replace(" ", "_")
