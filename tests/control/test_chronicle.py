"""What has happened, and who remembers it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import gevent
import pytest

from control.chronicle import ROOM, Chronicle, document
from control.memory import Memory
from director.messages import Happened
from tests.shortage import no_room


@pytest.fixture
def fd() -> Iterator[int]:
    fd = os.memfd_create("chronicle")
    yield fd
    os.close(fd)


def happened(at: float, event: str = "host down", process: str = "hub", **fields: str) -> Happened:
    return Happened(at, "warning", event, process, 100, fields)


def test_an_event_tells_subject_old_new_reason_and_actor() -> None:
    one = document(7, happened(1.5, host="web/main/a", old="up", new="down", by="check", reason="refused"))
    assert one == {
        "number": 7,
        "time": 1.5,
        "level": "warning",
        "event": "host down",
        "subject": "web/main/a",
        "old": "up",
        "new": "down",
        "reason": "refused",
        "by": "check",
        "process": "hub",
        "pid": 100,
        "fields": {"host": "web/main/a", "old": "up", "new": "down", "by": "check", "reason": "refused"},
    }


@pytest.mark.parametrize(
    ("event", "fields", "subject", "new"),
    [
        ("process exited", {"slot": "2", "status": "killed"}, "worker/2", "exited"),
        ("process exited", {"slot": "-1"}, "hub", "exited"),
        ("daemon ready", {"pid": "1"}, "daemon", "ready"),
        ("limit reached", {"limit": "host web/main/a"}, "host web/main/a", "reached"),
        ("drain closing", {"what": "web/main/a", "left": "3"}, "web/main/a", "closing"),
    ],
)
def test_an_event_without_such_fields_is_about_what_its_words_say(
    event: str, fields: dict[str, str], subject: str, new: str
) -> None:
    one = document(1, happened(1.0, event, **fields))
    assert (one["subject"], one["old"], one["new"], one["by"]) == (subject, None, new, None)


def test_the_last_ones_are_remembered_by_the_next_hub(fd: int) -> None:
    first = Chronicle(Memory(fd))
    for number in range(ROOM + 5):
        first.add(happened(float(number)))
    first.save()
    second = Chronicle(Memory(fd))
    assert [one["time"] for one in second.last(2)] == [ROOM + 3, ROOM + 4]
    assert second.newest == ROOM + 5
    assert len(second.last(10 * ROOM)) == ROOM
    assert second.last(0) == []
    assert [one["number"] for one in second.after(ROOM + 3)] == [ROOM + 4, ROOM + 5]


def test_what_could_not_be_saved_is_saved_later(fd: int) -> None:
    chronicle = Chronicle(Memory(fd))
    chronicle.add(happened(1.0))
    with no_room():
        chronicle.save()
    assert Chronicle(Memory(fd)).newest == 0
    chronicle.save()
    assert Chronicle(Memory(fd)).newest == 1


def test_who_takes_over_goes_on_with_the_numbers_of_the_one_before(fd: int) -> None:
    old, new = Chronicle(Memory(fd)), Chronicle(Memory(os.memfd_create("other")))
    old.add(happened(1.0))
    old.add(happened(2.0))
    old.save()
    new.add(happened(1.5, "process ready", "master"))
    new.add(happened(2.0))  # heard on both ways
    new.take_over(Memory(fd))
    assert [(one["number"], one["time"]) for one in new.last(9)] == [(1, 1.0), (2, 2.0), (3, 1.5)]


def test_who_has_come_further_than_one_that_never_went_on_with_it_keeps_its_numbers(fd: int) -> None:
    never = Chronicle(Memory(fd))
    never.add(happened(2.5))
    never.save()
    own = Chronicle(Memory(os.memfd_create("chronicle")))
    for at in (1.0, 2.0, 3.0):
        own.add(happened(at))
    own.take_over(Memory(fd))
    assert [(one["number"], one["time"]) for one in own.last(9)] == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 2.5)]


def test_who_was_taken_over_from_passes_on_what_comes_then(fd: int) -> None:
    old = Chronicle(Memory(fd))
    passed: list[Happened] = []
    old.tell = passed.append
    old.add(happened(3.0))
    assert [one.at for one in passed] == [3.0]


def test_what_another_generation_tells_that_was_heard_of_before_is_told_once() -> None:
    chronicle = Chronicle(Memory(os.memfd_create("chronicle")))
    chronicle.add(happened(1.0))
    chronicle.add(happened(2.0, "process ready"))
    chronicle.hear(happened(1.0))
    chronicle.hear(happened(3.0))
    assert [one["time"] for one in chronicle.last(9)] == [1.0, 2.0, 3.0]


def test_who_waits_is_woken_by_the_next_event(fd: int) -> None:
    chronicle = Chronicle(Memory(fd))
    waiting = [gevent.spawn(chronicle.wait, 30) for _ in range(3)]
    gevent.sleep(0)
    chronicle.add(happened(1.0))
    assert len(gevent.joinall(waiting, timeout=10)) == 3
