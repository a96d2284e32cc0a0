"""Events on their way to the hub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from director import logs
from director.events import Event
from director.messages import Happened
from director.outbox import ROOM, Outbox


@pytest.fixture(autouse=True)
def deaf() -> Iterator[None]:
    yield
    logs.listen(None)


def test_what_is_logged_is_sent_at_the_next_flush_and_once() -> None:
    outbox = Outbox()
    outbox.open()
    logs.warning(Event.HOST_DOWN, host="web/main/a", errno=111)
    logs.debug(Event.HOST_UP)
    sent: list[Happened] = []
    outbox.flush(sent.append)
    outbox.flush(sent.append)
    (one,) = sent
    assert (one.level, one.event, one.fields) == ("warning", "host down", {"host": "web/main/a", "errno": "111"})


def test_an_event_is_told_also_when_the_log_is_quieter() -> None:
    outbox = Outbox()
    outbox.open()
    logs.info(Event.HOST_UP)
    sent: list[Happened] = []
    outbox.flush(sent.append)
    assert len(sent) == 1


def test_what_is_logged_while_sending_does_not_go_round_for_ever() -> None:
    outbox = Outbox()
    outbox.open()
    logs.info(Event.HOST_UP)
    outbox.flush(lambda one: logs.error(Event.PROCESS_FAILED, reason="can't send"))
    sent: list[Happened] = []
    outbox.flush(sent.append)
    assert [one.event for one in sent] == ["process failed"]


def test_old_events_give_way_when_nobody_takes_them() -> None:
    outbox = Outbox()
    for number in range(ROOM + 10):
        outbox.add(Happened(float(number), "info", "host up", "master", 1, {}))
    sent: list[Happened] = []
    outbox.flush(sent.append)
    assert [one.at for one in sent] == list(range(10, ROOM + 10))
